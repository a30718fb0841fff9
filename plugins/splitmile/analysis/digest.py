"""All that one business date has to say, gathered from what is kept."""

from __future__ import annotations

from datetime import date, timedelta

from splitmile.analysis.restatements import told_restatements
from splitmile.errors import AnalysisError
from splitmile.registry.plan import Plan, Registry
from splitmile.results.catalogue import Catalogue
from splitmile.results.codec import from_json
from splitmile.results.comparisons import Interval
from splitmile.results.digests import DataWarning, Digest, EffectCourse, EffectPoint, ExperimentNews
from splitmile.results.scorecards import Decision, Scorecard
from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse

_URGENCY = list(Decision)


def compose_digest(warehouse: Warehouse, settings: Settings, registry: Registry, as_of: date) -> Digest:
    """The digest of a business date: scorecards by urgency, warnings, restatements and the day's headline figures.

    Args:
        warehouse: Open session.
        settings: For the language, and the limits named in a warning.
        registry: The experiments that should have a scorecard, and the files that could not be read.
        as_of: The business date.
    """
    words = Catalogue(settings.publishing.language)
    plans = [plan for plan in registry.plans if plan.start_date <= as_of <= plan.end_date]
    scorecards = latest_scorecards(warehouse, as_of)
    before = latest_scorecards(warehouse, as_of - timedelta(days=1))
    news = [
        ExperimentNews(
            scorecard=scorecards[plan.experiment_id],
            previous_decision=before[plan.experiment_id].verdict.decision if plan.experiment_id in before else None,
            courses=_courses(warehouse, plan, as_of),
        )
        for plan in plans
        if plan.experiment_id in scorecards
    ]
    news.sort(key=lambda item: (_URGENCY.index(item.scorecard.verdict.decision), item.scorecard.start_date, item.scorecard.experiment_id))
    warnings = [
        *_registry_warnings(registry, words),
        *_quality_warnings(warehouse, as_of),
        *_feed_warnings(warehouse, settings, as_of, words),
    ]
    warnings.sort(key=lambda warning: warning.severity != "block")
    volume = warehouse.fetch(
        "select count(*) as orders, coalesce(sum(is_delivered), 0) as deliveries from intermediate.int_deliveries_timed "
        "where ordered_at >= ? and ordered_at < ?",
        [settings.business_day.starts_at(day).replace(tzinfo=None) for day in (as_of, as_of + timedelta(days=1))],
    )[0]
    return Digest(
        as_of_date=as_of,
        news=tuple(news),
        warnings=tuple(warnings),
        restatements=tuple(restatement for plan in plans for restatement in told_restatements(warehouse, plan, as_of, words)),
        orders=int(volume["orders"]),
        deliveries=int(volume["deliveries"]),
        language=words.language,
    )


def latest_scorecards(warehouse: Warehouse, as_of: date) -> dict[str, Scorecard]:
    """The latest scorecard of every experiment that has one as of a business date, by experiment."""
    return {row["experiment_id"]: from_json(Scorecard, row["scorecard"]) for row in _computations(warehouse, as_of) if row["recency"] == 1}


def kept_scorecard(warehouse: Warehouse, experiment_id: str, as_of: date | None) -> Scorecard:
    """The latest scorecard of one experiment, as of a business date or the newest there is.

    Raises:
        AnalysisError: There is none; the message names those there are.
    """
    rows = warehouse.fetch(
        "select scorecard from results.scorecards where experiment_id = ? and (cast(? as date) is null or as_of_date = ?) "
        "order by as_of_date desc, computed_at desc, computation_id desc limit 1",
        [experiment_id, as_of, as_of],
    )
    if rows:
        return from_json(Scorecard, rows[0]["scorecard"])
    known = warehouse.fetch(
        "select experiment_id, min(as_of_date) as first_date, max(as_of_date) as last_date from results.scorecards "
        "group by experiment_id order by experiment_id"
    )
    there_is = "; ".join(f"{row['experiment_id']} ({row['first_date']} to {row['last_date']})" for row in known) or "none at all"
    wanted = f"{experiment_id} as of {as_of}" if as_of else experiment_id
    raise AnalysisError(f"there is no result of {wanted}. There is: {there_is}. `splitmile backfill` computes what is missing.")


def latest_as_of_date(warehouse: Warehouse) -> date:
    """The newest business date that has a result.

    Raises:
        AnalysisError: There is none.
    """
    newest: date | None = warehouse.fetch("select max(as_of_date) as newest from results.scorecards")[0]["newest"]
    if newest is None:
        raise AnalysisError("there is no result yet. `splitmile run --date YYYY-MM-DD` computes one.")
    return newest


def _computations(warehouse: Warehouse, as_of: date) -> list[Row]:
    return warehouse.fetch(
        "select experiment_id, computed_at, scorecard, row_number() over "
        "(partition by experiment_id order by computed_at desc, computation_id desc) as recency "
        "from results.scorecards where as_of_date = ? order by experiment_id, recency",
        [as_of],
    )


def _courses(warehouse: Warehouse, plan: Plan, as_of: date) -> tuple[EffectCourse, ...]:
    rows = warehouse.fetch(
        "select metric, treatment, as_of_date, relative_estimate, sequential_relative_low, sequential_relative_high "
        "from results.latest_experiment_results where experiment_id = ? and as_of_date <= ? and segment = 'all' order by as_of_date",
        [plan.experiment_id, as_of],
    )
    points: dict[tuple[str, str], list[EffectPoint]] = {}
    for row in rows:
        low, high = row["sequential_relative_low"], row["sequential_relative_high"]
        interval = None if low is None and high is None else Interval(low, high)
        points.setdefault((row["metric"], row["treatment"]), []).append(EffectPoint(row["as_of_date"], row["relative_estimate"], interval))
    keys = [(planned.metric.name, treatment.name) for planned in plan.metrics for treatment in plan.treatments]
    return tuple(EffectCourse(metric, treatment, tuple(points.get((metric, treatment), ()))) for metric, treatment in keys)


def _registry_warnings(registry: Registry, words: Catalogue) -> list[DataWarning]:
    return [
        DataWarning("block", problem.experiment_id or problem.path, f"{problem} {words('warnings.left_out')}")
        if problem.stops_experiment
        else DataWarning("warn", problem.path, str(problem))
        for problem in registry.problems
    ]


def _quality_warnings(warehouse: Warehouse, as_of: date) -> list[DataWarning]:
    rows = warehouse.fetch(
        "select gate, check_name, severity, message from ops.quality_results "
        "where business_date = ? and not is_success order by gate, check_name",
        [as_of],
    )
    return [DataWarning(row["severity"], f"{row['gate']}: {row['check_name']}", row["message"]) for row in rows]


def _feed_warnings(warehouse: Warehouse, settings: Settings, as_of: date, words: Catalogue) -> list[DataWarning]:
    warnings = [
        DataWarning("warn", f"feed {row['feed']}", row["message"])
        for row in warehouse.fetch("select feed, message from ops.feed_warnings where partition_date = ? order by feed, message", [as_of])
    ]
    rejected = warehouse.fetch(
        "select feed, count(*) as row_count, count(distinct object_key) as object_count, min(reason) as example "
        "from ops.rejected_rows where partition_date = ? group by feed order by feed",
        [as_of],
    )
    warnings += [
        DataWarning(
            "warn",
            f"feed {row['feed']}",
            words(
                "warnings.broken_rows",
                rows=words.count("warnings.rows", row["row_count"]),
                objects=words.count("warnings.objects", row["object_count"]),
                example=row["example"],
                accepted=f"{100 * settings.feeds.max_rejected_share:g} %",
            ),
        )
        for row in rejected
    ]
    return warnings
