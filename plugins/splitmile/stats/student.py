"""Student's t distribution: critical values and tails of many rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from splitmile.stats.inputs import FloatArray, levels
from splitmile.stats.rows import quotients


def critical_values(alpha: ArrayLike, degrees_of_freedom: FloatArray) -> FloatArray:
    """The standardised distance that is exceeded on either side with probability alpha; NaN where the degrees are.

    Raises:
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
    """
    # Scipy's special functions are those of its distributions without their cost a call.
    return -np.asarray(special.stdtrit(degrees_of_freedom, levels(alpha) / 2))


def upper_tails(distance: FloatArray, standard_error: FloatArray, degrees_of_freedom: FloatArray) -> FloatArray:
    """Probability of a standardised distance beyond this one, right down to 1e-300; NaN where the standard error is 0."""
    return np.asarray(special.stdtr(degrees_of_freedom, -quotients(distance, standard_error)))
