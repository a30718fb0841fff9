"""One experiment as of one business date: read its moments, compute, keep the result."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from splitmile.analysis.effects import FEW_UNITS, compute_effects
from splitmile.analysis.interactions import find_interactions, read_cells
from splitmile.analysis.looks import is_look
from splitmile.analysis.moments import MomentSums, UnitValues
from splitmile.analysis.novelty import effects_by_day
from splitmile.analysis.outlook import foresee
from splitmile.analysis.quantiles import Quantiles, read_quantiles
from splitmile.analysis.restatements import restated_rows
from splitmile.analysis.sample_ratio import ExposureCount, check_sample_ratio, daily_units, most_suspicious, split_within
from splitmile.analysis.segments import compare_segments, effects_by_segment, units_by_segment
from splitmile.analysis.switchback import analyze_switchback
from splitmile.analysis.verdict import decide
from splitmile.errors import AnalysisError
from splitmile.registry.plan import MetricKind, Plan
from splitmile.results.codec import to_json
from splitmile.results.comparisons import Effect
from splitmile.results.rows import flat_rows
from splitmile.results.scorecards import Contamination, Scorecard, VariantCount
from splitmile.settings import Settings, Trust
from splitmile.warehouse import Row, Warehouse, retried_on_conflict


def analyze_experiment(warehouse: Warehouse, settings: Settings, plan: Plan, as_of: date, revision: str) -> Scorecard:
    """Compute an experiment's scorecard as of a business date and keep it.

    A result equal to the latest kept one is not kept again; a different one is appended, so that a restatement shows.

    Raises:
        AnalysisError: The as-of date is outside the experiment's dates, or the tables have a variant that the plan has not.
        StatisticsError: Moments that no data can have.
    """
    if not plan.start_date <= as_of <= plan.end_date:
        raise AnalysisError(f"{plan.experiment_id} runs from {plan.start_date} to {plan.end_date}; {as_of} is outside")
    if plan.switchback is not None:
        scorecard = analyze_switchback(warehouse, settings, plan, as_of, revision)
        _keep(warehouse, scorecard)
        return scorecard
    sums = [
        MomentSums.from_row(row)
        for row in warehouse.fetch(
            "select * from marts.experiment_moments where experiment_id = ? and as_of_date = ?",
            [plan.experiment_id, as_of],
        )
    ]
    exposures = [
        ExposureCount(row["variant"], row["business_date"], int(row["exposed_units"]), int(row["contaminated_units"]))
        for row in warehouse.fetch(
            "select variant, business_date, exposed_units, contaminated_units "
            "from marts.experiment_exposures_daily where experiment_id = ? and business_date <= ?",
            [plan.experiment_id, as_of],
        )
    ]
    units = _units_of_ratios(warehouse, plan, as_of) if any(row.units < FEW_UNITS for row in sums if row.segment == "all") else {}
    quantiles = read_quantiles(warehouse, plan, as_of)
    scorecard = compute_scorecard(plan, as_of, sums, exposures, settings.trust, revision, units=units, quantiles=quantiles)
    if scorecard.has_ended:
        # Every pair of experiments is joined by unit, which is too much for every day; and the test is one for a single look.
        scorecard = replace(scorecard, interactions=find_interactions(plan, read_cells(warehouse, plan, as_of)))
    if is_look(plan, as_of):
        scorecard = replace(scorecard, by_day=effects_by_day(warehouse, plan, as_of))
    has_ended, least_units = scorecard.has_ended, settings.trust.min_segment_units
    in_segments = effects_by_segment(plan, sums, has_ended=has_ended, least_units=least_units)
    segments = compare_segments(plan, as_of, sums, in_segments, has_ended=has_ended, least_units=least_units)
    scorecard = replace(scorecard, segments=segments)
    _keep(warehouse, scorecard, in_segments)
    return scorecard


def compute_scorecard(
    plan: Plan,
    as_of: date,
    sums: Sequence[MomentSums],
    exposures: Sequence[ExposureCount],
    trust: Trust,
    revision: str,
    *,
    units: UnitValues | None = None,
    quantiles: Quantiles | None = None,
) -> Scorecard:
    """The scorecard from plain numbers; `units` and `quantiles` as for `compute_effects`.

    Raises:
        AnalysisError: A row's variant is not in the plan.
    """
    known = {variant.name for variant in plan.variants}
    for name in ({row.variant for row in sums} | {row.variant for row in exposures}) - known:
        raise AnalysisError(
            f"{plan.experiment_id}: the tables have units in variant {name!r}, the plan has {sorted(known)}; "
            "correct the experiment file or the assignment service"
        )
    has_ended = as_of >= plan.end_date
    days, new_units = daily_units(plan, exposures)
    exposed = new_units.sum(axis=0).tolist()
    total = sum(exposed)
    variants = tuple(
        VariantCount(variant.name, variant.is_control, count, variant.planned_share, count / total if total else None)
        for variant, count in zip(plan.variants, exposed, strict=True)
    )
    shares = [variant.planned_share for variant in plan.variants]
    srm = check_sample_ratio(days, new_units, shares, trust.sample_ratio_alarm, has_ended=has_ended)
    contaminated = sum(row.contaminated_units for row in exposures)
    share = contaminated / total if total else None
    contamination = Contamination(contaminated, share, (share or 0.0) > trust.contamination_limit, trust.contamination_limit)
    segments, units_within = units_by_segment(plan, sums)
    by_segment = most_suspicious(split_within(segments, units_within, shares, trust.sample_ratio_alarm))
    srm = replace(srm, by_segment=by_segment)
    effects = compute_effects(plan, sums, has_ended=has_ended, units=units, quantiles=quantiles)
    return Scorecard(
        experiment_id=plan.experiment_id,
        title=plan.title,
        owner=plan.owner,
        service=plan.service,
        hypothesis=plan.hypothesis,
        unit_type=plan.unit_type,
        as_of_date=as_of,
        start_date=plan.start_date,
        end_date=plan.end_date,
        has_ended=has_ended,
        alpha=plan.alpha,
        variants=variants,
        srm=srm,
        contamination=contamination,
        effects=effects,
        verdict=decide(effects, variants, srm, contamination, has_ended=has_ended),
        planning=() if has_ended else foresee(plan, effects, days, new_units, as_of),
        slack_channel=plan.slack_channel,
        revision=revision,
    )


def _units_of_ratios(warehouse: Warehouse, plan: Plan, as_of: date) -> UnitValues:
    """The units of the ratio metrics, as far as the marts still keep those of this date."""
    ratios = {planned.metric.name for planned in plan.metrics if planned.metric.kind is MetricKind.ratio}
    values: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in warehouse.fetch(
        "select variant, metric, numerator, denominator from marts.experiment_unit_metrics "
        "where experiment_id = ? and as_of_date = ? order by variant, metric, unit_id",
        [plan.experiment_id, as_of],
    ):
        if row["metric"] in ratios:
            values.setdefault((row["variant"], row["metric"]), []).append((float(row["numerator"]), float(row["denominator"])))
    columns = {key: np.array(rows, dtype=np.float64).T for key, rows in values.items()}
    return {key: (numerator, denominator) for key, (numerator, denominator) in columns.items()}


@retried_on_conflict
def _keep(warehouse: Warehouse, scorecard: Scorecard, in_segments: Sequence[Effect] = ()) -> None:
    # The registry's revision changes with every commit; only what the scorecard says makes it a new one.
    content_hash = hashlib.sha256(to_json(replace(scorecard, revision="")).encode()).hexdigest()
    latest = warehouse.fetch(
        "select content_hash, computation_id, computed_at from results.scorecards where experiment_id = ? and as_of_date = ? "
        "order by computed_at desc limit 1",
        [scorecard.experiment_id, scorecard.as_of_date],
    )
    if latest and latest[0]["content_hash"] == content_hash:
        return
    stamp: Row = {"computation_id": uuid.uuid4().hex, "computed_at": datetime.now(UTC).replace(tzinfo=None)}
    kept = {
        "experiment_id": scorecard.experiment_id,
        "as_of_date": scorecard.as_of_date,
        "content_hash": content_hash,
        "decision": scorecard.verdict.decision.value,
        "scorecard": to_json(scorecard),
    }
    results = flat_rows(scorecard, in_segments)
    restated = restated_rows(warehouse, latest[0], stamp, results) if latest else []
    with warehouse.transaction():
        warehouse.append("results.experiment_results", [stamp | row for row in results])
        warehouse.append("results.scorecards", [stamp | kept])
        warehouse.append("results.restatements", restated)
