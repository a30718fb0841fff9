"""Both sides of every comparison of one metric: the estimate in control and treatment, by the method that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.stats.clusters import clustered_estimates
from splitmile.workbench.columns import Columns
from splitmile.workbench.covariates import covariate_values
from splitmile.workbench.questions import AskedMetric
from splitmile.workbench.units import Units
from splitmile.workbench.values import UnitValues, has_values, unit_values

# Below this many units in an arm, the delta method rejects too often: standard errors for few clusters take its place.
FEW_UNITS = 50

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Groups of units, and which of them are compared; groups are the variants in `all`, then those in each segment.

    Attributes:
        variants: Number of variants, the control first.
        segments: Number of segments.
        control, treatment: The two groups of each comparison, shape (k,).
    """

    variants: int
    segments: int
    control: IntArray
    treatment: IntArray

    @classmethod
    def of(cls, variants: int, segments: int) -> Self:
        """Every treatment against the control, in `all` and then in each segment."""
        control = np.repeat(np.arange(1 + segments) * variants, variants - 1)
        return cls(variants, segments, control, control + np.tile(np.arange(1, variants), 1 + segments))

    @classmethod
    def of_control(cls, variants: int) -> Self:
        """The control against itself, where only its own estimate is wanted."""
        return cls(variants, 0, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.variants * (1 + self.segments)

    def spread(self, units: Units) -> tuple[IntArray, IntArray]:
        """Units and their groups; a unit that has a segment comes twice."""
        has_segment = np.flatnonzero(units.segment >= 0)
        in_segment = (1 + units.segment[has_segment]) * self.variants + units.variant[has_segment]
        return np.concatenate([np.arange(units.variant.size), has_segment]), np.concatenate([units.variant, in_segment])


@dataclass(frozen=True, slots=True, eq=False)
class CovariateWork:
    """What a covariate did to k comparisons.

    Attributes:
        theta, variance_removed: Coefficient, and share of the variance that is gone, shape (k,); NaN where nothing could be told.
        control, treatment: Both sides without it.
    """

    theta: FloatArray
    variance_removed: FloatArray
    control: stats.Estimates
    treatment: stats.Estimates


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Both sides of the comparisons of a grid, k rows each.

    Attributes:
        control, treatment: The metric on each side, adjusted by the covariate where there is one.
        covariance: Of the two, shape (k,).
        method: The estimator, length k.
        covariate: What the covariate did; `None` without one.
        missing_rows: Rows without a value.
        missing_units: Units without one.
    """

    control: stats.Estimates
    treatment: stats.Estimates
    covariance: FloatArray
    method: tuple[str, ...]
    covariate: CovariateWork | None
    missing_rows: int
    missing_units: int


def both_sides(columns: Columns, metric: AskedMetric, units: Units, grid: Grid) -> Sides:
    """Estimate one metric on both sides of every comparison.

    Raises:
        FileInvalid: A proportion is neither 0 nor 1, a denominator is negative, or a covariate differs within a unit.

    Source:
        Deng, A., Knoblich, U. & Lu, J. (2018), KDD 2018 (arXiv 1803.06336), for ratios and quantiles clustered by unit.
    """
    values = unit_values(columns, metric, units.of_row, units.variant.size)
    if metric.probability is not None:
        return _quantiles(columns, metric, metric.probability, units, values, grid)
    if metric.covariate:
        return _adjusted(columns, metric, units, values, grid)
    member, group = _members(units, values, grid)
    control, treatment, method = _ratios(values.numerator[member], values.denominator[member], group, grid, is_mean=values.is_one_each)
    return _plain_sides(control, treatment, method, values)


def _members(units: Units, values: UnitValues, grid: Grid) -> tuple[IntArray, IntArray]:
    """Units that have a value, and their groups."""
    member, group = grid.spread(units)
    is_there = values.is_there[member]
    return member[is_there], group[is_there]


def _ratios(
    numerator: FloatArray, denominator: FloatArray, group: IntArray, grid: Grid, *, is_mean: bool
) -> tuple[stats.Estimates, stats.Estimates, tuple[str, ...]]:
    """ΣN/ΣD on both sides; where a side has few units and they weigh differently, with standard errors made for that."""
    moments = stats.Moments.from_units(numerator, denominator, group=group, groups=grid.groups)
    control, treatment = stats.estimate(moments.take(grid.control)), stats.estimate(moments.take(grid.treatment))
    has_both = (control.reason == "") & (treatment.reason == "")
    is_few = has_both & (np.minimum(control.n, treatment.n) < FEW_UNITS) & (not is_mean)
    if is_few.any():
        few = clustered_estimates(numerator, denominator, group=group, groups=grid.groups)
        control, treatment = (
            _chosen(is_few, few.take(rows), side) for rows, side in ((grid.control, control), (grid.treatment, treatment))
        )
    plain = "welch" if is_mean else "delta"
    return control, treatment, tuple("cr2" if few_units else plain for few_units in is_few)


def _quantiles(columns: Columns, metric: AskedMetric, probability: float, units: Units, values: UnitValues, grid: Grid) -> Sides:
    is_used = has_values(columns, metric) & (units.of_row >= 0)
    observed, unit = columns.numbers[metric.numerator][is_used], units.of_row[is_used]
    member, group = _members(units, values, grid)
    histograms, at_most = [], np.zeros(member.size)
    for index in range(grid.groups):
        in_group = np.zeros(units.variant.size, dtype=bool)
        in_group[member[group == index]] = True
        rows = in_group[unit]
        histogram = stats.Histogram.from_values(observed[rows])
        is_at_most = observed[rows] <= stats.quantile(histogram, probability)
        counted = np.bincount(unit[rows], is_at_most, minlength=units.variant.size)
        at_most[group == index] = counted[member[group == index]]
        histograms.append(histogram)
    control, treatment, method = _ratios(at_most, values.denominator[member], group, grid, is_mean=values.is_one_each)
    control, treatment = (
        stats.quantile_estimates([histograms[row] for row in rows], side, probability)
        for rows, side in ((grid.control, control), (grid.treatment, treatment))
    )
    names = {"welch": "quantile", "delta": "clustered quantile", "cr2": "clustered quantile, cr2"}
    return _plain_sides(control, treatment, tuple(names[name] for name in method), values)


def _adjusted(columns: Columns, metric: AskedMetric, units: Units, values: UnitValues, grid: Grid) -> Sides:
    covariate = covariate_values(columns, metric, units)
    member, group = _members(units, values, grid)
    above, below, before_above, before_below = (
        array[member] for array in (values.numerator, values.denominator, covariate.numerator, covariate.denominator)
    )
    moments = stats.CovariateMoments.from_units(above, below, before_above, before_below, group=group, groups=grid.groups)
    adjustment = stats.cuped(moments.take(grid.control), moments.take(grid.treatment))
    control, treatment, _ = _ratios(above, below, group, grid, is_mean=values.is_one_each)
    return Sides(
        control=adjustment.control,
        treatment=adjustment.treatment,
        covariance=adjustment.covariance,
        method=("cuped",) * len(control),
        covariate=CovariateWork(adjustment.theta, adjustment.variance_removed, control, treatment),
        missing_rows=values.missing_rows,
        missing_units=int(np.count_nonzero(~values.is_there)),
    )


def _plain_sides(control: stats.Estimates, treatment: stats.Estimates, method: tuple[str, ...], values: UnitValues) -> Sides:
    return Sides(
        control=control,
        treatment=treatment,
        covariance=np.zeros(len(control)),
        method=method,
        covariate=None,
        missing_rows=values.missing_rows,
        missing_units=int(np.count_nonzero(~values.is_there)),
    )


def _chosen(is_first: NDArray[np.bool_], first: stats.Estimates, second: stats.Estimates) -> stats.Estimates:
    return stats.Estimates(
        first.n,
        np.where(is_first, first.value, second.value),
        np.where(is_first, first.variance, second.variance),
        np.where(is_first, first.degrees_of_freedom, second.degrees_of_freedom),
        np.where(is_first, first.reason, second.reason),
    )
