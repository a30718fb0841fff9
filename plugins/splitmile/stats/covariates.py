"""Moments of a metric together with a covariate that was measured before exposure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile.stats.inputs import BoolArray, FloatArray, ImpossibleMoments, frozen, require_same_rows
from splitmile.stats.moments import Moments
from splitmile.stats.sums import ExactArray, Faults, centred_moments, centred_product, exact_columns, fault_texts, note
from splitmile.stats.units import centred, unit_groups, unit_values

# Room for the rounding of a few hundred merges, in correlations; far below any real violation.
_ROUNDING = 1e-9
_LARGEST_FLOAT = int(sys.float_info.max)
_CONTRADICTION = "no units can have these spreads and products of N, D, XN and XD together"

# The cross sums with their places in the matrix of N, D, XN and XD.
_CROSS = ("c_numerator_numerator", "c_numerator_denominator", "c_denominator_numerator", "c_denominator_denominator")
_CROSS_AXES = ((0, 2), (0, 3), (1, 2), (1, 3))
_FIRST_SUMS = (1, 2, 6, 7)  # where ΣN, ΣD, ΣXN and ΣXD stand among the columns of `from_sums`


@dataclass(frozen=True, slots=True, eq=False)
class CovariateMoments:
    """Sufficient statistics of a metric N/D and its covariate XN/XD over the same units, one row as in `Moments`.

    The covariate is the same metric over a window that ends before the unit's exposure, so that no variant can have
    changed it. For a mean or a proportion XD is 1 for a unit that had a pre-period and 0 for one that had none; for a
    ratio it is the denominator of the pre-period. A unit without a pre-period has XN = XD = 0.

    Attributes:
        metric: Moments of N and D, k rows.
        covariate: Moments of XN and XD, k rows with the same n.
        c_numerator_numerator: Sum of products of the deviations of N and XN from their means, shape (k,), read-only.
        c_numerator_denominator: The same of N and XD.
        c_denominator_numerator: The same of D and XN.
        c_denominator_denominator: The same of D and XD.

    Raises:
        RowsMismatch: The parts do not have one length.
        ImpossibleMoments: A row has another n or fault in its covariate than in its metric, a cross sum is not finite, or
            the covariance matrix of N, D, XN and XD has a negative eigenvalue beyond rounding.

    Source:
        Chan, T. F., Golub, G. H. & LeVeque, R. J. (1983), Algorithms for computing the sample variance, The American
        Statistician 37, 242-247, for the merge.
    """

    metric: Moments
    covariate: Moments
    c_numerator_numerator: FloatArray
    c_numerator_denominator: FloatArray
    c_denominator_numerator: FloatArray
    c_denominator_denominator: FloatArray

    def __post_init__(self) -> None:
        """Take read-only copies and refuse what cannot be."""
        for name in _CROSS:
            object.__setattr__(self, name, frozen(getattr(self, name)))
        metric, covariate, cross = self.metric, self.covariate, {name: getattr(self, name) for name in _CROSS}
        require_same_rows(metric=metric.n, covariate=covariate.n, **cross)
        _refuse((metric.n != covariate.n) | (metric.fault != covariate.fault), "metric and covariate do not count the same units")
        for name, values in cross.items():
            _refuse(~np.isfinite(values), f"{name} is not finite")
        _refuse(_is_contradictory(self.comoments), _CONTRADICTION)

    @classmethod
    def from_sums(
        cls,
        n: Sequence[int | Decimal],
        *,
        sum_numerator: Sequence[int | Decimal],
        sum_denominator: Sequence[int | Decimal],
        sum_covariate_numerator: Sequence[int | Decimal],
        sum_covariate_denominator: Sequence[int | Decimal],
        sum_numerator_squared: Sequence[int | Decimal],
        sum_numerator_denominator: Sequence[int | Decimal],
        sum_denominator_squared: Sequence[int | Decimal],
        sum_covariate_numerator_squared: Sequence[int | Decimal],
        sum_covariate_numerator_denominator: Sequence[int | Decimal],
        sum_covariate_denominator_squared: Sequence[int | Decimal],
        sum_numerator_covariate_numerator: Sequence[int | Decimal],
        sum_numerator_covariate_denominator: Sequence[int | Decimal],
        sum_denominator_covariate_numerator: Sequence[int | Decimal],
        sum_denominator_covariate_denominator: Sequence[int | Decimal],
        keep_faulty: bool = False,
    ) -> Self:
        """Moments from exact integer sums, centred in integers as in `Moments.from_sums`.

        Args:
            n: Units, length k.
            sum_numerator: ΣN.
            sum_denominator: ΣD.
            sum_covariate_numerator: ΣXN.
            sum_covariate_denominator: ΣXD.
            sum_numerator_squared: ΣN².
            sum_numerator_denominator: ΣN·D.
            sum_denominator_squared: ΣD².
            sum_covariate_numerator_squared: ΣXN².
            sum_covariate_numerator_denominator: ΣXN·XD.
            sum_covariate_denominator_squared: ΣXD².
            sum_numerator_covariate_numerator: ΣN·XN.
            sum_numerator_covariate_denominator: ΣN·XD.
            sum_denominator_covariate_numerator: ΣD·XN.
            sum_denominator_covariate_denominator: ΣD·XD.
            keep_faulty: As in `Moments.from_sums`; a fault of the covariate is one of the whole row.

        Raises:
            RowsMismatch: The sequences differ in length.
            ImpossibleMoments: As in `Moments.from_sums`, of any of the sums.

        Example:
            >>> moments = CovariateMoments.from_sums(  # N 1, 2, 3 with XN 2, 2, 5; everyone had a pre-period
            ...     [3], sum_numerator=[6], sum_denominator=[3], sum_covariate_numerator=[9], sum_covariate_denominator=[3],
            ...     sum_numerator_squared=[14], sum_numerator_denominator=[6], sum_denominator_squared=[3],
            ...     sum_covariate_numerator_squared=[33], sum_covariate_numerator_denominator=[9],
            ...     sum_covariate_denominator_squared=[3], sum_numerator_covariate_numerator=[21],
            ...     sum_numerator_covariate_denominator=[6], sum_denominator_covariate_numerator=[9],
            ...     sum_denominator_covariate_denominator=[3],
            ... )
            >>> moments.c_numerator_numerator.tolist()
            [3.0]
        """
        columns, faults = exact_columns(
            n,
            sum_numerator,
            sum_denominator,
            sum_numerator_squared,
            sum_numerator_denominator,
            sum_denominator_squared,
            sum_covariate_numerator,
            sum_covariate_denominator,
            sum_covariate_numerator_squared,
            sum_covariate_numerator_denominator,
            sum_covariate_denominator_squared,
            sum_numerator_covariate_numerator,
            sum_numerator_covariate_denominator,
            sum_denominator_covariate_numerator,
            sum_denominator_covariate_denominator,
        )
        of_metric = centred_moments(columns[:6], faults)
        of_the_covariate: Faults = {}
        of_covariate = centred_moments([columns[0], *columns[6:11]], of_the_covariate)
        for row, words in of_the_covariate.items():
            faults.setdefault(row, f"covariate: {words}")
        cross = _centred_cross(columns, faults)
        for row in np.flatnonzero(_is_contradictory(_comoments(of_metric, of_covariate, cross))).tolist():
            faults.setdefault(row, _CONTRADICTION)
        if faults and not keep_faulty:
            row = min(faults)
            raise ImpossibleMoments(row, faults[row])
        fault = fault_texts(faults, len(n))
        parts: list[list[NDArray[Any]]] = [[*(values * (fault == "") for values in side), fault] for side in (of_metric, of_covariate)]
        metric, covariate = (Moments(*part) for part in parts)
        return cls(metric, covariate, *(values * (fault == "") for values in cross))

    @classmethod
    def from_units(
        cls,
        numerator: ArrayLike,
        denominator: ArrayLike | None,
        covariate_numerator: ArrayLike,
        covariate_denominator: ArrayLike | None,
        *,
        group: ArrayLike | None = None,
        groups: int = 1,
    ) -> Self:
        """Moments from one row a unit, as in `Moments.from_units`.

        Args:
            numerator: N of each unit, shape (units,).
            denominator: D of each unit; None for a mean or a proportion.
            covariate_numerator: XN of each unit, 0 without a pre-period.
            covariate_denominator: XD of each unit, 0 without a pre-period; None for a mean or a proportion whose units
                all had one.
            group: Index of each unit's row, 0 … groups − 1; None puts all into row 0.
            groups: Rows k to return; a row without units has n = 0.

        Raises:
            RowsMismatch: The arrays differ in length.
            UnitsInvalid: A value is NaN, infinite or no number, or a group does not exist.
            ImpossibleMoments: A sum exceeds the range of floats.
        """
        above, before_above = unit_values("numerator", numerator), unit_values("covariate_numerator", covariate_numerator)
        require_same_rows(numerator=above, covariate_numerator=before_above)
        ones = np.ones(above.shape)
        below = ones if denominator is None else unit_values("denominator", denominator)
        before_below = ones if covariate_denominator is None else unit_values("covariate_denominator", covariate_denominator)
        metric = Moments.from_units(above, below, group=group, groups=groups)
        covariate = Moments.from_units(before_above, before_below, group=group, groups=groups)
        row = unit_groups(group, groups, above.size)
        deviations = [centred(values, row, groups)[1] for values in (above, below, before_above, before_below)]
        products = (deviations[i] * deviations[j] for i, j in _CROSS_AXES)
        return cls(metric, covariate, *(np.bincount(row, values, minlength=groups).astype(np.float64) for values in products))

    def __len__(self) -> int:
        return len(self.metric)

    def __add__(self, other: Self) -> Self:
        """Moments of both sets of units together, row by row, as `Moments` are added."""
        metric, covariate = self.metric + other.metric, self.covariate + other.covariate
        weight = self.metric.n * (other.metric.n / np.maximum(metric.n, 1))
        steps = (
            other.metric.mean_numerator - self.metric.mean_numerator,
            other.metric.mean_denominator - self.metric.mean_denominator,
            other.covariate.mean_numerator - self.covariate.mean_numerator,
            other.covariate.mean_denominator - self.covariate.mean_denominator,
        )
        merged = [
            getattr(self, name) + getattr(other, name) + weight * steps[i] * steps[j]
            for name, (i, j) in zip(_CROSS, _CROSS_AXES, strict=True)
        ]
        return type(self)(metric, covariate, *(np.where(metric.fault == "", values, 0.0) for values in merged))

    def take(self, rows: ArrayLike) -> Self:
        """The rows with these indices, in this order, as `Moments.take`."""
        chosen = np.asarray(rows, dtype=np.intp)
        return type(self)(self.metric.take(chosen), self.covariate.take(chosen), *(getattr(self, name)[chosen] for name in _CROSS))

    @property
    def comoments(self) -> FloatArray:
        """Sums of products of the deviations of N, D, XN and XD, in this order, shape (k, 4, 4)."""
        of_metric, of_covariate = ([getattr(side, each.name) for each in fields(side)] for side in (self.metric, self.covariate))
        return _comoments(of_metric, of_covariate, [getattr(self, name) for name in _CROSS])


def _centred_cross(columns: Sequence[ExactArray], faults: Faults) -> list[FloatArray]:
    """The four cross sums of the deviations, from the columns of `CovariateMoments.from_sums`; 0 in rows with a fault."""
    n = np.maximum(columns[0], 1)
    products = [
        centred_product(n, columns[_FIRST_SUMS[i]], columns[_FIRST_SUMS[j]], cross)
        for (i, j), cross in zip(_CROSS_AXES, columns[11:], strict=True)
    ]
    for product in products:
        note(faults, abs(product) > n * _LARGEST_FLOAT, _CONTRADICTION)
    is_sound = np.ones(n.shape, dtype=np.bool_)
    is_sound[list(faults)] = False
    return [(np.where(is_sound, product, 0) / n).astype(np.float64) for product in products]


def _comoments(of_metric: Sequence[FloatArray], of_covariate: Sequence[FloatArray], cross: Sequence[FloatArray]) -> FloatArray:
    """The matrix of `CovariateMoments.comoments`, from the columns of both `Moments` and the four cross sums."""
    matrix = np.empty((len(cross[0]), 4, 4))
    for first, (_, _, _, spread_above, spread_below, co_spread, *_) in ((0, of_metric), (2, of_covariate)):
        matrix[:, first, first], matrix[:, first + 1, first + 1] = spread_above, spread_below
        matrix[:, first, first + 1] = matrix[:, first + 1, first] = co_spread
    for (i, j), values in zip(_CROSS_AXES, cross, strict=True):
        matrix[:, i, j] = matrix[:, j, i] = values
    return matrix


def _is_contradictory(comoments: FloatArray) -> BoolArray:
    """Where no units can have these sums: a combination of N, D, XN and XD would have a negative variance."""
    spread = np.sqrt(np.diagonal(comoments, axis1=1, axis2=2))
    varies, divisor = spread > 0, np.where(spread > 0, spread, 1.0)
    with np.errstate(over="ignore"):
        # Row by row and column by column, since the product of two spreads could leave the range of floats.
        correlations = comoments / divisor[:, :, None] / divisor[:, None, :]
    bound = np.where(varies[:, :, None] & varies[:, None, :], 1 + _ROUNDING, 0.0)
    is_impossible = np.any(np.abs(correlations) > bound, axis=(1, 2))
    least = np.linalg.eigvalsh(np.where(is_impossible[:, None, None], 0.0, correlations))[:, 0]
    contradictory: BoolArray = is_impossible | (least < -_ROUNDING)
    return contradictory


def _refuse(is_bad: BoolArray, fault: str) -> None:
    if np.any(is_bad):
        raise ImpossibleMoments(int(np.argmax(is_bad)), fault)
