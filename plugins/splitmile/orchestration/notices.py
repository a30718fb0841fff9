"""The failure notice: one Slack message a business date, updated with each further failure."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING, Any

from splitmile.errors import SplitmileError
from splitmile.orchestration.business_dates import BusinessDateMissing, last_complete_date, partition_date_of
from splitmile.settings import Settings, load_settings

if TYPE_CHECKING:
    from splitmile.publish import PublishedMessage

_log = logging.getLogger(__name__)

_NOTICE_BUSY_SECONDS = 20.0


def notify_failure(context: Any) -> None:
    """Airflow's callback when a task has failed for good (never while retries are left)."""
    from splitmile.orchestration.connections import slack_client
    from splitmile.publish import PublishIncomplete, publish_alarm

    settings = load_settings()
    instance = context["ti"]
    name = instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"
    business_date = _date_of(context, settings)
    error = context.get("exception")
    lines = [
        str(error) if isinstance(error, SplitmileError) else f"{type(error).__name__}: {error}",
        f"Run {instance.run_id}, try {instance.try_number}. Log: {instance.log_url}",
    ]
    if others := _others_failed(instance):
        lines.append(f"Failed in the same run as well: {', '.join(others)}.")
    lines.append("Once the cause is put right, clear the task in Airflow; docs/operations.md says what each failure asks for.")
    known = _known(settings, business_date)
    try:
        messages = publish_alarm(f"{instance.dag_id} failed in {name}", lines, business_date, settings, client=slack_client(), known=known)
    except PublishIncomplete as failure:
        _remember(settings, business_date, failure.published)
        raise
    _remember(settings, business_date, messages)


def _others_failed(instance: Any) -> list[str]:
    """The other failed tasks of the run: the day has one alarm, so the latest names them all."""
    states = instance.get_task_states(dag_id=instance.dag_id, run_ids=[instance.run_id]).get(instance.run_id, {})
    own = instance.task_id if instance.map_index < 0 else f"{instance.task_id}_{instance.map_index}"
    return sorted(name for name, state in states.items() if state == "failed" and name != own)


def _date_of(context: Any, settings: Settings) -> date:
    try:
        return partition_date_of(context)
    except BusinessDateMissing:
        return last_complete_date({**context, "params": {}}, settings.business_day)


def _impatient(settings: Settings) -> Settings:
    """The notice must go out even when another task holds the warehouse for long."""
    return settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"busy_timeout_seconds": _NOTICE_BUSY_SECONDS})})


def _known(settings: Settings, business_date: date) -> dict[str, str]:
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.orchestration.messages import ALARM, known_messages

    try:
        with open_warehouse(_impatient(settings), "notify_failure") as warehouse:
            return known_messages(warehouse, business_date, ALARM)
    except SplitmileError as error:
        _log.warning("the notice is posted anew, since the warehouse cannot say what was posted before: %s", error)
        return {}


def _remember(settings: Settings, business_date: date, messages: tuple[PublishedMessage, ...]) -> None:
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.orchestration.messages import ALARM, remember_messages

    try:
        with open_warehouse(_impatient(settings), "notify_failure") as warehouse:
            remember_messages(warehouse, business_date, ALARM, messages)
    except SplitmileError as error:
        _log.warning("the notice was posted, but the warehouse could not keep its stamp, so a repetition is a new message: %s", error)
