"""The effects of a switchback experiment from the sums of its windows: by regression, by the design alone, by exact tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.analysis.judgement import Pair, bayesian_views, corrected_p_values, judge, margin_tests
from splitmile.registry.plan import Metric, MetricKind, Plan
from splitmile.results.comparisons import Comparison, Effect, SequentialEstimate
from splitmile.results.from_arrays import cluster_estimate, intervals, number, numbers
from splitmile.results.switchbacks import CarryoverTest, RandomizationTest
from splitmile.stats.switchback_randomization import Statistic

METHOD = "switchback"
"""Of the headline effects: regression with effects of zone and hour of the day, and CR2 standard errors."""

ORDER = 1
"""Windows of carry-over that the design-based estimates allow for; the regression allows for none, and a test says whether it should."""

DRAWS = 2000
"""Schedules of a randomisation test."""

_STATISTICS: Mapping[str, Statistic] = {METHOD: "regression", "hajek": "hajek"}

FloatArray = NDArray[np.float64]
Outcomes = Mapping[str, stats.SwitchbackWindows]
"""The windows of each metric, by name."""


@dataclass(frozen=True, slots=True)
class DesignBased:
    """What the design alone allows to say: fields of `SwitchbackChecks`."""

    effects: tuple[Comparison, ...] = ()
    randomization_tests: tuple[RandomizationTest, ...] = ()
    carryover_tests: tuple[CarryoverTest, ...] = ()


def window_outcomes(
    metric: Metric, measures: Mapping[str, FloatArray], arms: NDArray[np.int8], counted: FloatArray
) -> stats.SwitchbackWindows:
    """The outcome of every window that counts.

    A ratio is ΣN/ΣD, weighted by ΣD. A mean is the sum in a whole window: where the burn-in takes a part, in proportion to what
    is left, and weighted by it; a window without an order counts as 0. A proportion is whether there is an event at all.

    Args:
        metric: Of the plan.
        measures: Sums after the burn-in, by measure, (zones, windows).
        arms: The schedule, (zones, windows).
        counted: Share of each window's length that counts, (zones, windows).
    """
    numerator = np.where(counted > 0, measures[metric.numerator], 0.0)
    if metric.denominator is not None:
        return stats.SwitchbackWindows.from_sums(arms, numerator, np.where(counted > 0, measures[metric.denominator], 0.0))
    if metric.kind is MetricKind.proportion:
        return stats.SwitchbackWindows(arms, (numerator > 0).astype(np.float64), (counted > 0).astype(np.float64))
    return stats.SwitchbackWindows.from_sums(arms, numerator, counted)


def regression_effects(plan: Plan, design: stats.SwitchbackDesign, outcomes: Outcomes, *, has_ended: bool) -> tuple[Effect, ...]:
    """The effect of each metric by regression, with a confidence sequence whose clock is the clusters seen, of all in the design."""
    pairs: list[Pair] = [(planned, plan.treatments[0]) for planned in plan.metrics]
    hours, clusters = design.hours(), design.independent_units()
    found = [stats.switchback_regression(outcomes[planned.metric.name], hour=hours, cluster=clusters) for planned, _ in pairs]
    absolute, relative = _as_rows([each.absolute for each in found]), _as_rows([each.relative for each in found])
    looks = np.array([each.absolute.clusters for each in found]), np.full(len(found), np.unique(clusters).size)
    sequences = [
        intervals(
            stats.confidence_sequence(each.estimate, each.standard_error, *looks, plan.alpha, degrees_of_freedom=each.degrees_of_freedom)
        )
        for each in (absolute, relative)
    ]
    sequential_p = numbers(
        stats.always_valid_p_value(
            absolute.estimate, absolute.standard_error, *looks, plan.alpha, degrees_of_freedom=absolute.degrees_of_freedom
        )
    )
    views = bayesian_views(relative, [planned.metric.direction.value for planned, _ in pairs], plan.alpha)
    comparisons = [
        replace(
            _comparison(plan, planned.metric, METHOD, effect),
            sequential=SequentialEstimate(sequences[0][row], sequences[1][row], sequential_p[row]) if sequences[0][row] else None,
            bayesian=views[row],
        )
        for row, ((planned, _), effect) in enumerate(zip(pairs, found, strict=True))
    ]
    corrected = corrected_p_values(pairs, [comparison.counting(has_ended=has_ended).p_value for comparison in comparisons])
    guardrails = margin_tests(pairs, relative, looks, plan.alpha, has_ended=has_ended)
    return tuple(
        judge(replace(comparison, p_value_adjusted=p_value), planned, guardrail, plan.alpha, has_ended=has_ended)
        for comparison, p_value, guardrail, (planned, _) in zip(comparisons, corrected, guardrails, pairs, strict=True)
    )


def design_based(plan: Plan, design: stats.SwitchbackDesign, outcomes: Outcomes) -> DesignBased:
    """Estimates that allow for carry-over, p-values by redrawing the schedule, and whether carry-over had to be allowed for.

    Raises:
        OrderInvalid: The design has no window to look back to.
    """
    known = [(planned.metric, outcomes[planned.metric.name]) for planned in plan.metrics]
    return DesignBased(
        effects=tuple(
            _comparison(plan, metric, name, estimator(windows, design, order=ORDER))
            for metric, windows in known
            for name, estimator in (("hajek", stats.hajek), ("horvitz_thompson", stats.horvitz_thompson))
        ),
        randomization_tests=tuple(
            RandomizationTest(
                metric.name,
                name,
                number(stats.randomization_p_value(windows, design, statistic=statistic, order=ORDER, draws=DRAWS, seed=design.seed)),
                DRAWS,
            )
            for metric, windows in known
            for name, statistic in _STATISTICS.items()
        ),
        carryover_tests=tuple(
            CarryoverTest(metric.name, 0, cluster_estimate(stats.carryover_test(windows, design, order=0), plan.alpha))
            for metric, windows in known
        ),
    )


def _as_rows(effects: Sequence[stats.ClusterEffect]) -> stats.Effects:
    return stats.Effects(
        np.array([each.estimate for each in effects]),
        np.array([each.standard_error for each in effects]),
        np.array([each.degrees_of_freedom for each in effects]),
        np.array([each.reason for each in effects]),
    )


def _comparison(plan: Plan, metric: Metric, method: str, effect: stats.SwitchbackEffect) -> Comparison:
    return Comparison(
        metric=metric.name,
        kind=metric.kind.value,
        segment="all",
        control=plan.control.name,
        treatment=plan.treatments[0].name,
        n_control=effect.windows_control,
        n_treatment=effect.windows_treatment,
        control_value=number(effect.control_mean),
        treatment_value=number(effect.treatment_mean),
        absolute=cluster_estimate(effect.absolute, plan.alpha),
        relative=cluster_estimate(effect.relative, plan.alpha),
        degrees_of_freedom=number(effect.absolute.degrees_of_freedom),
        method=method,
        sequential=None,
        p_value_adjusted=None,
    )
