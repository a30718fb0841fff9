"""Starting and stopping: nothing is left running, whatever ends the stand-in."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import psutil
import psycopg2
import pytest
import redshift_connector

from redshift_standin import RedshiftStandIn

_BARE = """
import sys, time
from pathlib import Path
from redshift_standin import RedshiftStandIn
with RedshiftStandIn(Path(sys.argv[1])):
    print("Ready", flush=True)
    time.sleep(600)
"""


@contextmanager
def _started(*command: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A program of the stand-in's, once it has said that it is ready, and what it said."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said: list[str] = []
        try:
            for line in process.stdout:
                said.append(line)
                if line.startswith("Ready"):
                    break
            yield process, said
        finally:
            process.kill()


def _of_this(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """What it has started: PostgreSQL's keeper and server, and the S3 server where there is one."""
    children = psutil.Process(process.pid).children(recursive=True)
    commands = [child.cmdline() for child in psutil.Process(process.pid).children()]
    assert any("keeper" in command for command in commands)
    return children


def test_nothing_is_left_after_a_stop(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with RedshiftStandIn(tmp_path) as standin:
        keeper = psutil.Process(standin.process_id)
        children = [keeper, *keeper.children(recursive=True)]
        command = keeper.cmdline()
        data = Path(command[command.index("-D") + 1])
        assert data.exists()
        tls = {"sslmode": "verify-full", "sslrootcert": str(standin.ca_file)}
        client = psycopg2.connect(
            host=standin.host, port=standin.port, dbname=standin.database, user=standin.user, password=standin.password, **tls
        )
        client.cursor().execute("select 1")
    _, alive = psutil.wait_procs(children, 5)
    assert not alive
    assert not data.parent.exists()
    assert set(threading.enumerate()) <= threads
    with pytest.raises(psycopg2.Error):
        client.cursor().execute("select 1")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_program_ends_all_that_it_started(tmp_path: Path, end: signal.Signals) -> None:
    with _started("-m", "redshift_standin", "--port", "0", "--state-dir", str(tmp_path)) as (process, _):
        children = _of_this(process)
        process.send_signal(end)
        assert process.wait(20) == 0
    assert not psutil.wait_procs(children, 5)[1]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_postgresql_ends_with_a_parent_that_could_not_stop_it(tmp_path: Path, end: signal.Signals) -> None:
    with _started("-c", _BARE, str(tmp_path)) as (process, _):
        children = _of_this(process)
        process.send_signal(end)
        process.wait(20)
    assert not psutil.wait_procs(children, 10)[1]


def test_what_the_program_prints_is_enough_to_connect_and_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _started("-m", "redshift_standin", "--port", "0", "--state-dir", str(tmp_path)) as (process, said):
        exports = dict(shlex.split(line)[1].split("=", 1) for line in said if line.startswith("export "))
        redshift, aws = (json.loads(exports[f"AIRFLOW_CONN_{name}_DEFAULT"]) for name in ("REDSHIFT", "AWS"))
        boto3.client(
            "s3",
            endpoint_url=aws["extra"]["endpoint_url"],
            aws_access_key_id=aws["login"],
            aws_secret_access_key=aws["password"],
            region_name=aws["extra"]["region_name"],
        ).put_object(Bucket="splitmile", Key="n/1.csv", Body=b"1\n2\n")
        monkeypatch.setenv("SSL_CERT_FILE", exports["SSL_CERT_FILE"])
        where = {"host": redshift["host"], "port": redshift["port"], "database": redshift["schema"]}
        connection = redshift_connector.connect(**where, user=redshift["login"], password=redshift["password"], **redshift["extra"])
        cursor = connection.cursor()
        cursor.execute("create table t (n bigint)")
        (template,) = (line.strip() for line in said if line.startswith("copy "))
        cursor.execute(template.replace("TABLE", "t").replace("PREFIX", "n/").replace("parquet", "csv"))
        cursor.execute("select sum(n) from t")
        assert cursor.fetchone() == [3]
        connection.close()
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_a_port_that_is_taken_ends_the_program_with_a_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = subprocess.run(
            [sys.executable, "-m", "redshift_standin", "--port", port, "--state-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=60,
        )
    assert run.returncode == 1
    assert "did not start" in run.stderr
    assert port in run.stderr
