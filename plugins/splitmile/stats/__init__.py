"""Pure statistics: numbers in, numbers out, one row a comparison.

Knows no warehouse, no YAML and no Airflow; needs numpy and scipy only.
"""

from splitmile.stats.effects import Effects, Estimates, absolute_effect, estimate, fieller_interval, relative_effect
from splitmile.stats.inputs import (
    CountsInvalid,
    ImpossibleMoments,
    MarginInvalid,
    ProbabilityOutOfRange,
    RowsMismatch,
    SharesInvalid,
)
from splitmile.stats.moments import Moments
from splitmile.stats.multiplicity import benjamini_hochberg, holm
from splitmile.stats.sequential import always_valid_p_value, confidence_sequence, normal_mixture_bound, tuned_rho
from splitmile.stats.srm import SrmTest, chi_squared_srm

__all__ = [
    "CountsInvalid",
    "Effects",
    "Estimates",
    "ImpossibleMoments",
    "MarginInvalid",
    "Moments",
    "ProbabilityOutOfRange",
    "RowsMismatch",
    "SharesInvalid",
    "SrmTest",
    "absolute_effect",
    "always_valid_p_value",
    "benjamini_hochberg",
    "chi_squared_srm",
    "confidence_sequence",
    "estimate",
    "fieller_interval",
    "holm",
    "normal_mixture_bound",
    "relative_effect",
    "tuned_rho",
]
