"""Analysis: plan × moments → scorecards, and scorecards → the digest of a day."""

from splitmile.analysis.digest import compose_digest, kept_scorecard, latest_as_of_date, latest_scorecards
from splitmile.analysis.sample_ratio import ExposureCount
from splitmile.analysis.scorecard import analyze_experiment, compute_scorecard

__all__ = [
    "ExposureCount",
    "analyze_experiment",
    "compose_digest",
    "compute_scorecard",
    "kept_scorecard",
    "latest_as_of_date",
    "latest_scorecards",
]
