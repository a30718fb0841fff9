from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from splitmile.orchestration.business_dates import BusinessDateMissing, last_complete_date, partition_date_of
from splitmile.settings import BusinessDay

SEOUL = BusinessDay(timezone="Asia/Seoul", cutover_hour=5)


def run_of(
    *,
    key: str | None = None,
    parameter: object = None,
    logical_date: datetime | None = None,
    run_after: datetime = datetime(2026, 3, 4, tzinfo=UTC),
) -> dict[str, Any]:
    run = SimpleNamespace(partition_key=key, logical_date=logical_date, run_after=run_after, run_id="r1", dag_id="experiments_daily")
    return {"dag_run": run, "params": {"business_date": parameter}}


def test_the_partition_key_is_the_business_date() -> None:
    assert partition_date_of(run_of(key="2026-03-02", parameter="2026-03-05")) == date(2026, 3, 2)


def test_a_run_by_hand_takes_the_parameter() -> None:
    assert partition_date_of(run_of(parameter="2026-03-05")) == date(2026, 3, 5)
    assert last_complete_date(run_of(parameter="2026-03-05"), SEOUL) == date(2026, 3, 5)


def test_neither_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BusinessDateMissing, match=r'run r1 of experiments_daily has no partition key .* trigger it with \{"business_date"'):
        partition_date_of(run_of())


@pytest.mark.parametrize(
    ("context", "source"), [(run_of(key="seoul|2"), "partition key"), (run_of(parameter="2 March"), "parameter business_date")]
)
def test_what_is_no_date_is_named(context: dict[str, Any], source: str) -> None:
    with pytest.raises(BusinessDateMissing, match=f"{source} .* is no business date; expected YYYY-MM-DD"):
        partition_date_of(context)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2026, 3, 3, 20, 30, tzinfo=UTC), date(2026, 3, 3)),  # 05:30 on 4 March in Seoul: the 3rd has just ended
        (datetime(2026, 3, 3, 19, 59, tzinfo=UTC), date(2026, 3, 2)),  # 04:59: the 3rd still lasts
    ],
)
def test_the_last_complete_date_ended_before_the_run_was_due(instant: datetime, expected: date) -> None:
    assert last_complete_date(run_of(logical_date=instant), SEOUL) == expected
    assert last_complete_date(run_of(run_after=instant), SEOUL) == expected
