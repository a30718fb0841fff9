"""A metric's numerator and denominator of each unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile.workbench.columns import Columns
from splitmile.workbench.questions import AskedMetric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UnitValues:
    """What each unit adds to a metric; arrays of shape (units,).

    Attributes:
        numerator: Sum of the values over the unit's rows.
        denominator: Number of those rows, or the sum of the other column for a ratio.
        is_there: The unit has a row with a value; the other units stay out of the metric.
        missing_rows: Rows without a value.
        is_one_each: Every unit there has denominator 1, so that the metric is a mean of units.
    """

    numerator: FloatArray
    denominator: FloatArray
    is_there: NDArray[np.bool_]
    missing_rows: int
    is_one_each: bool


def unit_values(columns: Columns, metric: AskedMetric, of_row: NDArray[np.int64], units: int) -> UnitValues:
    """The values of one metric, summed by unit.

    A row without a value, for a ratio without one of the two, is left out of the metric. A unit whose rows are all
    left out is as well: that it has no value is not known to mean zero.

    Raises:
        FileInvalid: A proportion is neither 0 nor 1, or a denominator is negative.
    """
    refuse_values(columns, metric)
    counts, has_value = of_row >= 0, has_values(columns, metric)
    used = counts & has_value
    unit = of_row[used]
    rows = np.bincount(unit, minlength=units)
    numerator = sums(columns.numbers[metric.numerator][used], unit, units)
    denominator = rows.astype(np.float64)
    if metric.denominator is not None:
        denominator = sums(columns.numbers[metric.denominator][used], unit, units)
    is_there = rows > 0
    return UnitValues(
        numerator,
        denominator,
        is_there,
        missing_rows=int(np.count_nonzero(counts & ~has_value)),
        is_one_each=bool(np.all(denominator[is_there] == 1)),
    )


def sums(values: NDArray[Any], unit: NDArray[np.int64], units: int) -> FloatArray:
    """Sum of the values of each unit, shape (units,)."""
    return np.asarray(np.bincount(unit, values, minlength=units), dtype=np.float64)


def has_values(columns: Columns, metric: AskedMetric) -> NDArray[np.bool_]:
    """Which rows have all numbers of a metric, shape (rows,)."""
    has_value = np.ones(columns.rows, dtype=bool)
    for column in metric.columns:
        has_value &= ~np.isnan(columns.numbers[column])
    return has_value


def refuse_values(columns: Columns, metric: AskedMetric) -> None:
    """Refuse numbers that the kind of a metric excludes.

    Raises:
        FileInvalid: A proportion is neither 0 nor 1, or a denominator is negative.
    """
    values = columns.numbers[metric.numerator]
    if metric.kind == "proportion":
        _refuse_first(columns, metric.numerator, (values != 0) & (values != 1) & ~np.isnan(values), "is neither 0 nor 1; use mean for it")
    if metric.denominator is not None:
        is_negative = columns.numbers[metric.denominator] < 0
        _refuse_first(columns, metric.denominator, is_negative, "is negative, and a ratio's denominator counts something; mend the file")


def _refuse_first(columns: Columns, column: str, is_bad: NDArray[np.bool_], complaint: str) -> None:
    if is_bad.any():
        raise columns.refuse(column, int(np.argmax(is_bad)), complaint)
