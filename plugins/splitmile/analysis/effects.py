"""Plan × moments → effects: one call of the statistics for all comparisons of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.analysis.moments import MomentSums, UnitValues, covariate_moments_of, moments_of
from splitmile.registry.plan import MetricKind, Plan, PlannedMetric, Role, Variant
from splitmile.results.comparisons import BayesianView, Comparison, CovariateAdjustment, Effect, NonInferiority, SequentialEstimate
from splitmile.results.from_arrays import estimates, intervals, numbers

FEW_UNITS = 50
"""Below as many units in a variant a ratio's variance is CR2's, where the units are at hand: the delta method's is too small then."""

PRIOR_STANDARD_DEVIATION = 0.05
"""Of relative effects, for the Bayesian view: before any data, two experiments in three move a metric by less than 5 %."""

FloatArray = NDArray[np.float64]
_METHODS = {MetricKind.ratio: "delta"}


@dataclass(frozen=True, slots=True)
class Arms:
    """Both sides of k comparisons, each by its own method; arrays of shape (k,).

    Attributes:
        control, treatment: Estimates, adjusted where a covariate was there.
        covariance: Of the two.
        unadjusted: Control and treatment without any adjustment; their values are what readers are shown.
        theta, variance_removed: Of the covariate; NaN without one.
        method: Name of the estimator.
    """

    control: stats.Estimates
    treatment: stats.Estimates
    covariance: FloatArray
    unadjusted: tuple[stats.Estimates, stats.Estimates]
    theta: FloatArray
    variance_removed: FloatArray
    method: tuple[str, ...]


def compute_effects(plan: Plan, sums: Sequence[MomentSums], *, has_ended: bool, units: UnitValues | None = None) -> tuple[Effect, ...]:
    """All effects of an experiment, in the plan's order of metrics and of treatments within.

    Args:
        plan: The experiment.
        sums: One row a variant and metric; a missing row is a variant without units.
        has_ended: The planned end is reached, so the fixed-horizon inference counts, not the anytime-valid one.
        units: The units themselves, for ratios while a variant has fewer than `FEW_UNITS`; left out, moments have to do.

    Source:
        Deng, Knoblich & Lu (2018) for ratios, Deng, Xu, Kohavi & Walker (2013) for covariates, Bell & McCaffrey (2002) for
        few units, Waudby-Smith et al. (2024) for daily looks.
    """
    pairs = [(planned, treatment) for planned in plan.metrics for treatment in plan.treatments]
    arms = _arms(plan, pairs, sums, units or {})
    relative = stats.relative_effect(arms.control, arms.treatment, alpha=plan.alpha, covariance=arms.covariance)
    comparisons = _comparisons(plan, pairs, arms, relative)
    adjusted = _adjust(pairs, [comparison.counting(has_ended=has_ended).p_value for comparison in comparisons])
    guardrails = _non_inferiority(plan, pairs, arms, relative, has_ended=has_ended)
    return tuple(
        _effect(replace(comparison, p_value_adjusted=p_value), planned, guardrail, plan.alpha, has_ended=has_ended)
        for comparison, p_value, guardrail, (planned, _) in zip(comparisons, adjusted, guardrails, pairs, strict=True)
    )


def _planned_units(plan: Plan, treatments: Iterable[Variant]) -> NDArray[np.int64]:
    """Units planned for the control and each treatment together, at least 1."""
    return np.array([max(1, round(plan.planned_units * (plan.control.planned_share + each.planned_share))) for each in treatments])


Pair = tuple[PlannedMetric, Variant]


def _arms(plan: Plan, pairs: Sequence[Pair], sums: Sequence[MomentSums], units: UnitValues) -> Arms:
    by_key = {(row.variant, row.metric): row for row in sums}
    control, treated = (
        [by_key.get((variant.name, planned.metric.name), MomentSums(variant.name, planned.metric.name, 0)) for planned, variant in side]
        for side in ([(planned, plan.control) for planned, _ in pairs], pairs)
    )
    plain = stats.estimate(moments_of(control)), stats.estimate(moments_of(treated))
    arms = Arms(
        control=plain[0],
        treatment=plain[1],
        covariance=np.zeros(len(pairs)),
        unadjusted=plain,
        theta=np.full(len(pairs), np.nan),
        variance_removed=np.full(len(pairs), np.nan),
        method=tuple(_METHODS.get(planned.metric.kind, "welch") for planned, _ in pairs),
    )
    is_small = [
        planned.metric.kind is MetricKind.ratio
        and min(c.units, t.units) < FEW_UNITS
        and {(c.variant, c.metric), (t.variant, t.metric)} <= units.keys()
        for (planned, _), c, t in zip(pairs, control, treated, strict=True)
    ]
    has_covariate = [c.has_covariate and t.has_covariate and not small for c, t, small in zip(control, treated, is_small, strict=True)]
    if any(has_covariate):
        arms = _with_covariates(arms, np.flatnonzero(has_covariate), control, treated)
    if any(is_small):
        arms = _with_few_units(arms, np.flatnonzero(is_small), control, treated, units)
    return arms


def _with_covariates(arms: Arms, rows: NDArray[np.intp], control: Sequence[MomentSums], treated: Sequence[MomentSums]) -> Arms:
    adjusted = stats.cuped(*(covariate_moments_of([side[row] for row in rows]) for side in (control, treated)))
    # Where the covariate explains nothing that could be told, the plain estimate stays under its own name.
    kept = np.flatnonzero(np.isfinite(adjusted.theta))
    there = rows[kept]
    arms = _with_method(arms, "cuped", there, adjusted.control.take(kept), adjusted.treatment.take(kept))
    return replace(
        arms,
        covariance=_put(adjusted.covariance[kept], there, arms.covariance),
        theta=_put(adjusted.theta[kept], there, arms.theta),
        variance_removed=_put(adjusted.variance_removed[kept], there, arms.variance_removed),
    )


def _with_few_units(
    arms: Arms, rows: NDArray[np.intp], control: Sequence[MomentSums], treated: Sequence[MomentSums], units: UnitValues
) -> Arms:
    keys = [(side[row].variant, side[row].metric) for side in (control, treated) for row in rows]
    found = stats.clustered_estimates(
        np.concatenate([units[key][0] for key in keys]),
        np.concatenate([units[key][1] for key in keys]),
        group=np.repeat(np.arange(len(keys)), [units[key][0].size for key in keys]),
        groups=len(keys),
    )
    of_control, of_treated = (found.take(side) for side in np.arange(len(keys)).reshape(2, -1))
    return _with_method(arms, "cr2", rows, of_control, of_treated)


def _with_method(arms: Arms, method: str, rows: NDArray[np.intp], control: stats.Estimates, treatment: stats.Estimates) -> Arms:
    """The arms with another method's estimates in some rows."""
    return replace(
        arms,
        control=_put_estimates(control, rows, arms.control),
        treatment=_put_estimates(treatment, rows, arms.treatment),
        method=tuple(method if row in rows else before for row, before in enumerate(arms.method)),
    )


def _comparisons(plan: Plan, pairs: Sequence[Pair], arms: Arms, relative: stats.Effects) -> list[Comparison]:
    alpha = plan.alpha
    absolute = stats.absolute_effect(arms.control, arms.treatment, covariance=arms.covariance)
    looks = arms.control.n + arms.treatment.n, _planned_units(plan, (treatment for _, treatment in pairs)), alpha
    sequential_p = numbers(
        stats.always_valid_p_value(absolute.estimate, absolute.standard_error, *looks, degrees_of_freedom=absolute.degrees_of_freedom)
    )
    sequential = intervals(
        stats.confidence_sequence(absolute.estimate, absolute.standard_error, *looks, degrees_of_freedom=absolute.degrees_of_freedom)
    )
    low, high = stats.relative_confidence_sequence(arms.control, arms.treatment, *looks[1:], covariance=arms.covariance)
    is_defined = relative.reason == ""
    sequential_relative = intervals((np.where(is_defined, low, np.nan), np.where(is_defined, high, np.nan)))
    absolutes, relatives = estimates(absolute, absolute.interval(alpha)), estimates(relative, relative.interval(alpha))
    unadjusted = stats.relative_effect(*arms.unadjusted, alpha=alpha)
    without_covariate = estimates(unadjusted, unadjusted.interval(alpha))
    views = _bayesian(relative, [planned.metric.direction.value for planned, _ in pairs], alpha)
    values = [numbers(side.value) for side in arms.unadjusted]
    freedom, theta, removed = numbers(absolute.degrees_of_freedom), numbers(arms.theta), numbers(arms.variance_removed)
    return [
        Comparison(
            metric=planned.metric.name,
            kind=planned.metric.kind.value,
            segment="all",
            control=plan.control.name,
            treatment=treatment.name,
            n_control=int(arms.unadjusted[0].n[row]),
            n_treatment=int(arms.unadjusted[1].n[row]),
            control_value=values[0][row],
            treatment_value=values[1][row],
            absolute=absolutes[row],
            relative=relatives[row],
            degrees_of_freedom=freedom[row],
            method=arms.method[row],
            sequential=SequentialEstimate(sequential[row], sequential_relative[row], sequential_p[row]) if sequential[row] else None,
            p_value_adjusted=None,
            covariate=CovariateAdjustment(theta[row], removed[row], without_covariate[row]) if arms.method[row] == "cuped" else None,
            bayesian=views[row],
        )
        for row, (planned, treatment) in enumerate(pairs)
    ]


def _bayesian(relative: stats.Effects, directions: Sequence[str], alpha: float) -> list[BayesianView | None]:
    posterior = stats.posterior(relative, prior_standard_deviation=PRIOR_STANDARD_DEVIATION, direction=directions)
    rows = zip(
        numbers(posterior.chance_to_beat_control), numbers(posterior.expected_loss), intervals(posterior.interval(alpha)), strict=True
    )
    return [
        None if chance is None or loss is None or interval is None else BayesianView(chance, loss, interval, PRIOR_STANDARD_DEVIATION)
        for chance, loss, interval in rows
    ]


def _adjust(pairs: Sequence[Pair], p_values: Sequence[float | None]) -> list[float | None]:
    """Holm over the primary metrics × treatments, Benjamini–Hochberg over the secondary ones; guardrails stay alone."""
    found = np.array(p_values, dtype=np.float64)
    roles = np.array([planned.role.value for planned, _ in pairs])
    adjusted = np.full(len(roles), np.nan)
    for role, correct in ((Role.primary, stats.holm), (Role.secondary, stats.benjamini_hochberg)):
        is_family = roles == role.value
        adjusted[is_family] = correct(found[is_family])
    return numbers(adjusted)


def _non_inferiority(
    plan: Plan, pairs: Sequence[Pair], arms: Arms, relative: stats.Effects, *, has_ended: bool
) -> list[NonInferiority | None]:
    """The guardrails against their margins, one-sided at half the experiment's level, so that the interval shown agrees."""
    level = plan.alpha / 2
    margin = np.array([planned.margin or 0.0 for planned, _ in pairs])
    direction = [planned.metric.direction.value for planned, _ in pairs]
    if has_ended:
        safe, harm = relative.one_sided_p_value(margin, direction), relative.harm_p_value(margin, direction)
    else:
        units, planned = arms.control.n + arms.treatment.n, _planned_units(plan, (treatment for _, treatment in pairs))
        safe, harm = (
            test(
                relative.estimate,
                relative.standard_error,
                units,
                planned,
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


def _effect(comparison: Comparison, planned: PlannedMetric, guardrail: NonInferiority | None, alpha: float, *, has_ended: bool) -> Effect:
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


def _put_estimates(found: stats.Estimates, rows: NDArray[np.intp], into: stats.Estimates) -> stats.Estimates:
    return stats.Estimates(**{field.name: _put(getattr(found, field.name), rows, getattr(into, field.name)) for field in fields(into)})


def _put(found: NDArray[Any], rows: NDArray[np.intp], into: NDArray[Any]) -> NDArray[Any]:
    """An array with some of its rows replaced; put together and picked, since an array of texts would cut a longer one off."""
    order = np.arange(into.size)
    order[rows] = into.size + np.arange(rows.size)
    return np.concatenate([into, found])[order]
