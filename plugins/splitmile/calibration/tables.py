"""The figures of a calibration as tables of text, for a terminal and for a document alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from splitmile.calibration.adjusted import Gain
from splitmile.calibration.measures import Finding, Measure, Measurement
from splitmile.calibration.outcomes import EFFECTS
from splitmile.calibration.run import Calibration
from splitmile.calibration.trials import LEVELS

MARKS = {Finding.inside: "", Finding.above: " ▲", Finding.below: " ▼"}
"""What is put behind a figure outside its band."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose cells are text.

    Attributes:
        title: What the figures are.
        head: Names of the columns.
        rows: Cells, as many a row as the head has.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(calibration: Calibration) -> tuple[TextTable, ...]:
    """Every figure of a calibration; tables without a row are left out."""
    looks = f"Ever rejected over {calibration.looks} daily looks"
    found = (
        _false_positives(calibration.measurements),
        _table("Coverage of 95 % intervals", Measure.coverage, EFFECTS, "{:+.0%}", calibration.measurements),
        _table(looks, Measure.ever_rejected, LEVELS, "at {:.0%}", calibration.measurements),
        _gains(calibration.gains),
    )
    return tuple(each for each in found if each.rows)


def summary(calibrations: Iterable[Calibration]) -> str:
    """How many figures lie outside their band, and how many would by chance."""
    judged = [each for calibration in calibrations for each in calibration.judged]
    outside = [each for each in judged if each.finding is not Finding.inside]
    rates = [each for each in judged if each.measure is Measure.false_positives]
    above = sum(each.finding is Finding.above for each in rates)
    below = sum(each.finding is Finding.below for each in rates)
    return (
        f"{len(outside)} of {len(judged)} figures lie outside their 99 % band, where about {len(judged) / 100:.0f} would by chance; "
        f"of the {len(rates)} false positive rates {above} are above theirs and {below} below."
    )


def _false_positives(found: Sequence[Measurement]) -> TextTable:
    rates = _table("False positive rates", Measure.false_positives, LEVELS, "at {:.0%}", found)
    uniformity = {each.method: each for each in found if each.measure is Measure.uniformity}
    head = (*rates.head[:-1], "uniform (KS p)", rates.head[-1])
    rows = tuple((*row[:-1], f"{uniformity[row[0]].value:.3f}{MARKS[uniformity[row[0]].finding]}", row[-1]) for row in rates.rows)
    return TextTable(rates.title, head, rows)


def _table(title: str, measure: Measure, settings: Sequence[float], heading: str, found: Sequence[Measurement]) -> TextTable:
    by_method: dict[str, dict[float, Measurement]] = {}
    for each in found:
        if each.measure is measure:
            by_method.setdefault(each.method, {})[each.setting] = each
    rows = []
    for method, cells in by_method.items():
        note = next(iter(cells.values())).note
        rows.append((method, *(_share(cells[setting]) if setting in cells else "" for setting in settings), note))
    return TextTable(title, ("method", *(heading.format(setting) for setting in settings), "note"), tuple(rows))


def _gains(gains: Sequence[Gain]) -> TextTable:
    head = ("method", "variance removed", "as reported", "true effect", "power", "wrong sign (type S)", "exaggeration (type M)")
    rows = tuple(
        (
            gain.method,
            f"{gain.variance_removed:.1%}",
            f"{gain.variance_removed_reported:.1%}",
            f"{gain.effect:+.2%}",
            _before_and_after(gain.power, "{:.1%}"),
            _before_and_after(gain.wrong_sign, "{:.1%}"),
            _before_and_after(gain.exaggeration, "{:.2f}×"),
        )
        for gain in gains
    )
    return TextTable("What is gained by knowing the units before, plain → adjusted", head, rows)


def _share(measurement: Measurement) -> str:
    return f"{measurement.value:.2%}{MARKS[measurement.finding]}"


def _before_and_after(pair: tuple[float, float], form: str) -> str:
    return " → ".join("–" if math.isnan(each) else form.format(each) for each in pair)
