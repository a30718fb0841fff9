"""`airflow standalone`, from an object on S3 to a message in Slack, with no hand on it."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from airflow_session import aws_connection, redshift_connection, slack_connection
from redshift_target import RedshiftTarget, feeds_of_a_test
from slack_server import slack_server
from small_city import EXPERIMENT, put_feeds, write_experiment
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.errors import SplitmileError
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.orchestration.embedded import AWS_VARIABLE, Ports, airflow_home
from splitmile.orchestration.runs import run_dates
from splitmile.orchestration.standalone import ServicesFailed, is_healthy, start_standalone, stop_standalone
from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import RedshiftAccess, open_warehouse

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.delenv(AWS_VARIABLE, raising=False)
    made = Settings(state_dir=tmp_path / "state", experiments_dir=tmp_path / "experiments")
    yield made
    stop_standalone(made)


def processes_of(settings: Settings) -> list[str]:
    """Everything that runs with this state folder, by its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SPLITMILE_STATE_DIR") == str(settings.state) and process.pid != psutil.Process().pid:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_for(what: Callable[[], bool], seconds: float, hint: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, hint()
        time.sleep(1)


@pytest.mark.slow
def test_from_an_object_on_s3_to_a_digest(settings: Settings) -> None:
    """The schedule starts the ingest of a new installation at once, and the asset starts the rest."""
    yesterday = settings.business_day.date_of(datetime.now(UTC) - timedelta(minutes=30)) - timedelta(days=1)
    write_experiment(settings.experiments_dir, yesterday)
    with EmbeddedS3(settings.state / "s3") as server:
        store = ObjectStore(settings.feeds.bucket, server.credentials)
        store.ensure_bucket()
        put_feeds(store, settings, yesterday)
    ports = Ports.free()
    with slack_server() as slack:
        services = start_standalone(settings, ports, slack_connection(slack))
        assert is_healthy(ports)
        with pytest.raises(ServicesFailed, match="run already"):
            start_standalone(settings, ports)
        with pytest.raises(SplitmileError, match="its scheduler would take up the same tasks"):
            run_dates(settings, [yesterday])
        wait_for(lambda: bool(slack.in_channel("experiments")), 240, services.log_file.read_text)
        assert processes_of(settings)
        # The stamp of the message is stored after it was sent.
        time.sleep(5)
        assert stop_standalone(settings)
        (message,) = slack.in_channel("experiments")
    assert "Dispatch recommendation" in str(message["blocks"])
    assert processes_of(settings) == []
    assert not is_healthy(ports)
    with open_warehouse(settings) as warehouse:
        (scorecard,) = warehouse.fetch("select experiment_id, as_of_date from results.scorecards")
        (published,) = warehouse.fetch("select kind, business_date, message_ts from ops.published_messages")
    assert scorecard == {"experiment_id": EXPERIMENT, "as_of_date": yesterday}
    assert published == {"kind": "digest", "business_date": yesterday, "message_ts": message["ts"]}


@pytest.mark.slow
@pytest.mark.redshift
def test_a_late_feed_on_its_way_to_redshift(
    settings: Settings,
    s3: StoreCredentials,
    redshift: RedshiftTarget,
    redshift_access: RedshiftAccess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wait is the triggerer's; S3 and Redshift are those of the connections, and none of them is started."""
    now = datetime.now(UTC)
    day = BusinessDay(timezone="UTC", cutover_hour=(now.hour - 2) % 24)
    due = now.replace(minute=30) - timedelta(hours=2)
    yesterday = day.date_of(due) - timedelta(days=1)
    project = impatient_project(tmp_path / "project")
    settings = redshift.settings(settings.model_copy(update={"business_day": day, "project_dir": project, "feeds": feeds_of_a_test()}))
    write_experiment(settings.experiments_dir, yesterday)
    store = ObjectStore(settings.feeds.bucket, s3)
    store.ensure_bucket()
    put_feeds(store, settings, yesterday)
    late = f"{settings.feeds.prefix}/deliveries/date={yesterday}/part-0.csv"
    store.download(late, tmp_path / "late.csv")
    store.delete(late)
    for name, value in {**aws_connection(s3), **redshift_connection(redshift_access)}.items():
        monkeypatch.setenv(name, value)
    with slack_server() as slack:
        services = start_standalone(settings, Ports.free(), slack_connection(slack))
        assert services.s3_url == "of the connection aws_default"
        assert not any("rclone" in command for command in processes_of(settings))
        wait_for(lambda: state_of(settings, "wait_for_feeds") == "deferred", 240, services.log_file.read_text)
        store.upload(tmp_path / "late.csv", late)
        wait_for(lambda: bool(slack.in_channel("experiments")), 240, services.log_file.read_text)
        wait_for(lambda: state_of(settings, "publish") == "success", 60, services.log_file.read_text)
        assert stop_standalone(settings)
        (message,) = slack.in_channel("experiments")
    assert processes_of(settings) == []
    with open_warehouse(settings, redshift_access) as warehouse:
        (scorecard,) = warehouse.fetch("select experiment_id, as_of_date from results.scorecards")
        (published,) = warehouse.fetch("select kind, business_date, message_ts from ops.published_messages")
    assert scorecard == {"experiment_id": EXPERIMENT, "as_of_date": yesterday}
    assert published == {"kind": "digest", "business_date": yesterday, "message_ts": message["ts"]}


def impatient_project(folder: Path) -> Path:
    """This project, with a sensor that looks every two seconds."""
    (folder / "dags").mkdir(parents=True)
    for name in ("plugins", "dbt_project"):
        (folder / name).symlink_to(PROJECT / name)
    for file in (PROJECT / "dags").glob("*.py"):
        text = file.read_text()
        assert ("poke_interval=60" in text) is (file.name == "ingest_feeds.py")
        (folder / "dags" / file.name).write_text(text.replace("poke_interval=60", "poke_interval=2"))
    return folder


def state_of(settings: Settings, task_id: str) -> str | None:
    with closing(sqlite3.connect(f"file:{airflow_home(settings) / 'airflow.db'}?mode=ro", uri=True)) as database:
        row = database.execute("select state from task_instance where task_id = ?", [task_id]).fetchone()
    return row[0] if row else None


def test_stopping_what_does_not_run_is_no_error(settings: Settings) -> None:
    assert stop_standalone(settings) is False


def test_a_process_number_that_was_used_again_is_left_alone(settings: Settings) -> None:
    settings.state.mkdir(parents=True)
    (settings.state / "services.json").write_text(f'[{{"pid": {psutil.Process().pid}, "created": 1.0}}]')
    assert stop_standalone(settings) is False


def test_a_port_in_use_is_named(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServicesFailed, match=rf"port {port} \(airflow\) is in use"):
            start_standalone(settings, replace(Ports.free(), airflow=port))
    assert processes_of(settings) == []
