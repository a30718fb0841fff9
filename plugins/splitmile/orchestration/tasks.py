"""The tasks of both DAGs: context and connections become plain values, then one function call into the domain packages.

Everything heavy is imported inside the tasks: these modules are read each time a DAG file is parsed.
"""

from __future__ import annotations

import dataclasses
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import TriggerRule, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from splitmile.errors import RegistryInvalid, SplitmileError
from splitmile.orchestration.business_dates import dates_of, first_date_of, last_complete_date, partition_date_of
from splitmile.orchestration.schedule import FEEDS, WAREHOUSE_POOL, airflow_task
from splitmile.settings import load_settings

if TYPE_CHECKING:
    from splitmile.registry.plan import Plan, Registry
    from splitmile.results.digests import Digest

_log = logging.getLogger(__name__)

_OUTCOME = "outcome"
"""XCom key under which an analysis leaves its error for the digest, or an empty text."""


@airflow_task(pool=WAREHOUSE_POOL, execution_timeout=timedelta(minutes=10))
def find_changed_partitions() -> list[dict[str, Any]]:
    """Compare the objects of the last business dates with the ledger; one entry a partition to load."""
    from splitmile.ingest import find_changed_partitions as find
    from splitmile.orchestration.connections import open_store, open_warehouse

    settings = load_settings()
    context = get_current_context()
    as_of, first = last_complete_date(context, settings.business_day), first_date_of(context)
    with open_warehouse(settings, "find_changed_partitions") as warehouse:
        partitions = find(open_store(settings), warehouse, settings, as_of, first=first)
    _log.info("%d changed partitions up to %s", len(partitions), as_of)
    return [partition.to_dict() for partition in partitions]


@airflow_task(pool=WAREHOUSE_POOL, execution_timeout=timedelta(hours=1), map_index_template="{{ partition_name }}")
def load_partition(partition: dict[str, Any]) -> None:
    """Load one partition of one feed, replacing what was loaded of it before."""
    from splitmile.ingest import FeedPartition
    from splitmile.ingest import load_partition as load
    from splitmile.orchestration.connections import open_store, open_warehouse

    settings = load_settings()
    feed_partition = FeedPartition.from_dict(partition)
    _name_mapped_task("partition_name", f"{feed_partition.feed} {feed_partition.partition_date}")
    with open_warehouse(settings, "load_partition", loads=True) as warehouse:
        _log.info("%s", load(open_store(settings), warehouse, settings, feed_partition))


# A partition that cannot be loaded keeps back its own date only, so this runs whatever became of the loads.
@airflow_task(pool=WAREHOUSE_POOL, outlets=[FEEDS], trigger_rule=TriggerRule.ALL_DONE, execution_timeout=timedelta(minutes=10))
def emit_dates() -> list[str]:
    """Emit one partition of the asset `feeds` per business date that is complete and new, or changed since it was emitted."""
    from splitmile.ingest import complete_new_dates
    from splitmile.orchestration.connections import open_warehouse

    settings = load_settings()
    if not get_current_context()["params"]["emit"]:
        raise AirflowSkipException("this run was told to emit nothing; what is due stays due")
    with open_warehouse(settings, "emit_dates") as warehouse:
        dates = [each.isoformat() for each in complete_new_dates(warehouse, settings)]
    if not dates:
        # A task that succeeds emits its asset in any case; without a partition that would be an event for nobody.
        raise AirflowSkipException("no business date is new or changed")
    get_current_context()["outlet_events"][FEEDS].add_partitions(dates)
    return dates


# Airflow records asset events when the emitting task has ended. Marking them in a task of its own means that a crash in between
# emits a date twice, which is harmless, and never loses one.
@airflow_task(pool=WAREHOUSE_POOL, execution_timeout=timedelta(minutes=10))
def mark_emitted(dates: list[str]) -> None:
    """Note that the dates were emitted."""
    from datetime import date

    from splitmile.ingest import mark_emitted as mark
    from splitmile.orchestration.connections import open_warehouse

    settings = load_settings()
    with open_warehouse(settings, "mark_emitted") as warehouse:
        mark(warehouse, settings, [date.fromisoformat(each) for each in dates])


@airflow_task(pool=WAREHOUSE_POOL, execution_timeout=timedelta(minutes=10))
def sync_registry() -> None:
    """Write the experiments of the registry's files to the warehouse, where the models find them."""
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.registry import git_revision
    from splitmile.transform import read_registry
    from splitmile.transform import sync_registry as sync

    settings = load_settings()
    registry = read_registry(settings)
    with open_warehouse(settings, "sync_registry") as warehouse:
        sync(warehouse, registry, git_revision(settings.path(settings.experiments_dir)))
    for problem in registry.problems:
        _log.warning("%s", problem)


@airflow_task(pool=WAREHOUSE_POOL)
def check_feeds() -> None:
    """Gate 1: refuse a business date whose feeds must not be built upon."""
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.quality import check_feeds as check
    from splitmile.transform import read_registry

    settings = load_settings()
    dates = dates_of(get_current_context())
    registry = read_registry(settings)
    with open_warehouse(settings, "check_feeds") as warehouse:
        for business_date in dates:
            check(warehouse, settings, business_date, registry).raise_if_blocked()


@airflow_task(pool=WAREHOUSE_POOL, execution_timeout=timedelta(hours=2))
def build_marts() -> None:
    """Bring every table that dbt makes up to the business date, or each of a range in one pass; dbt opens the warehouse itself."""
    from splitmile.orchestration.connections import warehouse_access
    from splitmile.transform import build_marts as build
    from splitmile.transform import cost_table

    settings = load_settings()
    dates = dates_of(get_current_context())
    for report in build(settings, dates[-1], warehouse_access(settings), first_date=dates[0]):
        what = "everything" if report.is_full_refresh else f"{len(report.changed_dates)} changed dates"
        _log.info("as of %s to %s, %s made again\n%s", report.first_date, report.last_date, what, cost_table(report.costs))


@airflow_task(pool=WAREHOUSE_POOL)
def check_marts() -> None:
    """Gate 2: refuse to analyse marts that contradict themselves."""
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.quality import check_marts as check

    settings = load_settings()
    dates = dates_of(get_current_context())
    with open_warehouse(settings, "check_marts") as warehouse:
        for business_date in dates:
            check(warehouse, settings, business_date).raise_if_blocked()


@airflow_task(execution_timeout=timedelta(minutes=10))
def list_experiments() -> list[str]:
    """The experiments that are under way on the business date, or on one of a range."""
    from splitmile.transform import read_registry

    dates = dates_of(get_current_context())
    plans = read_registry(load_settings()).plans
    return [plan.experiment_id for plan in plans if plan.start_date <= dates[-1] and plan.end_date >= dates[0]]


# No failure notice: an alarm says that the day is held up, and it is not; the digest names the experiment and the cause.
@airflow_task(pool=WAREHOUSE_POOL, map_index_template="{{ experiment_id }}", on_failure_callback=[])
def analyze_experiment(experiment_id: str) -> None:
    """Compute and store the scorecard of one experiment; one that fails stops no other and is named in the digest."""
    from splitmile.analysis import analyze_experiment as analyze
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.registry import git_revision
    from splitmile.transform import read_registry

    settings = load_settings()
    context = get_current_context()
    _name_mapped_task("experiment_id", experiment_id)
    try:
        plan = _find_plan(read_registry(settings), experiment_id)
        revision = git_revision(settings.path(settings.experiments_dir))
        dates = [each for each in dates_of(context) if plan.start_date <= each <= plan.end_date]
        with open_warehouse(settings, "analyze_experiment") as warehouse:
            scorecards = [analyze(warehouse, settings, plan, business_date, revision) for business_date in dates]
    except Exception as error:
        context["ti"].xcom_push(_OUTCOME, str(error) if isinstance(error, SplitmileError) else f"{type(error).__name__}: {error}")
        raise
    context["ti"].xcom_push(_OUTCOME, "")
    for scorecard in scorecards:
        _log.info("%s as of %s: %s", experiment_id, scorecard.as_of_date, scorecard.verdict.decision)


# Experiments that failed do not keep the others from being published; a gate that blocked does (nothing was listed then).
@airflow_task(pool=WAREHOUSE_POOL, trigger_rule=TriggerRule.ALL_DONE)
def publish(experiments: list[str] | None) -> None:
    """Send the digest of the business date, the last of a range, or update the one that was sent, and write the report pages."""
    if experiments is None:
        raise AirflowSkipException("the run stopped before the analysis, so there is nothing to publish but the alarm")
    from splitmile.analysis import compose_digest
    from splitmile.orchestration.connections import open_warehouse, slack_client
    from splitmile.orchestration.messages import DIGEST, known_messages, remember_messages
    from splitmile.publish import PublishIncomplete, publish_digest
    from splitmile.transform import read_registry

    settings = load_settings()
    context = get_current_context()
    business_date = partition_date_of(context)
    registry = read_registry(settings)
    with open_warehouse(settings, "publish") as warehouse:
        digest = compose_digest(warehouse, settings, registry, business_date)
        known = known_messages(warehouse, business_date, DIGEST)
    outcomes = context["ti"].xcom_pull(task_ids="analyze_experiment", key=_OUTCOME, map_indexes=range(len(experiments)))
    digest = _with_failures(digest, dict(zip(experiments, outcomes, strict=True)))
    try:
        messages = publish_digest(digest, settings, client=slack_client(), known=known)
    except PublishIncomplete as failure:
        # What is out must be remembered, or the next try would post it a second time.
        with open_warehouse(settings, "publish") as warehouse:
            remember_messages(warehouse, business_date, DIGEST, failure.published)
        raise
    with open_warehouse(settings, "publish") as warehouse:
        remember_messages(warehouse, business_date, DIGEST, messages)


def _find_plan(registry: Registry, experiment_id: str) -> Plan:
    for plan in registry.plans:
        if plan.experiment_id == experiment_id:
            return plan
    problems = "; ".join(str(problem) for problem in registry.problems if problem.experiment_id == experiment_id)
    raise RegistryInvalid(f"{experiment_id} was valid when the run began and is not any more: {problems or 'its file is gone'}.")


def _with_failures(digest: Digest, outcomes: dict[str, str | None]) -> Digest:
    """The digest, naming the experiments whose analysis failed in this run; no outcome at all means that its task was killed."""
    from splitmile.results.digests import DataWarning

    failed = {
        experiment_id: error or "its task ended without a word; see its log in Airflow"
        for experiment_id, error in outcomes.items()
        if error != ""
    }
    named = [DataWarning("block", experiment_id, f"could not be analysed: {error}") for experiment_id, error in failed.items()]
    return dataclasses.replace(digest, warnings=(*named, *(each for each in digest.warnings if each.subject not in failed)))


def _name_mapped_task(variable: str, value: str) -> None:
    """Show a mapped task by name in Airflow's UI; its `map_index_template` reads the variable when the task has ended."""
    get_current_context()[variable] = value
