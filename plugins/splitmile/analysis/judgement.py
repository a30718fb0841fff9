"""What a comparison means in its experiment's plan: corrected p-values, margins, better or worse. The same for every estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.registry.plan import PlannedMetric, Role, Variant
from splitmile.results.comparisons import BayesianView, Comparison, Effect, NonInferiority
from splitmile.results.from_arrays import intervals, numbers

PRIOR_STANDARD_DEVIATION = 0.05
"""Of relative effects, for the Bayesian view: before any data, two experiments in three move a metric by less than 5 %."""

Pair = tuple[PlannedMetric, Variant]
"""A metric of the plan, and the treatment that is compared with the control."""


def bayesian_views(relative: stats.Effects, directions: Sequence[str], alpha: float) -> list[BayesianView | None]:
    """The relative effects as posteriors; none where an effect has no standard error."""
    posterior = stats.posterior(relative, prior_standard_deviation=PRIOR_STANDARD_DEVIATION, direction=directions)
    rows = zip(
        numbers(posterior.chance_to_beat_control), numbers(posterior.expected_loss), intervals(posterior.interval(alpha)), strict=True
    )
    return [
        None if chance is None or loss is None or interval is None else BayesianView(chance, loss, interval, PRIOR_STANDARD_DEVIATION)
        for chance, loss, interval in rows
    ]


def corrected_p_values(pairs: Sequence[Pair], p_values: Sequence[float | None]) -> list[float | None]:
    """Holm over the primary metrics × treatments, Benjamini–Hochberg over the secondary ones; guardrails stay alone."""
    found = np.array(p_values, dtype=np.float64)
    roles = np.array([planned.role.value for planned, _ in pairs])
    adjusted = np.full(len(roles), np.nan)
    for role, correct in ((Role.primary, stats.holm), (Role.secondary, stats.benjamini_hochberg)):
        is_family = roles == role.value
        adjusted[is_family] = correct(found[is_family])
    return numbers(adjusted)


def margin_tests(
    pairs: Sequence[Pair], relative: stats.Effects, looks: tuple[NDArray[Any], NDArray[Any]], alpha: float, *, has_ended: bool
) -> list[NonInferiority | None]:
    """The guardrails against their margins, one-sided at half the experiment's level, so that the interval shown agrees.

    Args:
        pairs: One a row; rows that are no guardrail have no test.
        relative: Their relative effects.
        looks: Independent units so far, and those planned, both arms together, one a row.
        alpha: Level of the experiment.
        has_ended: The planned end is reached, so Student's t counts, not the anytime-valid test.
    """
    level = alpha / 2
    margin = np.array([planned.margin or 0.0 for planned, _ in pairs])
    direction = [planned.metric.direction.value for planned, _ in pairs]
    if has_ended:
        safe, harm = relative.one_sided_p_value(margin, direction), relative.harm_p_value(margin, direction)
    else:
        safe, harm = (
            test(
                relative.estimate,
                relative.standard_error,
                *looks,
                level,
                margin=margin,
                direction=direction,
                degrees_of_freedom=relative.degrees_of_freedom,
            )
            for test in (stats.anytime_noninferiority_p_value, stats.anytime_harm_p_value)
        )
    return [
        NonInferiority(p_safe, p_harm, is_safe=p_safe < level, is_harmed=p_harm < level)
        if planned.role is Role.guardrail and p_safe is not None and p_harm is not None
        else None
        for (planned, _), p_safe, p_harm in zip(pairs, numbers(safe), numbers(harm), strict=True)
    ]


def judge(comparison: Comparison, planned: PlannedMetric, guardrail: NonInferiority | None, alpha: float, *, has_ended: bool) -> Effect:
    """The comparison with its place in the plan, and whether it is better or worse by the inference that counts."""
    metric = planned.metric
    is_guardrail = planned.role is Role.guardrail
    p_value = comparison.counting(has_ended=has_ended).p_value if is_guardrail else comparison.p_value_adjusted
    is_significant = p_value is not None and p_value < alpha
    gain = (comparison.absolute.estimate or 0.0) * (1 if metric.direction.value == "increase" else -1)
    return Effect(
        **{field.name: getattr(comparison, field.name) for field in fields(Comparison)},
        label=metric.label,
        role=planned.role.value,
        direction=metric.direction.value,
        display_unit=metric.display_unit,
        margin=planned.margin,
        minimum_effect=planned.minimum_effect,
        is_better=is_significant and gain > 0,
        is_worse=guardrail is not None and guardrail.is_harmed if is_guardrail else is_significant and gain < 0,
        non_inferiority=guardrail,
    )
