"""Effects by segment from moments, and whether they differ between the segments at all: asked before any segment is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby, product

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.analysis.effects import compare
from splitmile.analysis.judgement import Pair, judge
from splitmile.analysis.looks import corrected_for_looks, is_look
from splitmile.analysis.moments import MomentSums
from splitmile.registry.plan import MetricKind, Plan, Role
from splitmile.results.breakdowns import SegmentedEffect, SegmentEffect
from splitmile.results.comparisons import Effect
from splitmile.results.from_arrays import number, numbers

_MOST_SHOWN = 60
"""Effects by segment in a scorecard, shared by all its breakdowns: a scorecard has to fit into a column of 65,535 bytes."""
_FEWEST_SHOWN = 4


def effects_by_segment(plan: Plan, sums: Sequence[MomentSums], *, has_ended: bool, least_units: int) -> tuple[Effect, ...]:
    """Primary and guardrail effects in each segment that has enough units; they decide nothing, so none is better or worse.

    Args:
        plan: The experiment.
        sums: One row a variant, metric and segment.
        has_ended: As for `compute_effects`.
        least_units: In the smaller variant of a comparison; with fewer a segment is left out.
    """
    units = {(row.segment, row.variant, row.metric): row.units for row in sums}
    segments = [segment for names in _dimensions(plan, sums).values() for segment in names]
    cells = [
        (segment, pair)
        for segment, pair in product(segments, _pairs(plan))
        if min(units.get((segment, variant.name, pair[0].metric.name), 0) for variant in (plan.control, pair[1])) >= least_units
    ]
    if not cells:
        return ()
    found = compare(plan, [pair for _, pair in cells], sums, segments=[segment for segment, _ in cells])
    return tuple(
        replace(judge(comparison, planned, None, plan.alpha, has_ended=has_ended), is_better=False, is_worse=False)
        for comparison, (_, (planned, _)) in zip(found.comparisons, cells, strict=True)
    )


def compare_segments(
    plan: Plan, as_of: date, sums: Sequence[MomentSums], effects: Sequence[Effect], *, has_ended: bool, least_units: int
) -> tuple[SegmentedEffect, ...]:
    """One entry a dimension, primary metric and treatment, in this order.

    Args:
        plan: The experiment.
        as_of: The business date; at a look the segments are tested.
        sums: Which segments there are.
        effects: Of `effects_by_segment`.
        has_ended: As for `compute_effects`.
        least_units: As for `effects_by_segment`.

    Source:
        Cochran (1954) and Welch (1951), as in `stats.heterogeneity`; Holm (1979).
    """
    dimensions = _dimensions(plan, sums)
    keys = [(dimension, *pair) for dimension, pair in product(dimensions, _pairs(plan, primary_only=True))]
    by_cell = {(effect.segment, effect.metric, effect.treatment): effect for effect in effects}
    table = [
        [by_cell.get((segment, planned.metric.name, treatment.name)) for segment in dimensions[dimension]]
        for dimension, planned, treatment in keys
    ]
    if not keys:
        return ()
    tests = _tests(table, least_units)
    is_tested = is_look(plan, as_of)
    p_values = tests.p_value if is_tested else np.full(len(keys), np.nan)
    adjusted = numbers(corrected_for_looks(p_values, plan))
    most = max(_FEWEST_SHOWN, _MOST_SHOWN // len(keys))
    made = []
    for row, (dimension, planned, treatment) in enumerate(keys):
        there = [effect for effect in table[row] if effect is not None]
        shown = sorted(there, key=lambda effect: effect.n_control + effect.n_treatment, reverse=True)[:most]
        p_value_adjusted = adjusted[row]
        made.append(
            SegmentedEffect(
                dimension=dimension,
                metric=planned.metric.name,
                treatment=treatment.name,
                effects=tuple(_shown(effect, has_ended=has_ended) for effect in sorted(shown, key=lambda effect: effect.segment)),
                more=len(there) - len(shown),
                suppressed=len(table[row]) - len(there),
                least_units=least_units,
                i_squared=number(tests.i_squared[row]) if is_tested else None,
                p_value=number(p_values[row]),
                p_value_adjusted=p_value_adjusted,
                is_different=p_value_adjusted is not None and p_value_adjusted < plan.alpha,
            )
        )
    return tuple(made)


def units_by_segment(plan: Plan, sums: Sequence[MomentSums]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Segments by name, and the units of each in each variant, shape (segments, variants).

    A metric with a window knows the units only whose window is over, so the one that knows the most of them counts.
    """
    segments = tuple(segment for names in _dimensions(plan, sums).values() for segment in names)
    variants = [variant.name for variant in plan.variants]
    units = np.zeros((len(segments), len(variants)), dtype=np.int64)
    for row in sums:
        if row.segment in segments:
            cell = segments.index(row.segment), variants.index(row.variant)
            units[cell] = max(units[cell], row.units)
    return segments, units


def _dimensions(plan: Plan, sums: Sequence[MomentSums]) -> dict[str, list[str]]:
    """The segments that have units, by dimension in the plan's order."""
    names = sorted({row.segment for row in sums if "=" in row.segment})
    found = {dimension: list(group) for dimension, group in groupby(names, key=lambda name: name.partition("=")[0])}
    return {dimension: found[dimension] for dimension in plan.segments if dimension in found}


def _pairs(plan: Plan, *, primary_only: bool = False) -> list[Pair]:
    """The comparisons made within segments; quantiles have no moments."""
    roles = {Role.primary} if primary_only else {Role.primary, Role.guardrail}
    return [
        (planned, treatment)
        for planned in plan.metrics
        if planned.role in roles and planned.metric.kind is not MetricKind.quantile
        for treatment in plan.treatments
    ]


def _tests(table: Sequence[Sequence[Effect | None]], least_units: int) -> stats.Heterogeneity:
    """One test a row of effects; rows may differ in length."""
    width = max(len(row) for row in table)

    def column(value: Callable[[Effect], float | None]) -> NDArray[np.float64]:
        filled = np.full((len(table), width), np.nan)
        for place, effects in enumerate(table):
            filled[place, : len(effects)] = [np.nan if effect is None else value(effect) for effect in effects]
        return filled

    units = np.nan_to_num(column(lambda effect: min(effect.n_control, effect.n_treatment)))
    return stats.heterogeneity(
        column(lambda effect: effect.absolute.estimate),
        column(lambda effect: effect.absolute.standard_error),
        column(lambda effect: effect.degrees_of_freedom),
        units.astype(np.int64),
        least_units=least_units,
    )


def _shown(effect: Effect, *, has_ended: bool) -> SegmentEffect:
    now = effect.counting(has_ended=has_ended)
    return SegmentEffect(
        segment=effect.segment.partition("=")[2],
        n_control=effect.n_control,
        n_treatment=effect.n_treatment,
        absolute=effect.absolute.estimate,
        absolute_interval=now.absolute,
        relative=effect.relative.estimate,
        relative_interval=now.relative,
    )
