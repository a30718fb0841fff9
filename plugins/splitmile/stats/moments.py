"""Moments: count, means and spreads of a metric over the units of a variant."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import FloatArray, ImpossibleMoments, IntArray, RowsMismatch, frozen, require_same_rows

# Room for the rounding of a few hundred merges; far below any real violation of the Cauchy-Schwarz inequality.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sufficient statistics of a numerator and a denominator, one row a variant × metric × segment.

    All arrays have shape (k,) and are read-only. A mean or a proportion has denominator 1 for every unit, so the same
    row serves all three kinds of metric. A row with n = 0 holds zeros and stands for "no unit yet".

    Attributes:
        n: Units, those with a zero value included.
        mean_numerator: Mean numerator per unit, in the measure's own unit.
        mean_denominator: Mean denominator per unit.
        m2_numerator: Sum of squared deviations of the numerator from its mean, in that unit squared.
        m2_denominator: The same of the denominator.
        c2: Sum of products of both deviations.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
        ImpossibleMoments: A value is not finite, n < 0 or not whole, a sum of squares is negative, c2 exceeds the
            Cauchy-Schwarz bound by more than rounding, or n is 0 or 1 with a spread.

    Source:
        Chan, T. F., Golub, G. H. & LeVeque, R. J. (1983), Algorithms for computing the sample variance, The American
        Statistician 37, 242-247, for the merge.
    """

    n: IntArray
    mean_numerator: FloatArray
    mean_denominator: FloatArray
    m2_numerator: FloatArray
    m2_denominator: FloatArray
    c2: FloatArray

    def __post_init__(self) -> None:
        """Take read-only copies and refuse what cannot be."""
        given = {field.name: np.asarray(getattr(self, field.name), dtype=np.float64) for field in fields(self)}
        require_same_rows(**given)
        for name, values in given.items():
            _refuse(~np.isfinite(values), f"{name} is not finite", values)
        n = given["n"]
        _refuse((n < 0) | (n != np.floor(n)), "n is no count of units", n)
        for name in ("m2_numerator", "m2_denominator"):
            _refuse(given[name] < 0, f"{name} is negative", given[name])
        bound = np.sqrt(given["m2_numerator"]) * np.sqrt(given["m2_denominator"])
        _refuse(np.abs(given["c2"]) > bound * (1 + _ROUNDING), "c2 exceeds the Cauchy-Schwarz bound", given["c2"])
        spread = given["m2_numerator"] + given["m2_denominator"]
        _refuse((n < 2) & (spread > 0), "fewer than two units cannot have a spread", spread)
        level = np.abs(given["mean_numerator"]) + np.abs(given["mean_denominator"])
        _refuse((n == 0) & (level > 0), "no unit, yet a mean", level)
        for name, values in given.items():
            object.__setattr__(self, name, frozen(values, np.int64 if name == "n" else np.float64))

    @classmethod
    def from_sums(
        cls,
        n: Sequence[int | Decimal],
        sum_numerator: Sequence[int | Decimal],
        sum_denominator: Sequence[int | Decimal],
        sum_numerator_squared: Sequence[int | Decimal],
        sum_numerator_denominator: Sequence[int | Decimal],
        sum_denominator_squared: Sequence[int | Decimal],
    ) -> Self:
        """Moments from exact integer sums, as the warehouse keeps them.

        The sums are centred in integers of any length, before the first float: a spread that is tiny beside its mean
        keeps all its digits, and an impossible row is told apart from rounding.

        Args:
            n: Units, length k.
            sum_numerator: ΣN.
            sum_denominator: ΣD; equal to n for a mean or a proportion.
            sum_numerator_squared: ΣN².
            sum_numerator_denominator: ΣND.
            sum_denominator_squared: ΣD².

        Raises:
            RowsMismatch: The sequences differ in length.
            ImpossibleMoments: A value is a float, NaN, missing or not whole; n < 0; the sums contradict one another.

        Source:
            Chan, Golub & LeVeque (1983) for what floating-point sums of squares lose.

        Example:
            >>> moments = Moments.from_sums([3], [30000003], [3], [300000060000005], [30000003], [3])  # 10000000, 1, 2
            >>> moments.mean_numerator.tolist(), moments.m2_numerator.tolist()
            ([10000001.0], [2.0])
        """
        sums = (n, sum_numerator, sum_denominator, sum_numerator_squared, sum_numerator_denominator, sum_denominator_squared)
        lengths = [len(values) for values in sums]
        if len(set(lengths)) != 1:
            raise RowsMismatch(f"expected six sequences of one length, one row a variant, found lengths {lengths}")
        centred = [_centred(row, [_exact(row, value) for value in values]) for row, values in enumerate(zip(*sums, strict=True))]
        columns = np.array(centred, dtype=np.float64).reshape(-1, 6).T
        return cls(columns[0].astype(np.int64), *columns[1:])

    def __len__(self) -> int:
        return int(self.n.size)

    def __add__(self, other: Self) -> Self:
        """Moments of both sets of units together, row by row; the sets may share no unit.

        Exact sums, where they are at hand, are better added before `from_sums`: that loses nothing at all.
        """
        require_same_rows(left=self.n, right=other.n)
        n = self.n + other.n
        share = other.n / np.maximum(n, 1)
        weight = self.n * share
        step_numerator = other.mean_numerator - self.mean_numerator
        step_denominator = other.mean_denominator - self.mean_denominator
        return type(self)(
            n,
            self.mean_numerator + share * step_numerator,
            self.mean_denominator + share * step_denominator,
            self.m2_numerator + other.m2_numerator + weight * step_numerator**2,
            self.m2_denominator + other.m2_denominator + weight * step_denominator**2,
            self.c2 + other.c2 + weight * step_numerator * step_denominator,
        )

    def take(self, rows: ArrayLike) -> Self:
        """The rows with these indices, in this order; an index may come more than once, as a control's does."""
        chosen = np.asarray(rows, dtype=np.intp)
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _refuse(is_bad: np.ndarray, fault: str, values: FloatArray) -> None:
    if np.any(is_bad):
        row = int(np.argmax(is_bad))
        raise ImpossibleMoments(row, f"{fault} (found {values[row]:g})")


def _exact(row: int, value: int | Decimal) -> int:
    """The integer that a value stands for; a float is refused, since it may have lost digits already."""
    if isinstance(value, Decimal):
        if not value.is_finite() or value != value.to_integral_value():
            raise ImpossibleMoments(row, f"found {value}, expected a whole number")
        return int(value)
    try:
        return operator.index(value)
    except TypeError as error:
        raise ImpossibleMoments(row, f"found {value!r} of type {type(value).__name__}, expected an exact integer") from error


def _centred(row: int, sums: list[int]) -> tuple[float, ...]:
    n, numerator, denominator, numerator_squared, cross, denominator_squared = sums
    if n < 0:
        raise ImpossibleMoments(row, f"n is negative (found {n})")
    if n == 0:
        if any(sums):
            raise ImpossibleMoments(row, f"no unit, yet sums that are not zero (found {sums[1:]})")
        return (0.0,) * 6
    # n times the centred moments: whole numbers, so that the divisions below are the first and only rounding.
    spread_numerator = n * numerator_squared - numerator * numerator
    spread_denominator = n * denominator_squared - denominator * denominator
    co_spread = n * cross - numerator * denominator
    if spread_numerator < 0 or spread_denominator < 0:
        raise ImpossibleMoments(
            row, f"a variance is negative (n² times it: numerator {spread_numerator}, denominator {spread_denominator})"
        )
    if co_spread * co_spread > spread_numerator * spread_denominator:
        raise ImpossibleMoments(row, f"ΣND = {cross} exceeds the Cauchy-Schwarz bound of the other sums")
    if n == 1 and spread_numerator + spread_denominator > 0:
        raise ImpossibleMoments(row, "one unit cannot have a spread")
    try:
        return (float(n), numerator / n, denominator / n, spread_numerator / n, spread_denominator / n, co_spread / n)
    except OverflowError as error:
        raise ImpossibleMoments(row, "the sums exceed the range of double precision") from error
