"""A scorecard as flat rows, one an effect: what `results.experiment_results` holds, and what is exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from splitmile.results.comparisons import Effect
from splitmile.results.scorecards import Scorecard


def flat_rows(scorecard: Scorecard, in_segments: Sequence[Effect] = ()) -> list[dict[str, Any]]:
    """One row an effect, by the columns of `results.experiment_results` without those of the computation.

    Args:
        scorecard: Whose own effects come first.
        in_segments: All effects by segment, of which a scorecard has room for some.
    """
    shared = {
        "experiment_id": scorecard.experiment_id,
        "as_of_date": scorecard.as_of_date,
        "decision": scorecard.verdict.decision.value,
    }
    return [shared | _columns(effect) for effect in (*scorecard.effects, *in_segments)]


def _columns(effect: Effect) -> dict[str, Any]:
    absolute, relative, sequential = effect.absolute, effect.relative, effect.sequential
    covariate, view, guardrail = effect.covariate, effect.bayesian, effect.non_inferiority
    return {
        "metric": effect.metric,
        "segment": effect.segment,
        "treatment": effect.treatment,
        "control": effect.control,
        "role": effect.role,
        "n_control": effect.n_control,
        "n_treatment": effect.n_treatment,
        "control_value": effect.control_value,
        "treatment_value": effect.treatment_value,
        "absolute_estimate": absolute.estimate,
        "absolute_standard_error": absolute.standard_error,
        "absolute_low": absolute.interval.low if absolute.interval else None,
        "absolute_high": absolute.interval.high if absolute.interval else None,
        "absolute_p_value": absolute.p_value,
        "relative_estimate": relative.estimate,
        "relative_standard_error": relative.standard_error,
        "relative_low": relative.interval.low if relative.interval else None,
        "relative_high": relative.interval.high if relative.interval else None,
        "relative_p_value": relative.p_value,
        "sequential_low": sequential.interval.low if sequential and sequential.interval else None,
        "sequential_high": sequential.interval.high if sequential and sequential.interval else None,
        "sequential_relative_low": sequential.relative_interval.low if sequential and sequential.relative_interval else None,
        "sequential_relative_high": sequential.relative_interval.high if sequential and sequential.relative_interval else None,
        "sequential_p_value": sequential.p_value if sequential else None,
        "p_value_adjusted": effect.p_value_adjusted,
        "degrees_of_freedom": effect.degrees_of_freedom,
        "method": effect.method,
        "theta": covariate.theta if covariate else None,
        "variance_removed": covariate.variance_removed if covariate else None,
        "unadjusted_relative_estimate": covariate.unadjusted.estimate if covariate else None,
        "unadjusted_relative_standard_error": covariate.unadjusted.standard_error if covariate else None,
        "chance_to_beat_control": view.chance_to_beat_control if view else None,
        "expected_loss": view.expected_loss if view else None,
        "non_inferiority_p_value": guardrail.p_value if guardrail else None,
        "harm_p_value": guardrail.harm_p_value if guardrail else None,
        "is_better": effect.is_better,
        "is_worse": effect.is_worse,
    }
