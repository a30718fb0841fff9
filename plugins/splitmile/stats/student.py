"""Student's t distribution: critical values and tails of many rows at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike
from scipy import special

from splitmile.stats.inputs import FloatArray, levels
from splitmile.stats.rows import quotients

# From here up the critical value is a polynomial in 1/df, to the last digits of a float and for every level.
_MANY = 50.0
_DEGREE = 12
# From here up the two distributions agree to the last digits of a float, as far out as either has any.
_NORMAL = 1e15
# Standard deviations beyond which the normal distribution has no tail that a float could hold.
_FAR = 37.0


def critical_values(alpha: ArrayLike, degrees_of_freedom: FloatArray) -> FloatArray:
    """The standardised distance that is exceeded on either side with probability alpha; NaN where the degrees are.

    Raises:
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
    """
    level = levels(alpha)
    if level.ndim:
        return _exact_critical_values(level, degrees_of_freedom)
    is_many = degrees_of_freedom >= _MANY
    inverse = 1 / np.where(is_many, degrees_of_freedom, np.nan)
    return np.where(
        is_many, _of_inverse(float(level))(inverse), _exact_critical_values(level, np.where(is_many, np.nan, degrees_of_freedom))
    )


def _exact_critical_values(alpha: FloatArray, degrees_of_freedom: FloatArray) -> FloatArray:
    # Scipy's special functions are those of its distributions without their cost a call.
    return -np.asarray(special.stdtrit(degrees_of_freedom, alpha / 2))


@lru_cache(maxsize=64)
def _of_inverse(alpha: float) -> Chebyshev:
    """The critical value as a polynomial in 1/df, interpolated from 0 to 1/_MANY."""
    return Chebyshev.interpolate(lambda inverse: _exact_critical_values(np.asarray(alpha), 1 / inverse), _DEGREE, domain=[0, 1 / _MANY])


def upper_tails(distance: FloatArray, standard_error: FloatArray, degrees_of_freedom: FloatArray) -> FloatArray:
    """Probability of a standardised distance beyond this one, right down to 1e-300; NaN where the standard error is 0."""
    return np.asarray(special.stdtr(degrees_of_freedom, -quotients(distance, standard_error)))


def as_student(z: FloatArray, degrees_of_freedom: ArrayLike) -> FloatArray:
    """The distance that Student's t exceeds as rarely as the normal distribution exceeds z ≥ 0; infinite where no float holds it.

    Source:
        Wallace, D. L. (1959), Annals of Mathematical Statistics 30, 1121-1130, beyond the tails that are a float.
    """
    freedom = np.asarray(degrees_of_freedom, dtype=np.float64)
    finite = np.minimum(freedom, _NORMAL)
    near = -special.stdtrit(finite, special.ndtr(-np.minimum(z, _FAR)))
    with np.errstate(over="ignore"):
        far = np.sqrt(finite * np.expm1((z / _shrinkage(finite)) ** 2 / finite))
    return np.where(freedom >= _NORMAL, z, np.where(z < _FAR, near, far))


def as_normal(t: FloatArray, degrees_of_freedom: ArrayLike) -> FloatArray:
    """The distance, with its sign, that the normal distribution exceeds as rarely as Student's t exceeds this one.

    Source:
        Wallace (1959), as for `as_student`.
    """
    freedom = np.asarray(degrees_of_freedom, dtype=np.float64)
    finite = np.minimum(freedom, _NORMAL)
    far = _shrinkage(finite) * np.sqrt(finite * np.log1p(t**2 / finite))
    near = special.ndtri(special.stdtr(finite, -np.where(far < _FAR, np.abs(t), 0.0)))
    return np.where(freedom >= _NORMAL, t, np.copysign(np.where(far < _FAR, near, far), t))


def _shrinkage(degrees_of_freedom: FloatArray) -> FloatArray:
    return (8 * degrees_of_freedom + 1) / (8 * degrees_of_freedom + 3)
