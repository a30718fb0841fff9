"""One experiment as of one business date: read its moments, compute, keep the result."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from splitmile import stats
from splitmile.analysis.effects import MomentSums, compute_effects
from splitmile.analysis.verdict import decide
from splitmile.errors import AnalysisError
from splitmile.registry.plan import Plan
from splitmile.results.codec import to_json
from splitmile.results.rows import flat_rows
from splitmile.results.types import Contamination, SampleRatio, Scorecard, VariantCount
from splitmile.settings import Settings, Trust
from splitmile.warehouse import Row, Warehouse, retried_on_conflict


@dataclass(frozen=True, slots=True)
class ExposureCount:
    """Units of one variant, by their first exposure.

    Attributes:
        exposed_units: All of them.
        contaminated_units: Those that met another variant since.
    """

    variant: str
    exposed_units: int
    contaminated_units: int


def analyze_experiment(warehouse: Warehouse, settings: Settings, plan: Plan, as_of: date, revision: str) -> Scorecard:
    """Compute an experiment's scorecard as of a business date and keep it.

    A result equal to the latest kept one is not kept again; a different one is appended, so that a restatement shows.

    Raises:
        AnalysisError: The as-of date is outside the experiment's dates, or the tables have a variant that the plan has not.
        StatisticsError: Moments that no data can have.
    """
    if not plan.start_date <= as_of <= plan.end_date:
        raise AnalysisError(f"{plan.experiment_id} runs from {plan.start_date} to {plan.end_date}; {as_of} is outside")
    sums = [
        MomentSums(**row)
        for row in warehouse.fetch(
            "select variant, metric, units, sum_numerator, sum_denominator, sum_numerator_squared, sum_numerator_denominator, "
            "sum_denominator_squared from marts.experiment_moments where experiment_id = ? and as_of_date = ? and segment = 'all'",
            [plan.experiment_id, as_of],
        )
    ]
    exposures = [
        ExposureCount(row["variant"], int(row["exposed_units"]), int(row["contaminated_units"]))
        for row in warehouse.fetch(
            "select variant, sum(exposed_units) as exposed_units, sum(contaminated_units) as contaminated_units "
            "from marts.experiment_exposures_daily where experiment_id = ? and business_date <= ? group by variant",
            [plan.experiment_id, as_of],
        )
    ]
    scorecard = compute_scorecard(plan, as_of, sums, exposures, settings.trust, revision)
    _keep(warehouse, scorecard)
    return scorecard


def compute_scorecard(
    plan: Plan, as_of: date, sums: Sequence[MomentSums], exposures: Sequence[ExposureCount], trust: Trust, revision: str
) -> Scorecard:
    """The scorecard from plain numbers.

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
    counts = {row.variant: row for row in exposures}
    exposed = [counts[v.name].exposed_units if v.name in counts else 0 for v in plan.variants]
    total = sum(exposed)
    contaminated = sum(row.contaminated_units for row in exposures)
    variants = tuple(
        VariantCount(variant.name, variant.is_control, units, variant.planned_share, units / total if total else None)
        for variant, units in zip(plan.variants, exposed, strict=True)
    )
    sample_ratio = _check_sample_ratio(exposed, [v.planned_share for v in plan.variants], trust)
    share = contaminated / total if total else None
    contamination = Contamination(contaminated, share, (share or 0.0) > trust.contamination_limit, trust.contamination_limit)
    effects = compute_effects(plan, sums, has_ended=has_ended)
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
        sample_ratio=sample_ratio,
        contamination=contamination,
        effects=effects,
        verdict=decide(effects, variants, sample_ratio, contamination, has_ended=has_ended),
        slack_channel=plan.slack_channel,
        revision=revision,
    )


def _check_sample_ratio(counts: Sequence[int], shares: Sequence[float], trust: Trust) -> SampleRatio:
    freedom = sum(share > 0 for share in shares) - 1
    if not sum(counts):
        return SampleRatio(None, freedom, None, False, trust.sample_ratio_alarm)
    test = stats.chi_squared_srm(counts, shares)
    p_value = float(test.p_value)
    return SampleRatio(
        statistic=float(test.statistic),
        degrees_of_freedom=int(test.degrees_of_freedom),
        p_value=p_value,
        is_mismatch=p_value < trust.sample_ratio_alarm or bool(test.has_unplanned),
        alarm_level=trust.sample_ratio_alarm,
    )


@retried_on_conflict
def _keep(warehouse: Warehouse, scorecard: Scorecard) -> None:
    # The registry's revision changes with every commit; only what the scorecard says makes it a new one.
    content_hash = hashlib.sha256(to_json(replace(scorecard, revision="")).encode()).hexdigest()
    latest = warehouse.fetch(
        "select content_hash from results.scorecards where experiment_id = ? and as_of_date = ? order by computed_at desc limit 1",
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
    with warehouse.transaction():
        warehouse.append("results.experiment_results", [stamp | row for row in flat_rows(scorecard)])
        warehouse.append("results.scorecards", [stamp | kept])
