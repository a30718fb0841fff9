"""What an input has to be, and the named errors for one that is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile.errors import StatisticsError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.str_]


class ImpossibleMoments(StatisticsError):
    """Sums that no set of units can have.

    Attributes:
        row: Index of the first such row, so that a caller can leave it out and keep the others.
    """

    def __init__(self, row: int, fault: str) -> None:
        """Name the row and what is impossible in it."""
        super().__init__(f"moments, row {row}: {fault}; recompute this row from the units, its sums do not belong together")
        self.row = row


class UnitsInvalid(StatisticsError):
    """A unit's value is no number, or its group does not exist."""


class EstimatesInvalid(StatisticsError):
    """A row is neither an estimate nor the lack of one."""


class CovarianceImpossible(StatisticsError):
    """A covariance that two estimates with these variances cannot have."""


class RowsMismatch(StatisticsError):
    """Arrays that should describe the same rows have different shapes."""


class ProbabilityOutOfRange(StatisticsError):
    """A level or a p-value lies outside its range."""


class MarginInvalid(StatisticsError):
    """A non-inferiority margin or direction has no meaning."""


class CountsInvalid(StatisticsError):
    """A number of units is no count."""


class SharesInvalid(StatisticsError):
    """Planned shares do not split the units."""


def frozen(values: ArrayLike, dtype: type = np.float64) -> NDArray[Any]:
    """A read-only copy, so that nobody can change a result or its input behind our back."""
    array: NDArray[Any] = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


def require_same_rows(**arrays: NDArray[Any]) -> None:
    """Refuse arrays that are not one-dimensional and of one length.

    Raises:
        RowsMismatch: Naming every array with its shape.
    """
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise RowsMismatch(f"expected one-dimensional arrays of one length, one row a comparison, found {found}")


def levels(alpha: ArrayLike) -> FloatArray:
    """The level of a test or interval, as an array.

    Raises:
        ProbabilityOutOfRange: Not strictly between 0 and 1.
    """
    array = np.asarray(alpha, dtype=np.float64)
    is_level = (array > 0) & (array < 1)
    if not np.all(is_level):
        raise ProbabilityOutOfRange(f"alpha is {array[~is_level][0]:g}, expected a level strictly between 0 and 1 such as 0.05")
    return array


def counts(name: str, values: ArrayLike, *, least: int = 0) -> FloatArray:
    """Numbers of units, as floats.

    Raises:
        CountsInvalid: Not whole, not finite, or below `least`.
    """
    array = np.asarray(values, dtype=np.float64)
    is_count = np.isfinite(array) & (array >= least) & (array == np.floor(array))
    if not np.all(is_count):
        raise CountsInvalid(f"{name} holds {array[~is_count][0]:g}, expected whole numbers of units from {least} up")
    return array
