"""Plan × moments → effects: one call of the statistics for all comparisons of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.analysis.judgement import Pair, bayesian_views, corrected_p_values, judge, margin_tests
from splitmile.analysis.moments import MomentSums, UnitValues, covariate_moments_of, moments_of
from splitmile.analysis.quantiles import Quantiles, censored_share, estimate_quantiles
from splitmile.registry.plan import MetricKind, Plan, Variant
from splitmile.results.comparisons import Comparison, CovariateAdjustment, Effect, SequentialEstimate
from splitmile.results.from_arrays import estimates, intervals, numbers

FEW_UNITS = 50
"""Below as many units in a variant a ratio's variance is CR2's, where the units are at hand: the delta method's is too small then."""

FloatArray = NDArray[np.float64]
Looks = tuple[NDArray[Any], NDArray[Any]]
_METHODS = {MetricKind.ratio: "delta"}


@dataclass(frozen=True, slots=True)
class Arms:
    """Both sides of k comparisons, each by its own method; arrays of shape (k,).

    Attributes:
        control, treatment: Estimates, adjusted where a covariate was there.
        covariance: Of the two.
        unadjusted: Control and treatment without any adjustment; their values are what readers are shown.
        theta, variance_removed: Of the covariate; NaN without one.
        censored_share: Of quantiles: share of the orders that have no observation; NaN elsewhere.
        method: Name of the estimator.
        segment: Whose units these are.
    """

    control: stats.Estimates
    treatment: stats.Estimates
    covariance: FloatArray
    unadjusted: tuple[stats.Estimates, stats.Estimates]
    theta: FloatArray
    variance_removed: FloatArray
    censored_share: FloatArray
    method: tuple[str, ...]
    segment: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """k comparisons, as results and as the arrays that further tests begin with.

    Attributes:
        comparisons: None with an adjusted p-value yet.
        absolute, relative: Effects.
        looks: Independent units so far, and those planned, both variants together.
    """

    comparisons: list[Comparison]
    absolute: stats.Effects
    relative: stats.Effects
    looks: Looks


def compute_effects(
    plan: Plan, sums: Sequence[MomentSums], *, has_ended: bool, units: UnitValues | None = None, quantiles: Quantiles | None = None
) -> tuple[Effect, ...]:
    """All effects of an experiment, in the plan's order of metrics and of treatments within.

    Args:
        plan: The experiment.
        sums: One row a variant and metric; a missing row is a variant without units.
        has_ended: The planned end is reached, so the fixed-horizon inference counts, not the anytime-valid one.
        units: The units themselves, for ratios while a variant has fewer than `FEW_UNITS`; left out, moments have to do.
        quantiles: The observations of the quantile metrics, which have no moments of their own.

    Source:
        Deng, Knoblich & Lu (2018) for ratios, Deng, Xu, Kohavi & Walker (2013) for covariates, Bell & McCaffrey (2002) for
        few units, Waudby-Smith et al. (2024) for daily looks.
    """
    pairs = [(planned, treatment) for planned in plan.metrics for treatment in plan.treatments]
    found = compare(plan, pairs, sums, units=units, quantiles=quantiles)
    adjusted = corrected_p_values(pairs, [comparison.counting(has_ended=has_ended).p_value for comparison in found.comparisons])
    guardrails = margin_tests(pairs, found.relative, found.looks, plan.alpha, has_ended=has_ended)
    return tuple(
        judge(replace(comparison, p_value_adjusted=p_value), planned, guardrail, plan.alpha, has_ended=has_ended)
        for comparison, p_value, guardrail, (planned, _) in zip(found.comparisons, adjusted, guardrails, pairs, strict=True)
    )


def compare(
    plan: Plan,
    pairs: Sequence[Pair],
    sums: Sequence[MomentSums],
    *,
    segments: Sequence[str] | None = None,
    units: UnitValues | None = None,
    quantiles: Quantiles | None = None,
) -> Compared:
    """Treatments with the control, all in one call of the statistics.

    Args:
        plan: The experiment.
        pairs: Metrics and treatments, one a comparison.
        sums: One row a variant, metric and segment; a missing row is a variant without units.
        segments: The segment of each comparison; left out, all units.
        units: As for `compute_effects`.
        quantiles: Likewise.
    """
    arms = _arms(plan, pairs, sums, segments or ["all"] * len(pairs), units or {})
    is_quantile = [planned.metric.kind is MetricKind.quantile for planned, _ in pairs]
    if any(is_quantile):
        arms = _with_quantiles(arms, np.flatnonzero(is_quantile), plan, pairs, quantiles or {})
    absolute = stats.absolute_effect(arms.control, arms.treatment, covariance=arms.covariance)
    relative = stats.relative_effect(arms.control, arms.treatment, alpha=plan.alpha, covariance=arms.covariance)
    looks = arms.control.n + arms.treatment.n, _planned_units(plan, (treatment for _, treatment in pairs))
    return Compared(_comparisons(plan, pairs, arms, absolute, relative, looks), absolute, relative, looks)


def _planned_units(plan: Plan, treatments: Iterable[Variant]) -> NDArray[np.int64]:
    """Units planned for the control and each treatment together, at least 1."""
    return np.array([max(1, round(plan.planned_units * (plan.control.planned_share + each.planned_share))) for each in treatments])


def _arms(plan: Plan, pairs: Sequence[Pair], sums: Sequence[MomentSums], segments: Sequence[str], units: UnitValues) -> Arms:
    by_key = {(row.segment, row.variant, row.metric): row for row in sums}
    control, treated = (
        [
            by_key.get((segment, variant.name, planned.metric.name), MomentSums(variant.name, planned.metric.name, 0))
            for segment, (planned, variant) in zip(segments, side, strict=True)
        ]
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
        censored_share=np.full(len(pairs), np.nan),
        method=tuple(_METHODS.get(planned.metric.kind, "welch") for planned, _ in pairs),
        segment=tuple(segments),
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


def _with_quantiles(arms: Arms, rows: NDArray[np.intp], plan: Plan, pairs: Sequence[Pair], quantiles: Quantiles) -> Arms:
    chosen = [pairs[row] for row in rows]
    metrics = [planned.metric for planned, _ in chosen]
    treatments = [variant.name for _, variant in chosen]
    control = estimate_quantiles(metrics, [plan.control.name] * len(chosen), quantiles)
    treated = estimate_quantiles(metrics, treatments, quantiles)
    shares = [censored_share(metric, (plan.control.name, name), quantiles) for metric, name in zip(metrics, treatments, strict=True)]
    return replace(
        _with_method(arms, "quantile", rows, control, treated),
        unadjusted=(_put_estimates(control, rows, arms.unadjusted[0]), _put_estimates(treated, rows, arms.unadjusted[1])),
        censored_share=_put(np.array(shares, dtype=np.float64), rows, arms.censored_share),
    )


def _with_method(arms: Arms, method: str, rows: NDArray[np.intp], control: stats.Estimates, treatment: stats.Estimates) -> Arms:
    """The arms with another method's estimates in some rows."""
    return replace(
        arms,
        control=_put_estimates(control, rows, arms.control),
        treatment=_put_estimates(treatment, rows, arms.treatment),
        method=tuple(method if row in rows else before for row, before in enumerate(arms.method)),
    )


def _comparisons(
    plan: Plan, pairs: Sequence[Pair], arms: Arms, absolute: stats.Effects, relative: stats.Effects, looks: Looks
) -> list[Comparison]:
    alpha = plan.alpha
    sequential_p = numbers(
        stats.always_valid_p_value(
            absolute.estimate, absolute.standard_error, *looks, alpha, degrees_of_freedom=absolute.degrees_of_freedom
        )
    )
    sequential = intervals(
        stats.confidence_sequence(absolute.estimate, absolute.standard_error, *looks, alpha, degrees_of_freedom=absolute.degrees_of_freedom)
    )
    low, high = stats.relative_confidence_sequence(arms.control, arms.treatment, looks[1], alpha, covariance=arms.covariance)
    is_defined = relative.reason == ""
    sequential_relative = intervals((np.where(is_defined, low, np.nan), np.where(is_defined, high, np.nan)))
    absolutes, relatives = estimates(absolute, absolute.interval(alpha)), estimates(relative, relative.interval(alpha))
    unadjusted = stats.relative_effect(*arms.unadjusted, alpha=alpha)
    without_covariate = estimates(unadjusted, unadjusted.interval(alpha))
    views = bayesian_views(relative, [planned.metric.direction.value for planned, _ in pairs], alpha)
    values = [numbers(side.value) for side in arms.unadjusted]
    freedom, theta, removed = numbers(absolute.degrees_of_freedom), numbers(arms.theta), numbers(arms.variance_removed)
    censored = numbers(arms.censored_share)
    return [
        Comparison(
            metric=planned.metric.name,
            kind=planned.metric.kind.value,
            segment=arms.segment[row],
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
            censored_share=censored[row],
        )
        for row, (planned, treatment) in enumerate(pairs)
    ]


def _put_estimates(found: stats.Estimates, rows: NDArray[np.intp], into: stats.Estimates) -> stats.Estimates:
    return stats.Estimates(**{field.name: _put(getattr(found, field.name), rows, getattr(into, field.name)) for field in fields(into)})


def _put(found: NDArray[Any], rows: NDArray[np.intp], into: NDArray[Any]) -> NDArray[Any]:
    """An array with some of its rows replaced; put together and picked, since an array of texts would cut a longer one off."""
    order = np.arange(into.size)
    order[rows] = into.size + np.arange(rows.size)
    return np.concatenate([into, found])[order]
