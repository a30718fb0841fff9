"""Pure statistics: numbers in, numbers out, one row a comparison.

Knows no warehouse, no YAML and no Airflow; needs numpy and scipy only.
"""

from splitmile.stats.bayes import Posterior, PriorInvalid, posterior
from splitmile.stats.bootstrap import wild_cluster_bootstrap
from splitmile.stats.clusters import ClusterEffect, RegressionInvalid, clustered_estimates, cr2
from splitmile.stats.covariates import CovariateMoments
from splitmile.stats.cuped import Adjustment, cuped
from splitmile.stats.days_to_go import DaysToGo, days_to_go
from splitmile.stats.effects import Effects, absolute_effect, fieller_interval, relative_effect
from splitmile.stats.estimates import Estimates, estimate
from splitmile.stats.heterogeneity import Heterogeneity, heterogeneity
from splitmile.stats.histograms import Histogram, HistogramInvalid, quantile
from splitmile.stats.inputs import (
    CountsInvalid,
    CovarianceImpossible,
    EstimatesInvalid,
    ImpossibleMoments,
    MarginInvalid,
    ProbabilityOutOfRange,
    RowsMismatch,
    SharesInvalid,
    UnitsInvalid,
)
from splitmile.stats.interaction import interaction
from splitmile.stats.interference import Interference, interference
from splitmile.stats.moments import Moments
from splitmile.stats.multiplicity import benjamini_hochberg, holm
from splitmile.stats.noninferiority import anytime_harm_p_value, anytime_noninferiority_p_value, one_sided_multiple
from splitmile.stats.novelty import DailyEstimates, Novelty, novelty
from splitmile.stats.planned_test import PlanInvalid, PlannedTest
from splitmile.stats.poststratification import post_stratify
from splitmile.stats.power import (
    MinimumDetectableEffect,
    SampleSize,
    minimum_detectable_effect,
    power,
    sample_size,
    sample_size_proportions,
    variance_per_unit,
)
from splitmile.stats.quantiles import quantile_estimates, quantile_of_units
from splitmile.stats.sequential import (
    always_valid_p_value,
    confidence_sequence,
    normal_mixture_bound,
    relative_confidence_sequence,
    tuned_rho,
)
from splitmile.stats.srm import SegmentSrm, SequentialSrm, SrmTest, chi_squared_srm, sequential_srm, srm_by_segment
from splitmile.stats.switchback import hajek, horvitz_thompson, switchback_regression
from splitmile.stats.switchback_carryover import carryover_test
from splitmile.stats.switchback_design import DesignBalance, ScheduleRow, SwitchbackDesign, SwitchbackDesignInvalid
from splitmile.stats.switchback_exposure import OrderInvalid
from splitmile.stats.switchback_power import SwitchbackPower, switchback_power
from splitmile.stats.switchback_randomization import randomization_p_value
from splitmile.stats.switchback_windows import SwitchbackEffect, SwitchbackWindows, WindowsInvalid

__all__ = [
    "Adjustment",
    "ClusterEffect",
    "CountsInvalid",
    "CovarianceImpossible",
    "CovariateMoments",
    "DailyEstimates",
    "DaysToGo",
    "DesignBalance",
    "Effects",
    "Estimates",
    "EstimatesInvalid",
    "Heterogeneity",
    "Histogram",
    "HistogramInvalid",
    "ImpossibleMoments",
    "Interference",
    "MarginInvalid",
    "MinimumDetectableEffect",
    "Moments",
    "Novelty",
    "OrderInvalid",
    "PlanInvalid",
    "PlannedTest",
    "Posterior",
    "PriorInvalid",
    "ProbabilityOutOfRange",
    "RegressionInvalid",
    "RowsMismatch",
    "SampleSize",
    "ScheduleRow",
    "SegmentSrm",
    "SequentialSrm",
    "SharesInvalid",
    "SrmTest",
    "SwitchbackDesign",
    "SwitchbackDesignInvalid",
    "SwitchbackEffect",
    "SwitchbackPower",
    "SwitchbackWindows",
    "UnitsInvalid",
    "WindowsInvalid",
    "absolute_effect",
    "always_valid_p_value",
    "anytime_harm_p_value",
    "anytime_noninferiority_p_value",
    "benjamini_hochberg",
    "carryover_test",
    "chi_squared_srm",
    "clustered_estimates",
    "confidence_sequence",
    "cr2",
    "cuped",
    "days_to_go",
    "estimate",
    "fieller_interval",
    "hajek",
    "heterogeneity",
    "holm",
    "horvitz_thompson",
    "interaction",
    "interference",
    "minimum_detectable_effect",
    "normal_mixture_bound",
    "novelty",
    "one_sided_multiple",
    "post_stratify",
    "posterior",
    "power",
    "quantile",
    "quantile_estimates",
    "quantile_of_units",
    "randomization_p_value",
    "relative_confidence_sequence",
    "relative_effect",
    "sample_size",
    "sample_size_proportions",
    "sequential_srm",
    "srm_by_segment",
    "switchback_power",
    "switchback_regression",
    "tuned_rho",
    "variance_per_unit",
    "wild_cluster_bootstrap",
]
