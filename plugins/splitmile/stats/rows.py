"""Rows side by side: quotients where there may be none, and reasons where there is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import BoolArray, FloatArray, TextArray


def quotients(dividend: ArrayLike, divisor: FloatArray) -> FloatArray:
    """Quotients, NaN where the divisor is zero, without a warning."""
    quotient: FloatArray = np.divide(dividend, divisor, out=np.full(np.shape(dividend), np.nan), where=divisor != 0)
    return quotient


def first_reasons(*faults: tuple[BoolArray, str | TextArray]) -> TextArray:
    """The reason of each row, from (is it so, words) in order of weight: the first that holds, `''` where none does.

    Words for every row are made up only where a row needs them: most tables have no fault at all.
    """
    reasons = np.zeros(faults[0][0].shape, dtype=np.str_)
    for holds, words in reversed(faults):
        if np.any(holds):
            reasons = np.where(holds, words, reasons)
    return reasons


def words_in(rows: BoolArray, words: TextArray) -> TextArray:
    """`''` in every row but these, which take the words in turn."""
    everywhere = np.zeros(rows.shape, dtype=words.dtype)
    everywhere[rows] = words
    return everywhere
