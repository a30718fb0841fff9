"""`splitmile up` and `down`: the embedded S3 and `airflow standalone`, in the background of one machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from splitmile.embedded_s3 import EmbeddedS3
from splitmile.errors import SplitmileError
from splitmile.object_store import ObjectStore
from splitmile.orchestration.embedded import AWS_VARIABLE, DEFAULT_PORTS, Ports, airflow_home, embedded_environment
from splitmile.settings import Settings


class ServicesFailed(SplitmileError):
    """Airflow or S3 did not start, or did not end."""


@dataclass(frozen=True, slots=True)
class Services:
    """The running services of an embedded installation.

    Attributes:
        ports: Where they listen.
        airflow_url: Airflow's UI.
        s3_url: The embedded S3's endpoint, or whose S3 it is instead.
        log_file: What Airflow's components print.
    """

    ports: Ports
    airflow_url: str
    s3_url: str
    log_file: Path


@dataclass(frozen=True, slots=True)
class _Process:
    """A process, told from a later one with the same number by its start."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> _Process:
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def start_standalone(
    settings: Settings,
    ports: Ports = DEFAULT_PORTS,
    extra: Mapping[str, str] | None = None,
    timeout_seconds: float = 180,
) -> Services:
    """Start S3 and Airflow, and wait until they are healthy. They outlive this process; `stop_standalone` ends them.

    Where this environment has a connection `aws_default`, the feeds are on the S3 that it names, and none is started.

    Args:
        settings: The installation.
        ports: Where to listen.
        extra: Environment variables over those of `embedded_environment`, such as further connections.
        timeout_seconds: How long Airflow may take to become healthy.

    Raises:
        ServicesFailed: They run already, a port is taken, or Airflow ended or did not become healthy; all is stopped again then.
    """
    if is_running(settings):
        raise ServicesFailed(f"the services of {settings.state} run already; `splitmile down` ends them.")
    _require_free(ports)
    configured = {AWS_VARIABLE: os.environ[AWS_VARIABLE]} if AWS_VARIABLE in os.environ else {}
    environment = {**embedded_environment(settings, ports), **configured, **(extra or {})}
    log_file = settings.state / "logs" / "airflow.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    processes: list[_Process] = []
    try:
        if not configured:
            _start_s3(settings, ports, processes)
        _prepare({**os.environ, **environment})
        command = [shutil.which("airflow", path=environment["PATH"]) or "airflow", "standalone"]
        with log_file.open("wb") as log:
            airflow = subprocess.Popen(  # noqa: S603 (our own environment's airflow, no shell)
                command,
                env={**os.environ, **environment},
                cwd=airflow_home(settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_hear_interrupts,
            )
        processes.append(_Process.of(airflow.pid))
        _record(settings, processes)
        _wait_until_healthy(airflow, ports, log_file, timeout_seconds)
    except BaseException:
        stop_standalone(settings)
        raise
    s3_url = "of the connection aws_default" if configured else f"http://127.0.0.1:{ports.s3}"
    return Services(ports, f"http://127.0.0.1:{ports.airflow}", s3_url, log_file)


def stop_standalone(settings: Settings, timeout_seconds: float = 60) -> bool:
    """End Airflow, then S3; says whether anything was running.

    Raises:
        ServicesFailed: A process did not end, even when killed.
    """
    running = [found for process in reversed(_recorded(settings)) if (found := process.find())]
    for process in running:
        family = [process, *_children(process)]
        # SIGTERM would end `airflow standalone` and leave its components behind; on SIGINT it takes them along.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(family, timeout=timeout_seconds)
        for straggler in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                straggler.kill()
        _, alive = psutil.wait_procs(alive, timeout=10)
        if alive:
            raise ServicesFailed(f"processes {', '.join(str(each.pid) for each in alive)} do not end; end them by hand.")
    _record_file(settings).unlink(missing_ok=True)
    return bool(running)


def is_running(settings: Settings) -> bool:
    """Whether anything that `start_standalone` started is alive."""
    return any(process.find() for process in _recorded(settings))


def is_healthy(ports: Ports) -> bool:
    """Whether Airflow's database, scheduler and DAG processor all say that they are well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.airflow}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return False
    return all((health.get(part) or {}).get("status") == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _start_s3(settings: Settings, ports: Ports, processes: list[_Process]) -> None:
    storage = EmbeddedS3(settings.state / "s3", ports.s3, log_file=settings.state / "logs" / "s3.log")
    storage.start()
    if storage.process_id:
        processes.append(_Process.of(storage.process_id))
        _record(settings, processes)
    ObjectStore(settings.feeds.bucket, storage.credentials).ensure_bucket()


def _require_free(ports: Ports) -> None:
    # Another Airflow on the port would answer for ours that it is healthy.
    for name, port in asdict(ports).items():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise ServicesFailed(f"port {port} ({name}) is in use by another program; end that one, or give other ports.")


def _prepare(environment: Mapping[str, str]) -> None:
    # In a process of its own: this one may have an Airflow of another home, and need not have any.
    code = (
        "import os; from splitmile.orchestration.embedded import prepare_airflow; from splitmile.settings import load_settings; "
        "prepare_airflow(load_settings(), dict(os.environ))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (our own code)
    if done.returncode:
        raise ServicesFailed(f"Airflow's database cannot be made: {' / '.join(done.stderr.strip().splitlines()[-3:])}")


def _wait_until_healthy(airflow: subprocess.Popen[bytes], ports: Ports, log_file: Path, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not is_healthy(ports):
        tail = " / ".join(log_file.read_text(errors="replace").strip().splitlines()[-5:]) or "(empty)"
        if airflow.poll() is not None:
            raise ServicesFailed(f"Airflow ended at once with exit code {airflow.returncode}; {log_file} ends with: {tail}")
        if time.monotonic() > deadline:
            raise ServicesFailed(f"Airflow did not become healthy in {timeout_seconds:g} s; {log_file} ends with: {tail}")
        time.sleep(0.5)


def _hear_interrupts() -> None:
    # A shell's background job hands down that SIGINT is ignored, and Airflow could then only be killed.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        children: list[psutil.Process] = process.children(recursive=True)
        return children
    return []


def _record_file(settings: Settings) -> Path:
    return settings.state / "services.json"


def _record(settings: Settings, processes: Iterable[_Process]) -> None:
    _record_file(settings).write_text(json.dumps([asdict(process) for process in processes]))


def _recorded(settings: Settings) -> list[_Process]:
    file = _record_file(settings)
    return [_Process(**entry) for entry in json.loads(file.read_text())] if file.exists() else []
