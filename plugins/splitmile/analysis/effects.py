"""Plan × moments → effects: one call of the statistics for all comparisons of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.registry.plan import Plan, PlannedMetric, Role, Variant
from splitmile.results.types import Effect, Estimate, Interval, SequentialEstimate

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MomentSums:
    """One row of `experiment_moments`: units and exact sums of one variant and metric."""

    variant: str
    metric: str
    units: int
    sum_numerator: int | Decimal = 0
    sum_denominator: int | Decimal = 0
    sum_numerator_squared: int | Decimal = 0
    sum_numerator_denominator: int | Decimal = 0
    sum_denominator_squared: int | Decimal = 0


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The statistics of k comparisons, arrays of shape (k,)."""

    control_value: FloatArray
    treatment_value: FloatArray
    absolute: stats.Effects
    relative: stats.Effects
    sequential: tuple[FloatArray, FloatArray]
    relative_sequential: tuple[FloatArray, FloatArray]
    sequential_p: FloatArray


def compute_effects(plan: Plan, sums: Sequence[MomentSums], *, has_ended: bool) -> tuple[Effect, ...]:
    """All effects of an experiment, in the plan's order of metrics and of treatments within.

    Args:
        plan: The experiment.
        sums: One row a variant and metric; a missing row is a variant without units.
        has_ended: The planned end is reached, so the fixed-horizon inference counts, not the anytime-valid one.

    Source:
        Deng, Knoblich & Lu (2018) for ratios, Waudby-Smith et al. (2024) for daily looks.
    """
    by_key = {(row.variant, row.metric): row for row in sums}
    comparisons = [(planned, treatment) for planned in plan.metrics for treatment in plan.treatments]
    control = [_row(by_key, plan.control, planned) for planned, _ in comparisons]
    treated = [_row(by_key, treatment, planned) for planned, treatment in comparisons]
    planned_n = np.array([max(1, round(plan.planned_units * (plan.control.planned_share + t.planned_share))) for _, t in comparisons])
    numbers = _compute(_moments(control), _moments(treated), planned_n, plan.alpha)
    p_values = numbers.absolute.p_value() if has_ended else numbers.sequential_p
    adjusted = _adjust(comparisons, p_values)
    return tuple(
        _effect(plan, planned, treatment, numbers, row, float(adjusted[row]), (control[row].units, treated[row].units), has_ended=has_ended)
        for row, (planned, treatment) in enumerate(comparisons)
    )


def _row(by_key: dict[tuple[str, str], MomentSums], variant: Variant, planned: PlannedMetric) -> MomentSums:
    return by_key.get((variant.name, planned.metric.name), MomentSums(variant.name, planned.metric.name, 0))


def _moments(rows: Sequence[MomentSums]) -> stats.Moments:
    return stats.Moments.from_sums(
        [row.units for row in rows],
        [row.sum_numerator for row in rows],
        [row.sum_denominator for row in rows],
        [row.sum_numerator_squared for row in rows],
        [row.sum_numerator_denominator for row in rows],
        [row.sum_denominator_squared for row in rows],
    )


def _compute(control: stats.Moments, treatment: stats.Moments, planned_n: NDArray[np.int64], alpha: float) -> _Numbers:
    absolute = stats.absolute_effect(control, treatment)
    relative = stats.relative_effect(control, treatment, alpha=alpha)
    units = control.n + treatment.n
    return _Numbers(
        control_value=stats.estimate(control).value,
        treatment_value=stats.estimate(treatment).value,
        absolute=absolute,
        relative=relative,
        sequential=stats.confidence_sequence(absolute.estimate, absolute.standard_error, units, planned_n, alpha),
        relative_sequential=stats.confidence_sequence(relative.estimate, relative.standard_error, units, planned_n, alpha),
        sequential_p=stats.always_valid_p_value(absolute.estimate, absolute.standard_error, units, planned_n, alpha),
    )


def _adjust(comparisons: Sequence[tuple[PlannedMetric, Variant]], p_values: FloatArray) -> FloatArray:
    """Holm over the primary metrics × treatments, Benjamini–Hochberg over the secondary ones; guardrails stay alone."""
    roles = np.array([planned.role.value for planned, _ in comparisons])
    adjusted = np.full(len(roles), np.nan)
    for role, correct in ((Role.primary, stats.holm), (Role.secondary, stats.benjamini_hochberg)):
        is_family = roles == role.value
        if is_family.any():
            adjusted[is_family] = correct(p_values[is_family])
    return adjusted


def _effect(
    plan: Plan,
    planned: PlannedMetric,
    treatment: Variant,
    numbers: _Numbers,
    row: int,
    adjusted: float,
    units: tuple[int, int],
    *,
    has_ended: bool,
) -> Effect:
    metric = planned.metric
    absolute = _estimate(numbers.absolute, row, plan.alpha)
    relative = _estimate(numbers.relative, row, plan.alpha)
    sequential_interval = _interval(numbers.sequential, row)
    sequential = (
        SequentialEstimate(sequential_interval, _interval(numbers.relative_sequential, row), _number(numbers.sequential_p[row]))
        if sequential_interval is not None
        else None
    )
    gain = _gain(numbers.absolute.estimate[row], metric.direction.value)
    if planned.role is Role.guardrail:
        counting = relative.interval if has_ended else (sequential.relative_interval if sequential else None)
        is_worse = _loss_exceeds(counting, planned.margin or 0.0, metric.direction.value)
        is_significant = absolute.p_value is not None and (absolute.p_value if has_ended else numbers.sequential_p[row]) < plan.alpha
        is_better = bool(is_significant and gain > 0)
    else:
        is_significant = bool(adjusted < plan.alpha)
        is_better, is_worse = is_significant and gain > 0, is_significant and gain < 0
    return Effect(
        metric=metric.name,
        label=metric.label,
        kind=metric.kind.value,
        role=planned.role.value,
        direction=metric.direction.value,
        display_unit=metric.display_unit,
        segment="all",
        control=plan.control.name,
        treatment=treatment.name,
        n_control=units[0],
        n_treatment=units[1],
        control_value=_number(numbers.control_value[row]),
        treatment_value=_number(numbers.treatment_value[row]),
        absolute=absolute,
        relative=relative,
        degrees_of_freedom=_number(numbers.absolute.degrees_of_freedom[row]),
        method="delta" if metric.kind.value == "ratio" else "welch",
        sequential=sequential,
        p_value_adjusted=_number(adjusted),
        margin=planned.margin,
        minimum_effect=planned.minimum_effect,
        is_better=bool(is_better),
        is_worse=bool(is_worse),
    )


def _estimate(effects: stats.Effects, row: int, alpha: float) -> Estimate:
    return Estimate(
        estimate=_number(effects.estimate[row]),
        standard_error=_number(effects.standard_error[row]),
        interval=_interval(effects.interval(alpha), row),
        p_value=_number(effects.p_value()[row]),
        reason=str(effects.reason[row]) or None,
    )


def _gain(estimate: float, direction: Literal["increase", "decrease"]) -> float:
    return float(estimate if direction == "increase" else -estimate)


def _loss_exceeds(interval: Interval | None, margin: float, direction: Literal["increase", "decrease"]) -> bool:
    """The whole interval of the relative effect lies beyond the acceptable loss."""
    if interval is None:
        return False
    if direction == "increase":
        return interval.high is not None and interval.high < -margin
    return interval.low is not None and interval.low > margin


def _interval(ends: tuple[FloatArray, FloatArray], row: int) -> Interval | None:
    low, high = float(ends[0][row]), float(ends[1][row])
    return None if np.isnan(low) or np.isnan(high) else Interval(_number(low), _number(high))


def _number(value: float | np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
