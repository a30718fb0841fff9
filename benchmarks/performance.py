"""`make bench`: measure, print one JSON line a figure, and write the table of docs/performance.md."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import statistics
from benchmarks.statistics import Figure

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

SAID = {
    "moments_to_effects": "Exact sums of 1,000 experiments × 20 metrics × 2 treatments to all effects, intervals and p-values",
    "comparisons": "The arithmetic alone: 40,000 comparisons from ready moments",
    "stats_vs_gbstats": "The same numbers by gbstats, one comparison after another",
    "stats_vs_tea_tasting": "The same numbers by tea-tasting, one comparison after another",
    "randomization_test": "A switchback's p-value from 2,000 redrawn designs, 50 zones × 28 days × 12 windows",
}


def table(figures: list[Figure]) -> str:
    """The figures as Markdown."""
    head = ["| figure | what | seconds | results a second | we are faster by | peak memory |", "|---|---|---|---|---|---|"]
    return "\n".join(head + [_row(figure) for figure in figures])


def _row(figure: Figure) -> str:
    per_second = "" if figure.per_second is None else f"{figure.per_second:,.0f}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:,.0f} times"
    peak = "" if figure.peak_mb is None else f"{figure.peak_mb:.0f} MB"
    return f"| `{figure.name}` | {SAID[figure.name]} | {figure.seconds:.3g} | {per_second} | {ratio} | {peak} |"


def fill(document: str, figures: list[Figure]) -> str:
    """The document with its table made anew."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table(figures)}\n{END}{after}"


def main() -> None:
    """Measure everything and write it down."""
    figures = statistics.measure()
    for figure in figures:
        sys.stdout.write(json.dumps({key: value for key, value in asdict(figure).items() if value is not None}) + "\n")
    DOCUMENT.write_text(fill(DOCUMENT.read_text(), figures))


if __name__ == "__main__":
    main()
