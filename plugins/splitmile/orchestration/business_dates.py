"""Which business dates a run is for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from splitmile.errors import SplitmileError
from splitmile.settings import BusinessDay


class BusinessDateMissing(SplitmileError):
    """A run says neither by its partition nor by its parameters which business date it is for."""


def partition_date_of(context: Any) -> date:
    """The business date of a run of one partition: its partition key, or else the parameter of a run by hand.

    Raises:
        BusinessDateMissing: Neither is there, or it is no date.
    """
    key = context["dag_run"].partition_key
    if key:
        return _parse(key, "partition key")
    return _parameter(context) or _missing(context)


def dates_of(context: Any) -> tuple[date, ...]:
    """All business dates of a run, oldest first: one, but for a backfill by hand that names its first date as well.

    Raises:
        BusinessDateMissing: As in `partition_date_of`, or the first date lies after the last.
    """
    last = partition_date_of(context)
    first = first_date_of(context) or last
    if first > last:
        raise BusinessDateMissing(f"parameter first_date {first} lies after the business date {last}; exchange them.")
    return tuple(first + timedelta(days=day) for day in range((last - first).days + 1))


def first_date_of(context: Any) -> date | None:
    """The first date of a backfill; none for a run of one date."""
    return _parameter(context, "first_date")


def last_complete_date(context: Any, day: BusinessDay) -> date:
    """The last business date that had ended when a run was due, or else the parameter of a run by hand."""
    run = context["dag_run"]
    return _parameter(context) or day.date_of(run.logical_date or run.run_after) - timedelta(days=1)


def _parameter(context: Any, name: str = "business_date") -> date | None:
    value = context["params"].get(name)
    return _parse(value, f"parameter {name}") if value else None


def _parse(text: str, source: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise BusinessDateMissing(f"{source} {text!r} is no business date; expected YYYY-MM-DD, such as 2026-03-02.") from error


def _missing(context: Any) -> date:
    run = context["dag_run"]
    raise BusinessDateMissing(
        f"run {run.run_id} of {run.dag_id} has no partition key and no parameter business_date, so it is for no business date; "
        'trigger it with {"business_date": "YYYY-MM-DD"}, or let the asset `feeds` start it.'
    )
