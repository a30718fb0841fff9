"""Novelty: does an effect fade, or grow, with the days since exposure?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.effects import Effects, absolute_effect
from splitmile.stats.estimates import CANCELLATION, Estimates
from splitmile.stats.inputs import FloatArray, ImpossibleMoments, IntArray, RowsMismatch, TextArray, frozen
from splitmile.stats.sums import ExactArray, centred_product, exact_columns
from splitmile.stats.units import centred, unit_groups, unit_values

_TOO_FEW_UNITS = "fewer than two units"
_ZERO_DENOMINATOR = "the denominator is zero on a day"
_ONE_DAY = "fewer than two days, so no trend"

ExactTable = Sequence[Sequence[int | Decimal]]
ExactCube = Sequence[ExactTable]


@dataclass(frozen=True, slots=True, eq=False)
class DailyEstimates:
    """A metric on each of T days since exposure in each of k variants; read-only arrays.

    All days are measured on the same units, so that their estimates are correlated: a unit that is large on one day is
    large on the next. A unit that has not been watched for all T days has to be left out on every one; else the days
    differ in who is measured, and a change of the crowd looks like a change of the effect.

    Attributes:
        n: Units, shape (k,).
        value: In the metric's own unit, shape (k, T); NaN where there is no estimate.
        covariance: Of the values, shape (k, T, T); NaN where there is no estimate.
        reason: Why there is none, shape (k,); `''` where there is one.

    Raises:
        RowsMismatch: The shapes do not belong together, or there is no day.
    """

    n: IntArray
    value: FloatArray
    covariance: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        object.__setattr__(self, "n", frozen(self.n, np.int64))
        object.__setattr__(self, "value", frozen(self.value))
        object.__setattr__(self, "covariance", frozen(self.covariance))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        rows, days = self.value.shape if self.value.ndim == 2 else (-1, 0)
        if days == 0 or (self.n.shape, self.covariance.shape, self.reason.shape) != ((rows,), (rows, days, days), (rows,)):
            raise RowsMismatch(
                f"expected n (k,), value (k, T), covariance (k, T, T) and reason (k,) with T ≥ 1, found {self.n.shape}, "
                f"{self.value.shape}, {self.covariance.shape} and {self.reason.shape}"
            )

    @classmethod
    def from_units(
        cls, numerator: ArrayLike, denominator: ArrayLike | None = None, *, group: ArrayLike | None = None, groups: int = 1
    ) -> Self:
        """Estimates from one row a unit and one column a day.

        Args:
            numerator: Shape (units, T); 0 on a day without an event.
            denominator: Shape (units, T); None is 1 everywhere, for means and proportions.
            group: Index of each unit's variant, shape (units,); None puts all units into one.
            groups: k.

        Raises:
            RowsMismatch: The tables or the groups do not belong together.
            UnitsInvalid: A value is not a finite number, or a group is no index.

        Source:
            Deng, A., Knoblich, U. & Lu, J. (2018), section 3 (arXiv 1803.06336), the delta method for several ratios at once.
        """
        tables = [np.asarray(numerator)]
        tables.append(np.ones(tables[0].shape) if denominator is None else np.asarray(denominator))
        if tables[0].ndim != 2 or tables[0].shape != tables[1].shape:
            raise RowsMismatch(f"expected tables of one shape (units, T), found {[table.shape for table in tables]}")
        measures = np.concatenate(tables, axis=1)
        of_unit = unit_groups(group, groups, len(measures))
        columns = [centred(unit_values("value", column), of_unit, groups) for column in measures.T]
        means = np.stack([mean for mean, _ in columns], axis=1) if columns else np.zeros((groups, 0))
        deviations = np.stack([deviation for _, deviation in columns], axis=1) if columns else measures
        n = np.bincount(of_unit, minlength=groups)
        order = np.argsort(of_unit, kind="stable")
        members = np.split(deviations[order], np.cumsum(n)[:-1]) if groups else []
        products = np.array([rows.T @ rows for rows in members]).reshape(groups, means.shape[1], means.shape[1])
        return cls._from_centred(n, means, products)

    @classmethod
    def from_sums(
        cls,
        n: Sequence[int | Decimal],
        sum_numerator: ExactTable,
        sum_numerator_numerator: ExactCube,
        sum_denominator: ExactTable | None = None,
        sum_numerator_denominator: ExactCube | None = None,
        sum_denominator_denominator: ExactCube | None = None,
    ) -> Self:
        """Estimates from exact integer sums over units, as a warehouse adds them up.

        Args:
            n: Units, length k.
            sum_numerator: ΣN of each day, k rows of T.
            sum_numerator_numerator: ΣNN of each pair of days, k tables of T × T.
            sum_denominator: ΣD of each day; None, as the next two, for means and proportions.
            sum_numerator_denominator: ΣND, numerator's day by denominator's day.
            sum_denominator_denominator: ΣDD.

        Raises:
            RowsMismatch: The tables do not belong together.
            ImpossibleMoments: A value is no exact whole number, or the sums of a row contradict one another.

        Source:
            As for `from_units`; the sums are centred in integers, before the first float.

        Example:
            >>> one = DailyEstimates.from_sums([2], [[30, 40]], [[[500, 700], [700, 1000]]])  # units (10, 10), (20, 30)
            >>> one.value.tolist(), one.covariance.tolist()
            ([[15.0, 20.0]], [[[25.0, 50.0], [50.0, 100.0]]])
        """
        units, sums, products = _exact("n", n, 1), _exact("sum_numerator", sum_numerator, 2), _exact("ΣNN", sum_numerator_numerator, 3)
        rows, days = sums.shape
        if sum_denominator is None or sum_numerator_denominator is None or sum_denominator_denominator is None:
            _require_shapes(rows, days, n=units, products=products)
            moments = _centred_rows(units, sums, products)
            means = np.concatenate([moments[0], np.ones((rows, days))], axis=1)
            squares = np.zeros((rows, 2 * days, 2 * days))
            squares[:, :days, :days] = moments[1]
            return cls._from_centred(units.astype(np.int64), means, squares)
        below = _exact("sum_denominator", sum_denominator, 2)
        cross, corner = _exact("ΣND", sum_numerator_denominator, 3), _exact("ΣDD", sum_denominator_denominator, 3)
        _require_shapes(rows, days, n=units, sums=below, products=products, cross=cross, corner=corner)
        blocks = np.block([[products, cross], [cross.transpose(0, 2, 1), corner]])
        return cls._from_centred(units.astype(np.int64), *_centred_rows(units, np.concatenate([sums, below], axis=1), blocks))

    @classmethod
    def _from_centred(cls, n: IntArray, means: FloatArray, products: FloatArray) -> Self:
        """From means and centred sums of products of T numerators followed by T denominators."""
        days = means.shape[1] // 2
        numerator, denominator = means[:, :days], means[:, days:]
        reason = np.where(n < 2, _TOO_FEW_UNITS, np.where((denominator == 0).any(axis=1), _ZERO_DENOMINATOR, ""))
        is_estimated = (reason == "")[:, None]
        divisor = np.where(is_estimated, denominator, np.nan)
        ratio = numerator / divisor
        # A unit's linearised value is (N − R·D)/D̄: its weights on the numerators and on the denominators.
        weights = np.concatenate([1 / divisor, -ratio / divisor], axis=1)
        weighted = weights[:, :, None] * products * weights[:, None, :]
        summed = weighted.reshape(-1, 2, days, 2, days).sum(axis=(1, 3))
        units = np.where(is_estimated[:, 0], n, 2)
        return cls(n, ratio, summed / (units * (units - 1.0))[:, None, None], reason)

    def take(self, rows: ArrayLike) -> Self:
        """The rows with these indices, in this order; an index may come more than once, as a control's does."""
        chosen = np.asarray(rows, dtype=np.intp)
        return type(self)(self.n[chosen], self.value[chosen], self.covariance[chosen], self.reason[chosen])

    def combined(self, weights: ArrayLike) -> Estimates:
        """A weighted sum of the days, shape (k,), with the variance that their correlation gives it.

        Raises:
            RowsMismatch: Not one weight a day.
        """
        of_day = np.asarray(weights, dtype=np.float64)
        if of_day.shape != self.value.shape[1:]:
            raise RowsMismatch(f"expected one weight for each of {self.value.shape[1]} days, found {of_day.shape}")
        terms = of_day[:, None] * self.covariance * of_day
        variance = terms.sum(axis=(1, 2))
        is_rounding = variance <= CANCELLATION * np.abs(terms).sum(axis=(1, 2))
        freedom = np.where(self.reason == "", self.n - 1.0, np.nan)
        return Estimates(self.n, self.value @ of_day, np.where(is_rounding, 0.0, variance), freedom, self.reason)


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """How k effects go with the days since exposure.

    Attributes:
        slope: Change of the absolute effect a day, k rows: below zero for a positive effect that fades.
        by_day: The absolute effect on each of T days since exposure, k rows each.
    """

    slope: Effects
    by_day: tuple[Effects, ...]


def novelty(control: DailyEstimates, treatment: DailyEstimates) -> Novelty:
    """Trend of the treatment effect over the days since exposure, and the effect on each of them.

    The slope is the least-squares line through the daily effects. It is the same as the difference in the mean of the
    units' own slopes, so the days may be correlated in any way. A fading effect is a novelty effect, a growing one a learning effect; a
    straight line can miss one that comes and goes. Days since exposure are not calendar days: with a short intake the two are hard
    to tell apart, but what a calendar day does to both arms alike cancels.

    Args:
        control: k rows.
        treatment: k rows, each compared with the control row at the same place, on the same days.

    Returns:
        k rows; no slope where an arm has no estimates or there is only one day.

    Raises:
        RowsMismatch: The two differ in rows or days.

    Source:
        Diggle, P. J. et al. (2002), Analysis of Longitudinal Data, 2nd ed., chapter 6 (derived variables), for the slopes; Welch,
        B. L. (1947), Biometrika 34, 28-35, for the test.

    Example:
        >>> days = DailyEstimates.from_units([[1, 2, 2], [3, 2, 3], [2, 3, 2], [6, 5, 3], [5, 4, 4], [7, 6, 5]],
        ...                                  group=[0, 0, 0, 1, 1, 1], groups=2)
        >>> trend = novelty(days.take([0]), days.take([1]))
        >>> [day.estimate.round(3).tolist() for day in trend.by_day], trend.slope.estimate.round(3).tolist()
        ([[4.0], [2.667], [1.667]], [-1.167])
        >>> trend.slope.p_value().round(4).tolist()
        [0.0357]
    """
    if control.value.shape != treatment.value.shape:
        raise RowsMismatch(f"expected control and treatment of one shape (k, T), found {control.value.shape} and {treatment.value.shape}")
    days = control.value.shape[1]
    by_day = tuple(absolute_effect(control.combined(day), treatment.combined(day)) for day in np.eye(days))
    if days == 1:
        missing = np.full(len(control.n), np.nan)
        return Novelty(Effects(missing, missing, missing, np.full(len(control.n), _ONE_DAY)), by_day)
    from_middle = np.arange(days) - (days - 1) / 2
    line = from_middle / (from_middle**2).sum()
    return Novelty(absolute_effect(control.combined(line), treatment.combined(line)), by_day)


def _exact(name: str, values: Any, dimensions: int) -> ExactArray:
    """A table of exact whole numbers, its first axis the k rows."""
    table = np.array(values, dtype=np.object_)
    if table.ndim != dimensions:
        raise RowsMismatch(f"expected {name} with {dimensions} dimensions, the first for the k rows, found {table.shape}")
    (flat,), faults = exact_columns(table.ravel().tolist())
    for place, fault in faults.items():
        raise ImpossibleMoments(place * len(table) // table.size, f"{name}: {fault}")
    return flat.reshape(table.shape)


def _require_shapes(rows: int, days: int, **tables: ExactArray) -> None:
    expected = {1: (rows,), 2: (rows, days), 3: (rows, days, days)}
    for name, table in tables.items():
        if table.shape != expected[table.ndim]:
            raise RowsMismatch(f"expected {name} of shape {expected[table.ndim]} for {rows} rows of {days} days, found {table.shape}")


def _centred_rows(n: ExactArray, sums: ExactArray, products: ExactArray) -> tuple[FloatArray, FloatArray]:
    """Means and centred sums of products, of exact integers; the divisions are the first and only rounding."""
    scaled = centred_product(n[:, None, None], sums[:, :, None], sums[:, None, :], products)
    spread = np.diagonal(scaled, axis1=1, axis2=2)
    is_tied = n[:, None, None] < 2
    for fault, is_faulty in (
        ("n is negative", n < 0),
        ("no unit, yet sums that are not zero", (n == 0) & ((sums != 0).any(axis=1) | (products != 0).any(axis=(1, 2)))),
        ("the sum of products of two days depends on their order", (products != products.transpose(0, 2, 1)).any(axis=(1, 2))),
        ("a variance is negative", (spread < 0).any(axis=1)),
        ("a sum of products exceeds the Cauchy-Schwarz bound", (scaled**2 > spread[:, :, None] * spread[:, None, :]).any(axis=(1, 2))),
        ("one unit cannot have a spread", (is_tied & (scaled != 0)).any(axis=(1, 2))),
    ):
        if is_faulty.any():
            raise ImpossibleMoments(int(np.argmax(is_faulty)), fault)
    divisor = np.where(n > 0, n, 1)
    means, centred_products = sums / divisor[:, None], scaled / divisor[:, None, None]
    return means.astype(np.float64), centred_products.astype(np.float64)
