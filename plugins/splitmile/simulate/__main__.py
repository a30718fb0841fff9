"""Print how near the feeds are to real couriers, and what was planted against what the rows show: `python -m splitmile.simulate`."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from splitmile.simulate import City, DemoFeed, Flights
from splitmile.simulate.realism import estimate_truths, measure_likeness


def main() -> None:
    """Measure the demo's city and its flights."""
    console = Console()
    feeds: tuple[DemoFeed, ...] = (City(), Flights())
    for feed in feeds:
        likeness = Table("figure", "value", title=f"{feed.name}, {feed.dates[0]} to {feed.dates[-1]}")
        for figure, value in asdict(measure_likeness(feed)).items():
            likeness.add_row(figure, f"{value:,.3f}" if isinstance(value, float) else str(value))
        console.print(likeness)

        effects = Table("experiment", "treatment", "metric", "planted", "in the rows", "z", "units", title=f"{feed.name}: planted truths")
        for row in estimate_truths(feed):
            truth = row.truth
            effects.add_row(
                truth.experiment_id,
                truth.treatment,
                truth.metric,
                f"{truth.relative_effect:+.1%}",
                f"{row.relative_effect:+.1%}",
                f"{row.z:+.1f}",
                f"{row.units[0]:,} / {row.units[1]:,}",
            )
        console.print(effects)


if __name__ == "__main__":
    main()
