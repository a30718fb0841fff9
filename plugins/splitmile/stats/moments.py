"""Moments: count, means and spreads of a metric over the units of a variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile.stats.inputs import FloatArray, ImpossibleMoments, IntArray, TextArray, frozen, require_same_rows
from splitmile.stats.sums import centred_moments, exact_columns, fault_texts
from splitmile.stats.units import centred, unit_groups, unit_values

# Room for the rounding of a few hundred merges; far below any real violation of the Cauchy-Schwarz inequality.
_ROUNDING = 1e-9

_NUMBERS = ("n", "mean_numerator", "mean_denominator", "m2_numerator", "m2_denominator", "c2")


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
        fault: Why the sums of a row were impossible; `''` where they were not, which is the default for all rows. A row
            with a fault holds zeros, every method says "no estimate" of it, and `estimate` gives the fault as the reason.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
        ImpossibleMoments: A value is not finite, n < 0 or not whole, a sum of squares is negative, c2 exceeds the
            Cauchy-Schwarz bound by more than rounding, n is 0 or 1 with a spread, or a row with a fault has units.

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
    fault: TextArray = field(default_factory=lambda: np.array("", dtype=np.str_))

    def __post_init__(self) -> None:
        """Take read-only copies and refuse what cannot be."""
        given = {name: np.asarray(getattr(self, name), dtype=np.float64) for name in _NUMBERS}
        fault = np.broadcast_to(self.fault, given["n"].shape) if np.ndim(self.fault) == 0 else self.fault
        require_same_rows(**given, fault=fault)
        for name, values in given.items():
            _refuse(~np.isfinite(values), f"{name} is not finite", values)
        n = given["n"]
        _refuse((n < 0) | (n != np.floor(n)), "n is no count of units", n)
        for name in ("m2_numerator", "m2_denominator"):
            _refuse(given[name] < 0, f"{name} is negative", given[name])
        bound = np.sqrt(given["m2_numerator"]) * np.sqrt(given["m2_denominator"])
        _refuse(np.abs(given["c2"]) > bound * (1 + _ROUNDING), "c2 exceeds the Cauchy-Schwarz bound", given["c2"])
        for name in ("m2_numerator", "m2_denominator"):
            _refuse((n < 2) & (given[name] > 0), f"fewer than two units, yet a spread in {name}", given[name])
        for name in ("mean_numerator", "mean_denominator"):
            _refuse((n == 0) & (given[name] != 0), f"no unit, yet {name}", given[name])
        _refuse((n > 0) & (fault != ""), "a row with a fault has units", n)
        for name, values in given.items():
            object.__setattr__(self, name, frozen(values, np.int64 if name == "n" else np.float64))
        object.__setattr__(self, "fault", frozen(fault, np.str_))

    @classmethod
    def from_sums(
        cls,
        n: Sequence[int | Decimal],
        sum_numerator: Sequence[int | Decimal],
        sum_denominator: Sequence[int | Decimal],
        sum_numerator_squared: Sequence[int | Decimal],
        sum_numerator_denominator: Sequence[int | Decimal],
        sum_denominator_squared: Sequence[int | Decimal],
        *,
        keep_faulty: bool = False,
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
            keep_faulty: Keep an impossible row, without units and with its `fault`, so that one bad row does not cost
                the whole table; otherwise the first one is refused.

        Raises:
            RowsMismatch: The sequences differ in length.
            ImpossibleMoments: Unless kept: a value is a float, NaN, missing or not whole; n < 0; the sums contradict one
                another; n exceeds 2⁵³ or a sum of squares 1e100.

        Source:
            Chan, Golub & LeVeque (1983) for what floating-point sums of squares lose.

        Example:
            >>> moments = Moments.from_sums([3], [30000003], [3], [300000060000005], [30000003], [3])  # 10000000, 1, 2
            >>> moments.mean_numerator.tolist(), moments.m2_numerator.tolist()
            ([10000001.0], [2.0])
        """
        columns, faults = exact_columns(
            n, sum_numerator, sum_denominator, sum_numerator_squared, sum_numerator_denominator, sum_denominator_squared
        )
        numbers: dict[str, NDArray[Any]] = dict(zip(_NUMBERS, centred_moments(columns, faults), strict=True))
        if faults and not keep_faulty:
            row = min(faults)
            raise ImpossibleMoments(row, faults[row])
        return cls(**numbers, fault=fault_texts(faults, len(n)))

    @classmethod
    def from_units(
        cls, numerator: ArrayLike, denominator: ArrayLike | None = None, *, group: ArrayLike | None = None, groups: int = 1
    ) -> Self:
        """Moments from one row a unit, for numbers that are no integers or that no warehouse has summed.

        Values are taken as floats and centred in two passes. Whole numbers beyond 2⁵³ lose digits here, not in `from_sums`.

        Args:
            numerator: N of each unit, shape (units,).
            denominator: D of each unit; None for a mean or a proportion.
            group: Index of each unit's row, 0 … groups − 1; None puts all into row 0.
            groups: Rows k to return; a row without units has n = 0.

        Raises:
            RowsMismatch: The arrays differ in length.
            UnitsInvalid: A value is NaN, infinite or no number, or a group does not exist.
            ImpossibleMoments: A sum exceeds the range of floats.

        Source:
            Chan, Golub & LeVeque (1983), the corrected two-pass algorithm.

        Example:
            >>> moments = Moments.from_units([1.5, 2.5, 7.0], group=[0, 0, 1], groups=2)
            >>> moments.n.tolist(), moments.mean_numerator.tolist(), moments.m2_numerator.tolist()
            ([2, 1], [2.0, 7.0], [0.5, 0.0])
        """
        above = unit_values("numerator", numerator)
        below = np.ones(above.shape) if denominator is None else unit_values("denominator", denominator)
        require_same_rows(numerator=above, denominator=below)
        row = unit_groups(group, groups, above.size)
        with np.errstate(over="ignore", invalid="ignore"):  # what leaves the range of floats is refused as not finite
            mean_numerator, numerators = centred(above, row, groups)
            mean_denominator, denominators = centred(below, row, groups)
            products = {"m2_numerator": numerators**2, "m2_denominator": denominators**2, "c2": numerators * denominators}
        numbers: dict[str, NDArray[Any]] = {name: np.bincount(row, values, minlength=groups) for name, values in products.items()}
        return cls(n=np.bincount(row, minlength=groups), mean_numerator=mean_numerator, mean_denominator=mean_denominator, **numbers)

    def __len__(self) -> int:
        return int(self.n.size)

    def __add__(self, other: Self) -> Self:
        """Moments of both sets of units together, row by row; the sets may share no unit, and a fault of either stays.

        Exact sums, where they are at hand, are better added before `from_sums`: that loses nothing at all.
        """
        require_same_rows(left=self.n, right=other.n)
        fault = np.where(self.fault != "", self.fault, other.fault)
        n = self.n + other.n
        share = other.n / np.maximum(n, 1)
        weight = self.n * share
        step_numerator = other.mean_numerator - self.mean_numerator
        step_denominator = other.mean_denominator - self.mean_denominator
        numbers: dict[str, NDArray[Any]] = {
            "n": n,
            "mean_numerator": self.mean_numerator + share * step_numerator,
            "mean_denominator": self.mean_denominator + share * step_denominator,
            "m2_numerator": self.m2_numerator + other.m2_numerator + weight * step_numerator**2,
            "m2_denominator": self.m2_denominator + other.m2_denominator + weight * step_denominator**2,
            "c2": self.c2 + other.c2 + weight * step_numerator * step_denominator,
        }
        return type(self)(**{name: np.where(fault == "", values, 0) for name, values in numbers.items()}, fault=fault)

    def take(self, rows: ArrayLike) -> Self:
        """The rows with these indices, in this order; an index may come more than once, as a control's does."""
        chosen = np.asarray(rows, dtype=np.intp)
        return type(self)(*(getattr(self, each.name)[chosen] for each in fields(self)))


def _refuse(is_bad: np.ndarray, fault: str, values: FloatArray) -> None:
    if np.any(is_bad):
        row = int(np.argmax(is_bad))
        raise ImpossibleMoments(row, f"{fault} (found {values[row]:g})")
