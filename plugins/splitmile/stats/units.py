"""Rows of units: what they have to be, and how far each lies from the mean of its group."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile.stats.inputs import FloatArray, RowsMismatch, UnitsInvalid


def unit_values(name: str, values: ArrayLike) -> FloatArray:
    """One number a unit, shape (units,), as floats.

    Raises:
        RowsMismatch: Not one-dimensional.
        UnitsInvalid: Not numbers, or one is NaN or infinite.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise RowsMismatch(f"expected one {name} a unit, shape (units,), found {array.shape}")
    if array.dtype.kind not in "biuf":
        raise UnitsInvalid(f"{name} is an array of {array.dtype}, expected numbers")
    floats = array.astype(np.float64)
    is_finite = np.isfinite(floats)
    if not np.all(is_finite):
        unit = int(np.argmin(is_finite))
        raise UnitsInvalid(f"unit {unit}: {name} is {floats[unit]:g}, expected a finite number; give the unit a value or leave it out")
    return floats


def unit_groups(group: ArrayLike | None, groups: int, units: int) -> NDArray[np.intp]:
    """The index of each unit's group, shape (units,); None puts every unit into group 0.

    Raises:
        RowsMismatch: Not one index a unit.
        UnitsInvalid: `groups` is negative, or an index is not whole or not in 0 … groups − 1.
    """
    array = np.zeros(units, dtype=np.intp) if group is None else np.asarray(group)
    if array.shape != (units,):
        raise RowsMismatch(f"expected the index of a group for each of {units} units, found an array of shape {array.shape}")
    if groups < 0 or (units and array.dtype.kind not in "iu"):
        raise UnitsInvalid(f"group is an array of {array.dtype} for {groups} groups, expected whole numbers from 0 to groups − 1")
    is_inside = (array >= 0) & (array < groups)
    if not np.all(is_inside):
        unit = int(np.argmin(is_inside))
        raise UnitsInvalid(f"unit {unit}: its group is {array[unit]}, expected an index from 0 to {groups - 1}")
    return array.astype(np.intp)


def centred(values: FloatArray, group: NDArray[np.intp], groups: int) -> tuple[FloatArray, FloatArray]:
    """Mean of each group, shape (groups,), and each unit's deviation from it, shape (units,).

    The second pass takes off what rounding left in the mean of the first. Where all units of a group agree, that is a
    whole number of units in the last place, the same for each: its mean is exact and the deviations are exactly zero, so
    that "no variation" is not mistaken for a tiny one. The mean of a group without units is 0.

    Source:
        Chan, T. F., Golub, G. H. & LeVeque, R. J. (1983), Algorithms for computing the sample variance, The American
        Statistician 37, 242-247, the corrected two-pass algorithm.
    """
    n = np.maximum(np.bincount(group, minlength=groups), 1)
    mean = np.bincount(group, values, minlength=groups) / n
    deviations = values - mean[group]
    correction = np.bincount(group, deviations, minlength=groups) / n
    return mean + correction, deviations - correction[group]
