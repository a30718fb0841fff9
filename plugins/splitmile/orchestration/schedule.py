"""What both DAGs share: the asset between them, the pool, the retries and the hours. Read while a DAG file is parsed, so it stays light."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable, ExceptionRetryPolicy, Param, RetryAction, RetryRule, task

from splitmile.errors import PublishFailed, SplitmileError, StoreUnavailable, WarehouseError
from splitmile.orchestration.notices import notify_failure
from splitmile.settings import load_settings

# It has a name and no address: an address makes Airflow import every provider, boto3 too, each time a DAG file is parsed.
FEEDS = Asset(name="feeds", group="splitmile")
"""Loaded feeds. One partition a business date, emitted when the date is complete and whenever its rows changed."""

WAREHOUSE_POOL = "warehouse"
"""Every task that opens the warehouse takes a slot: 1 on DuckDB, which has one writer; as many as it bears on Redshift."""

OWNER = "data-platform"
TAGS = ["splitmile"]

TASK_DEFAULTS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    # Only what may pass by itself is tried again: a blocked gate or a broken file is the same a minute later.
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=[StoreUnavailable, WarehouseError, PublishFailed], action=RetryAction.RETRY, reason="may pass by itself"),
            RetryRule(exception=SplitmileError, action=RetryAction.FAIL, reason="needs a person"),
        ]
    ),
    "execution_timeout": timedelta(minutes=30),
    "on_failure_callback": [notify_failure],
    # Runs that have begun end before others begin: with one slot, every run would else do its first task first.
    "weight_rule": "upstream",
}

DATE_PARAMS = {
    "business_date": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Business date",
        description="YYYY-MM-DD, for a run by hand; empty takes the date of the schedule or of the partition.",
    ),
    "first_date": Param(
        None,
        type=["null", "string"],
        format="date",
        title="First business date",
        description="YYYY-MM-DD, for a backfill by hand in one pass from here to the business date; empty for one date.",
    ),
}

INGEST_PARAMS = DATE_PARAMS | {
    "wait_hours": Param(
        None,
        type=["null", "number"],
        minimum=0,
        maximum=23,
        title="Hours to wait for the feeds",
        description="Empty: `feeds.wait_hours` of the settings for a run by the schedule, none for a run by hand.",
    ),
    "emit": Param(
        True,
        type="boolean",
        title="Emit dates",
        description="Off for a run by hand whose dates need not start experiments_daily; they stay due.",
    ),
}


def after_cutover() -> CronTriggerTimetable:
    """Half an hour after the business date has ended, every day, in the time zone of the settings; at once on a new installation."""
    day = load_settings().business_day
    return CronTriggerTimetable(f"30 {day.cutover_hour} * * *", timezone=day.timezone, run_immediately=True)


def airflow_task(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Airflow's own `@task`, with a type."""
    decorator: Callable[[Callable[..., Any]], Any] = task(**options)
    return decorator
