"""`airflow standalone`, from an object on S3 to a message in Slack, with no hand on it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from airflow_session import slack_connection
from slack_server import slack_server
from small_city import EXPERIMENT, put_feeds, write_experiment
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.object_store import ObjectStore
from splitmile.orchestration.embedded import Ports
from splitmile.orchestration.standalone import ServicesFailed, is_healthy, start_standalone, stop_standalone
from splitmile.settings import Settings
from splitmile.warehouse import open_warehouse


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
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
