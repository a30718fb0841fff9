"""The services of docker-compose.yaml without docker: from an object on S3 to a message in Slack, with PostgreSQL behind Airflow."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from airflow_session import slack_connection
from deploy.compose import SECRETS, example_env
from deploy.local_host import LocalHost
from slack_server import slack_server
from small_city import EXPERIMENT, put_feeds, write_experiment
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Settings
from splitmile.warehouse import open_warehouse


def answer(address: str, body: dict[str, str] | None = None) -> int:
    """HTTP status of a GET, or of a POST of JSON."""
    return httpx.post(address, json=body, timeout=30).status_code if body else httpx.get(address, timeout=30).status_code


def processes_of(state: Path) -> list[str]:
    """Everything that runs with this state folder, by its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SPLITMILE_STATE_DIR") == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.slow
def test_the_services_bring_an_object_on_s3_to_a_digest(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "host" / "state", experiments_dir=tmp_path / "experiments")
    yesterday = settings.business_day.date_of(datetime.now(UTC) - timedelta(minutes=30)) - timedelta(days=1)
    write_experiment(settings.experiments_dir, yesterday)
    with slack_server() as slack:
        env = {
            **example_env(),
            **SECRETS,
            **slack_connection(slack),
            "SPLITMILE_EXPERIMENTS_DIR": str(settings.experiments_dir),
        }
        with LocalHost(tmp_path / "host", env) as host:
            host.start("s3")
            keys = StoreCredentials(f"http://127.0.0.1:{host.ports[8586]}", "splitmile", SECRETS["S3_SECRET_KEY"], region="us-east-1")
            put_feeds(ObjectStore(settings.feeds.bucket, keys), settings, yesterday)
            host.run("init")
            for service in ("api-server", "dag-processor", "triggerer", "scheduler"):
                host.start(service)
            api = f"http://127.0.0.1:{host.ports[8080]}"
            assert answer(f"{api}/api/v2/dags") == 401
            assert answer(f"{api}/auth/token", {"username": "admin", "password": "wrong"}) == 401
            assert answer(f"{api}/auth/token", {"username": "admin", "password": SECRETS["ADMIN_PASSWORD"]}) == 201
            deadline = time.monotonic() + 480
            while not slack.in_channel("experiments"):
                assert time.monotonic() < deadline, host.log("scheduler")
                time.sleep(1)
            assert processes_of(host.state)
        (message,) = slack.in_channel("experiments")
    assert processes_of(host.state) == []
    assert "Dispatch recommendation" in str(message["blocks"])
    with open_warehouse(settings) as warehouse:
        assert warehouse.fetch("select experiment_id, as_of_date from results.scorecards") == [
            {"experiment_id": EXPERIMENT, "as_of_date": yesterday}
        ]
