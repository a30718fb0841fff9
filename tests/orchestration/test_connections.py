"""Connections become plain values: by the provider's own hooks, against Redshift and an AWS on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from airflow_session import airflow_environment, prepared, redshift_connection
from redshift_target import RedshiftTarget
from splitmile.errors import SettingsInvalid, SplitmileError, StoreUnavailable, WarehouseError
from splitmile.object_store import StoreCredentials
from splitmile.orchestration.connections import open_warehouse, store_credentials, warehouse_access
from splitmile.orchestration.doctor import examine
from splitmile.settings import Settings, WarehouseSettings
from splitmile.warehouse import RedshiftAccess

PASSWORD = "s3cret-pass"  # noqa: S105 (nobody's; it must never be shown)
SOMEWHERE = RedshiftAccess(host="etl.abc.eu-west-1.redshift.amazonaws.com", database="dev", user="splitmile", password=PASSWORD)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", warehouse=WarehouseSettings(engine="redshift"))


@pytest.fixture(autouse=True)
def environment(settings: Settings, s3: StoreCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared()
    for name, value in airflow_environment(settings, s3).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", raising=False)


def connect(monkeypatch: pytest.MonkeyPatch, access: RedshiftAccess, **extra: object) -> None:
    for name, value in redshift_connection(access, **extra).items():
        monkeypatch.setenv(name, value)


@contextmanager
def aws(monkeypatch: pytest.MonkeyPatch, user: str, password: str, refusal: str = "") -> Iterator[list[dict[str, Any]]]:
    """`aws_default` is an AWS on loopback that hands out one log-in for Redshift, or refuses; yields what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            target = self.headers.get("X-Amz-Target", "")
            asked.append({"target": target, **(json.loads(body) if target else dict(parse_qsl(body)))})
            if target:
                answer = json.dumps({"__type": refusal, "message": "no"} if refusal else {"dbUser": user, "dbPassword": password})
            elif refusal:
                answer = f"<ErrorResponse><Error><Code>{refusal}</Code><Message>no</Message></Error></ErrorResponse>"
            else:
                result = f"<DbUser>{user}</DbUser><DbPassword>{password}</DbPassword>"
                answer = "<GetClusterCredentialsResponse><GetClusterCredentialsResult>{}</{}></GetClusterCredentialsResponse>".format(
                    result, "GetClusterCredentialsResult"
                )
            self.send_response(403 if refusal else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    extra = {"region_name": "eu-west-1", "endpoint_url": f"http://127.0.0.1:{server.server_address[1]}"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "login": "k", "password": "s", "extra": extra}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.redshift
def test_a_log_in_by_password(settings: Settings, redshift_access: RedshiftAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, redshift_access)
    with open_warehouse(settings, "tests") as warehouse:
        assert warehouse.fetch("select current_database() as name") == [{"name": redshift_access.database}]
    found = warehouse_access(settings, loads=True)
    assert found is not None
    assert found.store == store_credentials()
    assert found.store.access_key_id


@pytest.mark.redshift
@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {"cluster_identifier": "etl"},
            {"target": "", "Action": "GetClusterCredentials", "ClusterIdentifier": "etl", "DbUser": "loader", "AutoCreate": "false"},
        ),
        (
            {"is_serverless": True, "serverless_work_group": "analytics"},
            {"target": "RedshiftServerless.GetCredentials", "workgroupName": "analytics"},
        ),
    ],
)
def test_a_log_in_by_iam(
    settings: Settings,
    redshift_access: RedshiftAccess,
    monkeypatch: pytest.MonkeyPatch,
    extra: dict[str, object],
    expected: dict[str, object],
) -> None:
    connect(monkeypatch, replace(redshift_access, user="loader", password=""), iam=True, **extra)
    with aws(monkeypatch, redshift_access.user, redshift_access.password) as asked, open_warehouse(settings, "tests") as warehouse:
        assert warehouse.fetch("select 1 as one") == [{"one": 1}]
    (request,) = asked
    assert {name: request[name] for name in expected} == expected
    assert redshift_access.database in request.values()


@pytest.mark.parametrize(
    ("extra", "action"),
    [
        ({"cluster_identifier": "etl"}, "redshift:GetClusterCredentials"),
        ({"is_serverless": True, "serverless_work_group": "analytics"}, "redshift-serverless:GetCredentials"),
    ],
)
def test_a_log_in_that_aws_refuses_names_the_right_that_is_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, extra: dict[str, object], action: str
) -> None:
    connect(monkeypatch, SOMEWHERE, iam=True, **extra)
    with aws(monkeypatch, "", "", refusal="AccessDenied"), pytest.raises(WarehouseError, match=rf"AccessDenied.* may {action}"):
        warehouse_access(settings)


@pytest.mark.parametrize(
    ("changed", "extra", "problem"),
    [
        ({"host": "", "database": ""}, {}, "lacks host and schema"),
        ({"user": "", "password": ""}, {}, "lacks login and password"),
        ({"user": ""}, {"iam": True}, "lacks login"),
        ({}, {"iam": True, "is_serverless": True}, "asks for a log-in by IAM: .*serverless_work_group"),
        ({}, {"sslmode": "disable"}, "has sslmode 'disable' .* use verify-ca or verify-full"),
    ],
)
def test_what_a_connection_lacks_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], extra: dict[str, object], problem: str
) -> None:
    connect(monkeypatch, replace(SOMEWHERE, **changed), **extra)
    with pytest.raises(SettingsInvalid, match=f"the connection redshift_default {problem}"):
        warehouse_access(settings)


def test_a_connection_that_is_missing_or_garbled_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, "{not json"):
        if value:
            monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", value)
        with pytest.raises(SettingsInvalid, match="there is no connection redshift_default, or it cannot be read"):
            warehouse_access(settings)


def test_a_role_that_cannot_be_assumed_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "aws", "extra": {"profile_name": "nobody-has-this-profile"}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    with pytest.raises(StoreUnavailable, match=r"AWS gives no credentials for aws_default: .*nobody-has-this-profile"):
        store_credentials()


@pytest.mark.redshift
def test_doctor_names_a_broken_redshift_default_and_never_its_password(
    settings: Settings, redshift: RedshiftTarget, store: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warehouse() -> tuple[bool, str]:
        findings = {finding.subject: finding for finding in examine(lambda: settings)}
        assert findings["object store"].is_fine, findings["object store"].detail
        return findings["warehouse"].is_fine, findings["warehouse"].detail

    assert warehouse() == (False, str(_refusal(settings)))
    connect(monkeypatch, replace(redshift.access, password=PASSWORD))
    is_fine, detail = warehouse()
    assert not is_fine
    assert "Check the connection redshift_default" in detail
    shown = "".join(traceback.format_exception(_refusal(settings)))
    assert redshift.access.user in shown
    assert PASSWORD not in shown
    connect(monkeypatch, redshift.access)
    assert warehouse() == (True, "Redshift of the connection redshift_default opens; 0 objects loaded")


def _refusal(settings: Settings) -> SplitmileError:
    with pytest.raises(SplitmileError) as caught, open_warehouse(settings, "tests"):
        pass
    return caught.value


@pytest.mark.redshift
def test_a_command_prints_its_output_alone_and_leaves_the_home_folder_alone(
    settings: Settings, redshift_access: RedshiftAccess, tmp_path: Path
) -> None:
    """Airflow, which reads the connection, makes its home when it is imported, and logs to standard output."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    own = {"SPLITMILE_WAREHOUSE__ENGINE": "redshift", "SPLITMILE_STATE_DIR": str(settings.state), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "splitmile.cli", "results", "dispatch_ranking", "--format", "json"],
        env={**outside, **own, **redshift_connection(redshift_access)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no result of dispatch_ranking" in done.stderr
    assert not (tmp_path / "airflow").exists()
