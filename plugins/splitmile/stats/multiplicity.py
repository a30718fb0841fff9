"""Many answers at once: p-values adjusted for the size of their family."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import FloatArray, ProbabilityOutOfRange, RowsMismatch


def holm(p_values: ArrayLike) -> FloatArray:
    """Adjusted p-values that hold the chance of any false positive in the family.

    Args:
        p_values: One family, shape (m,). NaN stands for no test: it stays NaN and is not counted.

    Returns:
        Adjusted p-values, shape (m,), in the order given; at most 1.

    Raises:
        RowsMismatch: Not one-dimensional.
        ProbabilityOutOfRange: A p-value lies outside 0 to 1.

    Source:
        Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70.

    Example:
        >>> holm([0.01, float("nan"), 0.04, 0.03]).tolist()
        [0.03, nan, 0.06, 0.06]
    """
    family, order = _family(p_values)
    scaled = family[order] * np.arange(order.size, 0, -1)
    family[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return family


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Adjusted p-values that hold the expected share of false positives among the findings.

    Args:
        p_values: One family, shape (m,). NaN stands for no test: it stays NaN and is not counted.

    Returns:
        Adjusted p-values, shape (m,), in the order given; at most 1.

    Raises:
        RowsMismatch: Not one-dimensional.
        ProbabilityOutOfRange: A p-value lies outside 0 to 1.

    Source:
        Benjamini, Y. & Hochberg, Y. (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Example:
        >>> benjamini_hochberg([0.005, 0.06, 0.007, 0.04, 0.01, 0.03]).round(3).tolist()
        [0.02, 0.06, 0.02, 0.048, 0.02, 0.045]
    """
    family, order = _family(p_values)
    scaled = family[order] * order.size / np.arange(1, order.size + 1)
    # From the largest down, so that a larger p-value never ends below a smaller one.
    family[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return family


def _family(p_values: ArrayLike) -> tuple[FloatArray, np.ndarray]:
    """A copy, and the places of its p-values from the smallest up; NaN has no place."""
    family = np.array(p_values, dtype=np.float64)
    if family.ndim != 1:
        raise RowsMismatch(f"expected one family of p-values of shape (m,), found {family.shape}")
    is_outside = (family < 0) | (family > 1)
    if np.any(is_outside):
        raise ProbabilityOutOfRange(f"found a p-value of {family[is_outside][0]:g}, expected numbers from 0 to 1 or NaN")
    order = np.argsort(family, kind="stable")
    return family, order[: np.count_nonzero(~np.isnan(family))]
