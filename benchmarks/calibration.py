"""`make calibrate`: try every method on the simulated city and on real flights, and write docs/calibration.md with its pictures.

With `--feed` it tries them on a file of yours, prints what it found and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.calibration_pictures import draw
from splitmile.calibration import (
    DRAWS,
    SEED,
    Calibration,
    Measure,
    TextTable,
    calibrate,
    city_feed,
    file_feed,
    flights_feed,
    print_calibration,
    summary,
    tables,
)

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "calibration.md"
PICTURES = DOCUMENT.parent / "images"
_WORDS = {"feed", "rows", "method", "figure", "note"}
"""Columns that hold words, not numbers."""

_MARKED = re.compile(r"(<!-- measured: ([a-z-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


class MarkerUnknown(Exception):
    """The document has a marker for which there is no part, or lacks one."""


def main() -> None:
    """Calibrate, and print or write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"random splits, at least 2000 for a document (default: {DRAWS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of all of it (default: {SEED})")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many to use (default: one a core)")
    parser.add_argument("--feed", type=Path, help="a CSV or Parquet file of yours, instead of the document")
    parser.add_argument("--unit", help="its column that names the unit")
    parser.add_argument("--value", help="its column with the number to measure")
    parser.add_argument("--covariate", help="its column with a number known before")
    parser.add_argument("--day", help="its column with the day")
    given = parser.parse_args()
    console = Console()
    if given.feed is not None:
        if given.unit is None or given.value is None:
            parser.error("--feed needs --unit and --value")
        feeds = [file_feed(given.feed, unit=given.unit, value=given.value, covariate=given.covariate, day=given.day)]
    else:
        require_markers(DOCUMENT.read_text())  # before the minutes, not after
        feeds = [city_feed(), flights_feed()]
    found = []
    for feed in feeds:
        found.append(calibrate(feed, given.draws, given.seed, processes=given.processes))
        print_calibration(console, found[-1])
    if given.feed is None:
        DOCUMENT.write_text(fill(DOCUMENT.read_text(), found))
        draw(found, PICTURES)


def fill(document: str, found: Sequence[Calibration]) -> str:
    """The document with every marked part made anew.

    Raises:
        MarkerUnknown: Markers and parts do not match.
    """
    require_markers(document)
    return _MARKED.sub(lambda part: f"{part[1]}{PARTS[part[2]](found)}{part[3]}", document)


def require_markers(document: str) -> None:
    """Refuse a document whose markers are not those of the parts.

    Raises:
        MarkerUnknown: Markers and parts do not match.
    """
    markers = [marker for _, marker, _ in _MARKED.findall(document)]
    if sorted(markers) != sorted(PARTS):
        raise MarkerUnknown(f"the document has markers for {sorted(markers)}; the parts are {sorted(PARTS)}")


def feeds_table(found: Sequence[Calibration]) -> str:
    """The feeds and how often they were split."""
    rows = tuple((each.feed, each.about, f"{each.units:,}", f"{each.rows:,}", f"{each.draws:,}") for each in found)
    return _markdown(TextTable("", ("feed", "rows", "units", "number of rows", "random splits"), rows))


def outside(found: Sequence[Calibration]) -> str:
    """Every figure of a right method that lies outside its band."""
    rows = tuple(
        (
            each.feed,
            each.method,
            f"{each.measure}{_setting(each.measure, each.setting)}",
            _shown(each.measure, each.value),
            f"{each.low:.2%} to {each.high:.2%}",
        )
        for calibration in found
        for each in calibration.outside
        if each.measure is not Measure.uniformity
    )
    uneven = [f"{each.method} ({each.feed})" for calibration in found for each in calibration.outside if each.measure is Measure.uniformity]
    words = f"\n\nNot uniform at the 1 % level: {', '.join(uneven)}." if uneven else ""
    return f"{summary(found)}\n\n{_markdown(TextTable('', ('feed', 'method', 'figure', 'found', 'band'), rows))}{words}"


def _setting(measure: Measure, setting: float) -> str:
    return f", effect {setting:+.0%}" if measure is Measure.coverage else f" at {setting:.0%}"


def _shown(measure: Measure, value: float) -> str:
    return f"{value:.2%}" if measure is not Measure.uniformity else f"{value:.3f}"


def _part(title: str) -> Callable[[Sequence[Calibration]], str]:
    """The tables of all feeds whose title begins so, each under the name of its feed."""

    def part(found: Sequence[Calibration]) -> str:
        parts = [
            f"### {_heading(each)}: {table.title}\n\n{_markdown(table)}"
            for each in found
            for table in tables(each)
            if table.title.startswith(title)
        ]
        return "\n\n".join(parts)

    return part


def _heading(calibration: Calibration) -> str:
    return calibration.feed.capitalize()


def _markdown(table: TextTable) -> str:
    rules = tuple("---" if name in _WORDS else "---:" for name in table.head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.head, rules, *table.rows))


PARTS: dict[str, Callable[[Sequence[Calibration]], str]] = {
    "feeds": feeds_table,
    "outside": outside,
    "false-positives": _part("False positive"),
    "coverage": _part("Coverage"),
    "ever-rejected": _part("Ever rejected"),
    "gains": _part("What is gained"),
}
"""Every marked part of the document, and what makes it."""


if __name__ == "__main__":
    main()
