"""Exact integer sums: centred in integers of any length, before the first float."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from splitmile.stats.inputs import FloatArray, RowsMismatch, TextArray

ExactArray = NDArray[np.object_]
"""Python's integers, so that nothing overflows and nothing is rounded."""

Faults = dict[int, str]
"""What is impossible, by the index of the row; of several faults the first one found."""

_LARGEST_COUNT = 2**53  # beyond it, floats no longer count by ones
_LARGEST_SQUARES = 10**100  # far beyond 38 digits, and products of moments stay within the range of floats


def exact_columns(*columns: Sequence[int | Decimal]) -> tuple[list[ExactArray], Faults]:
    """Columns of whole numbers, with 0 and a fault where a value is none.

    A float is a fault even where it is whole, since it may have lost digits already.

    Raises:
        RowsMismatch: The columns differ in length.
    """
    lengths = [len(column) for column in columns]
    if len(set(lengths)) != 1:
        raise RowsMismatch(f"expected {len(columns)} sequences of one length, one row a variant, found lengths {lengths}")
    faults: Faults = {}
    return [_exact(column, faults) for column in columns], faults


def note(faults: Faults, is_faulty: NDArray[np.bool_], words: str, *found: ExactArray) -> None:
    """Add a fault for these rows, with the values found put into the words, where a row has none yet."""
    for row in np.flatnonzero(is_faulty).tolist():
        faults.setdefault(row, words.format(*(column[row] for column in found)))


def fault_texts(faults: Faults, rows: int) -> TextArray:
    """The fault of each row as a method says it, `''` where there is none."""
    return np.array([f"impossible sums: {faults[row]}" if row in faults else "" for row in range(rows)], dtype=np.str_)


def centred_product(n: ExactArray, x: ExactArray, y: ExactArray, xy: ExactArray) -> ExactArray:
    """n times Σ(x − x̄)(y − ȳ), exactly, from n and the sums of x, y and xy."""
    product: ExactArray = n * xy - x * y
    return product


def centred_moments(columns: Sequence[ExactArray], faults: Faults) -> list[FloatArray]:
    """The six columns of moments from n, ΣN, ΣD, ΣN², ΣND and ΣD²; 0 in rows with a fault, new ones being noted.

    The divisions at the end are the first and only rounding.
    """
    n, numerator, denominator, numerator_squared, cross, denominator_squared = columns
    spread_numerator = centred_product(n, numerator, numerator, numerator_squared)
    spread_denominator = centred_product(n, denominator, denominator, denominator_squared)
    co_spread = centred_product(n, numerator, denominator, cross)
    note(faults, n < 0, "n is negative (found {})", n)
    is_filled = np.any([column != 0 for column in columns[1:]], axis=0)
    note(faults, (n == 0) & is_filled, "no unit, yet sums that are not zero (found {}, {}, {}, {}, {})", *columns[1:])
    is_negative = (spread_numerator < 0) | (spread_denominator < 0)
    words = "a variance is negative (n² times it: numerator {}, denominator {})"
    note(faults, is_negative, words, spread_numerator, spread_denominator)
    exceeds = co_spread * co_spread > spread_numerator * spread_denominator
    note(faults, exceeds, "ΣND = {} exceeds the Cauchy-Schwarz bound of the other sums", cross)
    note(faults, (n == 1) & (spread_numerator + spread_denominator > 0), "one unit cannot have a spread")
    # No mean or centred sum is larger than the larger sum of squares.
    is_huge = (n > _LARGEST_COUNT) | (numerator_squared > _LARGEST_SQUARES) | (denominator_squared > _LARGEST_SQUARES)
    note(faults, is_huge, "n exceeds 2**53, or a sum of squares 1e100")
    has_units = n > 0
    has_units[list(faults)] = False
    divisor = np.where(has_units, n, 1)
    dividends = (n * divisor, numerator, denominator, spread_numerator, spread_denominator, co_spread)
    return [(np.where(has_units, dividend, 0) / divisor).astype(np.float64) for dividend in dividends]


def _exact(values: Sequence[int | Decimal], faults: Faults) -> ExactArray:
    if set(map(type, values)) <= {int, Decimal}:
        try:
            whole = list(map(int, values))
        except (ValueError, OverflowError):
            pass  # NaN or infinity: found again, and named, below
        else:
            if whole == list(values):
                return np.array(whole, dtype=np.object_)
    return np.array([_exact_value(row, value, faults) for row, value in enumerate(values)], dtype=np.object_)


def _exact_value(row: int, value: int | Decimal, faults: Faults) -> int:
    if isinstance(value, Decimal):
        if value.is_finite() and value == value.to_integral_value():
            return int(value)
        faults.setdefault(row, f"found {value}, expected a whole number")
        return 0
    try:
        return operator.index(value)
    except TypeError:
        faults.setdefault(row, f"found {value!r} of type {type(value).__name__}, expected an exact integer")
        return 0
