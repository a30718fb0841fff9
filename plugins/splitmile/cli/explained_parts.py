"""What the terminal's answers of `splitmile explain` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from splitmile.results.explanations import Explanation


def print_effects(console: Console, found: Explanation, lines: Iterable[str]) -> None:
    """The estimate: `lines` on each variant, the effects as they stand and as they were published."""
    lines = list(lines)
    for effect in found.effects:
        lines.append(f"{effect.treatment} less the control: {number(effect.difference)}")
        if effect.method is not None:
            # Only an adjusted estimate may differ from the difference above it.
            adjusted = (
                "" if effect.theta is None else f", θ = {effect.theta:.6g}, {effect.variance_removed or 0:.1%} of the variance removed"
            )
            relative = "" if effect.relative_estimate is None else f" ({effect.relative_estimate:+.4%})"
            error = number(effect.absolute_standard_error)
            lines.append(f"  published by {effect.method}: {number(effect.absolute_estimate)}{relative}, standard error {error}{adjusted}")
    if found.is_reproduced is False:
        lines.append("the rows give other figures now: they have changed since; `splitmile run --date` of the date restates them")
    print_section(console, "Estimate", lines)


def print_section(console: Console, heading: str, lines: Iterable[str]) -> None:
    """A heading and indented lines below it."""
    print_heading(console, heading)
    for line in lines:
        console.print(f"  {line}")


def print_heading(console: Console, heading: str) -> None:
    """A heading after an empty line."""
    console.print(f"\n{heading}", style="bold")


def print_table(console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> None:
    """A table whose first `texts` columns are texts; the others are numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at < texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def cells(counts: Any) -> list[str]:
    """A dataclass of a variant and numbers as a row of a table."""
    variant, *numbers = asdict(counts).values()
    return [variant, *(f"{each:,}" for each in numbers)]


def shown(values: Mapping[str, int | None]) -> list[str]:
    """Values as cells; nothing for none."""
    return ["" if value is None else f"{value:,}" for value in values.values()]


def number(value: float | None) -> str:
    """A figure to six digits."""
    return "none" if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.1f}"
