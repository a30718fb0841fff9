"""Both DAGs, run in this process by the real Airflow on real parts: S3, DuckDB, dbt, Great Expectations, a Slack workspace on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from airflow_session import airflow_environment, prepared, slack_connection
from pipeline import spine
from slack_server import SlackServer, slack_server
from small_city import EXPERIMENT, put_feeds, write_experiment
from splitmile.analysis import analyze_experiment
from splitmile.errors import AnalysisError, SplitmileError
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.orchestration.embedded import RunFailed, run_business_date, run_ingest
from splitmile.registry.plan import Plan
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import Row, Warehouse, open_warehouse

DAY = date(2026, 3, 2)
BEFORE = date(2026, 3, 1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    prepared()
    write_experiment(tmp_path / "experiments", DAY)
    return Settings(
        state_dir=tmp_path / "state",
        experiments_dir=tmp_path / "experiments",
        feeds=Feeds(bucket=f"runs-{tmp_path.name[-20:].replace('_', '-')}"),
    )


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


@pytest.fixture
def environment(settings: Settings, s3: StoreCredentials, slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = {**airflow_environment(settings, s3), **slack_connection(slack)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def query(settings: Settings, sql: str) -> list[Row]:
    with open_warehouse(settings) as warehouse:
        return warehouse.fetch(sql)


def test_a_date_from_s3_to_slack_and_again(settings: Settings, store: ObjectStore, environment: dict[str, str], slack: SlackServer) -> None:
    put_feeds(store, settings, DAY)
    run_ingest(settings, DAY, environment)
    assert query(settings, "select business_date from ops.emitted_dates") == [{"business_date": DAY}]
    run_business_date(settings, DAY, environment)
    (message,) = slack.in_channel("experiments")
    assert message["edits"] == 0
    (remembered,) = query(settings, "select * from ops.published_messages")
    assert (remembered["channel"], remembered["kind"], remembered["message_ts"]) == ("#experiments", "digest", message["ts"])
    assert (settings.report_dir / f"{EXPERIMENT}.html").exists()

    run_ingest(settings, DAY, environment)
    run_business_date(settings, DAY, environment)
    (again,) = slack.in_channel("experiments")
    assert (again["ts"], again["edits"]) == (message["ts"], 1)
    assert len(query(settings, "select * from ops.published_messages")) == 1


def test_an_experiment_that_fails_stops_no_other(
    settings: Settings, store: ObjectStore, environment: dict[str, str], slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_experiment(settings.experiments_dir, DAY, "route_prediction")
    put_feeds(store, settings, DAY, (EXPERIMENT, "route_prediction"))
    run_ingest(settings, DAY, environment)

    def analyze(warehouse: Warehouse, settings: Settings, plan: Plan, as_of: date, revision: str) -> Scorecard:
        if plan.experiment_id == "route_prediction":
            raise AnalysisError("the moments do not fit the plan")
        return analyze_experiment(warehouse, settings, plan, as_of, revision)

    monkeypatch.setattr("splitmile.analysis.analyze_experiment", analyze)
    with pytest.raises(RunFailed, match="the moments do not fit the plan") as caught:
        run_business_date(settings, DAY, environment)
    assert (caught.value.dag_id, caught.value.task_id) == ("experiments_daily", "analyze_experiment")
    # The digest is the notice: it goes out without the experiment, and names it.
    (digest,) = slack.in_channel("experiments")
    assert "could not be analysed: the moments do not fit the plan" in str(digest["blocks"])
    assert len(query(settings, "select * from results.scorecards")) == 1


def test_a_gate_that_blocks_publishes_nothing_but_the_alarm(
    settings: Settings, store: ObjectStore, environment: dict[str, str], slack: SlackServer
) -> None:
    put_feeds(store, settings, DAY)
    run_ingest(settings, DAY, environment)
    with open_warehouse(settings) as warehouse:
        warehouse.execute("delete from landing.deliveries")
    for _ in range(2):
        with pytest.raises(RunFailed) as caught:
            run_business_date(settings, DAY, environment)
        assert caught.value.task_id == "check_feeds"
    (alarm,) = slack.in_channel("experiments")
    assert "experiments_daily failed in check_feeds" in str(alarm["blocks"])
    assert alarm["edits"] == 1, "the same failure again updates its message"
    assert not settings.report_dir.exists()


def test_a_refused_partition_keeps_back_its_own_date_only(
    settings: Settings, store: ObjectStore, environment: dict[str, str], slack: SlackServer
) -> None:
    put_feeds(store, settings, BEFORE)
    put_feeds(store, settings, DAY)
    store.put(f"feeds/deliveries/date={DAY}/part-0.csv", b"delivery_id,status\nd1,delivered\n")
    store.put(f"feeds/exposures/date={DAY}/part-0.csv", b"exposure_id\ne1\n")
    with pytest.raises(RunFailed, match="column") as caught:
        run_ingest(settings, DAY, environment)
    assert caught.value.task_id == "load_partition"
    assert query(settings, "select business_date from ops.emitted_dates") == [{"business_date": BEFORE}]
    (alarm,) = slack.in_channel("experiments")
    assert "ingest_feeds failed in load_partition[" in str(alarm["blocks"])
    assert "Failed in the same run as well: load_partition_" in str(alarm["blocks"])


def test_a_folder_without_the_dag_is_named(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "ingest_feeds.py").write_text("from airflow.sdk import DAG\nimport no_such_module\n")
    elsewhere = settings.model_copy(update={"project_dir": tmp_path})
    with pytest.raises(RunFailed, match=r"has no DAG ingest_feeds: .*no_such_module"):
        run_ingest(elsewhere, DAY, environment)
    with pytest.raises(RunFailed, match=r"has no DAG experiments_daily: its file is missing|no_such_module"):
        run_business_date(elsewhere, DAY, environment)


def test_two_airflow_homes_in_one_process_are_refused(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SplitmileError, match="use a process for each"):
        run_ingest(settings, DAY, {**environment, "AIRFLOW_HOME": str(tmp_path)})


@pytest.mark.slow
def test_a_range_in_one_pass_equals_its_dates_one_by_one(
    settings: Settings, store: ObjectStore, environment: dict[str, str], slack: SlackServer, tmp_path: Path
) -> None:
    dates = [DAY + timedelta(days=day) for day in range(3)]
    for business_date in dates:
        put_feeds(store, settings, business_date)
    run_ingest(settings, dates[-1], environment, first_date=DAY, emit=False)
    run_business_date(settings, dates[-1], environment, first_date=DAY)
    assert len(slack.in_channel("experiments")) == 1
    by_date = settings.model_copy(update={"state_dir": tmp_path / "by-date"})
    own = {**environment, "SPLITMILE_STATE_DIR": str(by_date.state_dir)}
    for business_date in dates:
        run_ingest(by_date, business_date, own, emit=False)
        run_business_date(by_date, business_date, own)
    assert len(slack.in_channel("experiments")) == 3
    drawn = ("computed_at", "computation_id")
    at_once, one_by_one = spine.tables(settings, without=drawn), spine.tables(by_date, without=drawn)
    for name, frame in one_by_one.items():
        pd.testing.assert_frame_equal(at_once[name], frame, obj=name)
    assert one_by_one["results.scorecards"].as_of_date.nunique() == len(dates)
