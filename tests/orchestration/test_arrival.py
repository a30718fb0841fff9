"""Waiting for feeds: by the real DAG, with the real trigger, on a real S3."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_session import airflow_environment, prepared
from small_city import put_feeds
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import open_warehouse

DAY = date(2026, 3, 2)
DUE = datetime(2026, 3, 3, 20, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    prepared()
    return Settings(state_dir=tmp_path / "state", feeds=Feeds(bucket=f"arrival-{tmp_path.name[-20:].replace('_', '-')}"))


@pytest.fixture
def environment(settings: Settings, s3: StoreCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in airflow_environment(settings, s3).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the sensor has logged so far."""
    name = "splitmile.orchestration.arrival"
    caplog.set_level("INFO", name)
    return lambda: [record.getMessage() for record in caplog.records if record.name == name]


def ingest(settings: Settings, wait_hours: float | None = None) -> str:
    """Run `ingest_feeds` by hand, looking at S3 twice a second; returns how it ended."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(settings.path("dags")).dags["ingest_feeds"]
    dag.get_task("wait_for_feeds").poke_interval = 0.5
    run = dag.test(run_conf={"business_date": DAY.isoformat(), "wait_hours": wait_hours})
    return str(run.state)


def wait_until(is_time: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_time():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def loaded(settings: Settings) -> set[str]:
    with open_warehouse(settings) as warehouse:
        return {row["feed"] for row in warehouse.fetch("select feed from ops.load_ledger")}


def test_a_feed_that_comes_while_the_run_waits_is_loaded_by_it(
    settings: Settings, store: ObjectStore, environment: None, said: Callable[[], list[str]], tmp_path: Path
) -> None:
    folder = f"feeds/deliveries/date={DAY}"
    waits = f"no objects of {DAY} for deliveries yet; waiting until"
    put_feeds(store, settings, DAY)
    store.download(f"{folder}/part-0.csv", tmp_path / "late.csv")
    store.delete(f"{folder}/part-0.csv")

    def has_waited(times: int) -> bool:
        return sum(waits in line for line in said()) >= times

    def deliver() -> None:
        wait_until(lambda: has_waited(1))
        # What a writer keeps until it is done is no data: the run looks, and waits on.
        store.put(f"{folder}/_temporary/part-0.csv", b"")
        wait_until(lambda: has_waited(2))
        store.upload(tmp_path / "late.csv", f"{folder}/part-0.csv")

    with ThreadPoolExecutor() as pool:
        delivery = pool.submit(deliver)
        # Where the delivery fails, patience ends the test.
        assert ingest(settings, wait_hours=0.02) == "success"
        delivery.result()
    assert said()[-1] == f"every feed has objects of {DAY}"
    assert loaded(settings) == {"exposures", "deliveries"}


def test_when_patience_ends_what_is_there_is_loaded(
    settings: Settings, store: ObjectStore, environment: None, said: Callable[[], list[str]]
) -> None:
    put_feeds(store, settings, DAY)
    store.delete(f"feeds/deliveries/date={DAY}/part-0.csv")
    assert ingest(settings, wait_hours=0.001) == "success"
    assert said()[-1] == f"no objects of {DAY} for deliveries; going on with what is there"
    assert loaded(settings) == {"exposures"}


def test_a_run_by_hand_does_not_wait(settings: Settings, store: ObjectStore, environment: None, said: Callable[[], list[str]]) -> None:
    assert ingest(settings) == "success"
    assert said() == [f"no objects of {DAY} for exposures and deliveries; going on with what is there"]


@pytest.mark.parametrize(
    ("run_type", "parameter", "expected"),
    [("scheduled", None, 6.0), ("manual", None, 0.0), ("backfill", None, 0.0), ("manual", 1.5, 1.5), ("scheduled", 0, 0.0)],
)
def test_patience_is_counted_from_when_the_run_was_due(run_type: str, parameter: float | None, expected: float) -> None:
    from splitmile.orchestration.arrival import patience_ends

    for logical_date in (DUE, None):
        run = SimpleNamespace(run_type=run_type, logical_date=logical_date, run_after=DUE)
        context = {"dag_run": run, "params": {"wait_hours": parameter}}
        assert patience_ends(context, Settings()) == DUE + timedelta(hours=expected)


def test_a_listing_that_still_changes_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from splitmile.orchestration.arrival import ListingTrigger

    looks = iter(["seen", "seen", "part 0", None, "part 0", "part 0 and 1", "part 0 and 1", "never looked at"])

    async def look(trigger: Any) -> str | None:
        return next(looks)

    monkeypatch.setattr(ListingTrigger, "_look", look)
    assert asyncio.run(first_event(deadline=time.time() + 3600)) == {"status": "changed"}
    assert next(looks) == "never looked at"
    assert asyncio.run(first_event(deadline=time.time() - 1)) == {"status": "deadline"}


def test_an_s3_out_of_reach_does_not_end_the_wait(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from splitmile.orchestration.arrival import ListingTrigger

    extra = {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1", "config_kwargs": {"retries": {"total_max_attempts": 1}}}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    trigger = ListingTrigger(bucket="b", prefixes=["feeds/"], seen="", deadline=0, poke_interval=0)
    assert asyncio.run(trigger._look()) is None


def test_a_wait_that_nobody_looked_after_fails_nothing(environment: None) -> None:
    from airflow.models.trigger import TRIGGER_FAIL_REPR, TriggerFailureReason

    from splitmile.orchestration.arrival import FeedsSensor

    sensor = FeedsSensor(task_id="wait_for_feeds")
    assert sensor.resume_execution(TRIGGER_FAIL_REPR, {"error": TriggerFailureReason.TRIGGER_TIMEOUT.value}, {}) is None
    with pytest.raises(Exception, match="Trigger failure"):
        sensor.resume_execution(TRIGGER_FAIL_REPR, {"error": TriggerFailureReason.TRIGGER_FAILURE.value}, {})


async def first_event(deadline: float) -> Any:
    from splitmile.orchestration.arrival import ListingTrigger

    trigger = ListingTrigger(bucket="b", prefixes=["feeds/"], seen="seen", deadline=deadline, poke_interval=0)
    classpath, arguments = trigger.serialize()
    assert classpath == "splitmile.orchestration.arrival.ListingTrigger"
    return (await anext(ListingTrigger(**arguments).run())).payload
