"""Both DAGs, run in this process by the real Airflow, with Redshift as the warehouse: from objects on S3 to messages in Slack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from airflow_session import airflow_environment, prepared, redshift_connection, slack_connection
from redshift_target import RedshiftTarget, feeds_of_a_test
from slack_server import SlackServer, slack_server
from small_city import EXPERIMENT, put_feeds, write_experiment
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.orchestration.embedded import run_business_date, run_ingest
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, Row, open_warehouse

pytestmark = pytest.mark.redshift

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def engine() -> str:
    return "redshift"


@pytest.fixture
def settings(tmp_path: Path, redshift: RedshiftTarget) -> Settings:
    prepared()
    write_experiment(tmp_path / "experiments", FIRST)
    made = Settings(state_dir=tmp_path / "state", experiments_dir=tmp_path / "experiments", feeds=feeds_of_a_test())
    return redshift.settings(made)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


@pytest.fixture
def environment(
    settings: Settings, s3: StoreCredentials, redshift_access: RedshiftAccess, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    variables = {**airflow_environment(settings, s3), **redshift_connection(redshift_access), **slack_connection(slack)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def query(settings: Settings, access: RedshiftAccess, sql: str) -> list[Row]:
    with open_warehouse(settings, access, "tests") as warehouse:
        return warehouse.fetch(sql)


def shorten(store: ObjectStore, settings: Settings, business_date: date, rows: int) -> None:
    """Deliver a date's deliveries again, without some of them."""
    key = f"{settings.feeds.prefix}/deliveries/date={business_date}/part-0.csv"
    file = settings.state / "shortened.csv"
    store.download(key, file)
    store.put(key, "".join(file.read_text().splitlines(keepends=True)[:-rows]).encode())


def test_two_dates_and_a_restatement_from_s3_to_slack(
    settings: Settings, store: ObjectStore, environment: dict[str, str], redshift_access: RedshiftAccess, slack: SlackServer
) -> None:
    deliveries = "select partition_date, count(*) as n from landing.deliveries group by partition_date order by partition_date"
    moments = (
        "select as_of_date, sum(sum_denominator) as n from marts.experiment_moments "
        "where metric = 'delivery_time' and segment = 'all' group by as_of_date order by as_of_date"
    )
    for business_date in (FIRST, SECOND):
        put_feeds(store, settings, business_date)
    run_ingest(settings, SECOND, environment)
    for business_date in (FIRST, SECOND):
        run_business_date(settings, business_date, environment)
    emitted = query(settings, redshift_access, "select business_date from ops.emitted_dates order by business_date")
    assert emitted == [{"business_date": FIRST}, {"business_date": SECOND}]
    assert query(settings, redshift_access, deliveries) == [{"partition_date": FIRST, "n": 200}, {"partition_date": SECOND, "n": 200}]
    assert [(row["as_of_date"], int(row["n"])) for row in query(settings, redshift_access, moments)] == [(FIRST, 200), (SECOND, 400)]
    first, second = slack.in_channel("experiments")
    assert (first["edits"], second["edits"]) == (0, 0)

    shorten(store, settings, FIRST, rows=10)
    run_ingest(settings, SECOND, environment)
    for business_date in (FIRST, SECOND):
        run_business_date(settings, business_date, environment)
    assert query(settings, redshift_access, deliveries) == [{"partition_date": FIRST, "n": 190}, {"partition_date": SECOND, "n": 200}]
    assert [(row["as_of_date"], int(row["n"])) for row in query(settings, redshift_access, moments)] == [(FIRST, 190), (SECOND, 390)]
    again = slack.in_channel("experiments")
    assert [message["ts"] for message in again] == [first["ts"], second["ts"]]
    assert [message["edits"] for message in again] == [1, 1]
    assert "restate" in str(again[0]["blocks"]).lower()
    assert (settings.report_dir / f"{EXPERIMENT}.html").exists()
    # Nothing is left of what COPY read, nor of a file on this machine's DuckDB.
    assert list(store.list_objects(settings.warehouse.redshift.staging_prefix)) == []
    assert not settings.warehouse_file.exists()
