"""The embedded installation: Airflow, S3 and the warehouse on one machine, everything below the state folder.

Airflow reads its configuration when it is imported, so nothing here imports it before the environment stands.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from splitmile.embedded_s3 import DEFAULT_CREDENTIALS
from splitmile.errors import SplitmileError
from splitmile.settings import Settings, settings_file

AWS_VARIABLE = "AIRFLOW_CONN_AWS_DEFAULT"
"""Where the environment has it, the feeds are on the S3 that it names, and no embedded one is started."""

_POOL = {"duckdb": (1, "DuckDB has one writer"), "redshift": (8, "Sessions on Redshift at a time")}


class RunFailed(SplitmileError):
    """A task of a run in this process failed.

    Attributes:
        dag_id, task_id: Which; the first that failed.
    """

    def __init__(self, message: str, dag_id: str, task_id: str) -> None:
        """Keep the task beside the message."""
        super().__init__(message)
        self.dag_id = dag_id
        self.task_id = task_id


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of an embedded installation.

    Attributes:
        airflow: Airflow's UI and API.
        s3: The embedded S3.
        worker_logs, trigger_logs: Where Airflow serves the logs of tasks that are still running.
    """

    airflow: int = 8585
    s3: int = 8586
    worker_logs: int = 8587
    trigger_logs: int = 8588

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody listens on just now."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(4)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            return cls(*(each.getsockname()[1] for each in sockets))


DEFAULT_PORTS = Ports()


def embedded_environment(settings: Settings, ports: Ports = DEFAULT_PORTS, s3_endpoint: str | None = None) -> dict[str, str]:
    """Every environment variable that Airflow and Splitmile need on one machine.

    Args:
        settings: Handed on whole, so that every process sees the same.
        ports: The loopback ports.
        s3_endpoint: Address of a running S3, if it is not the one on `ports.s3`.
    """
    home = airflow_home(settings)
    api = f"http://127.0.0.1:{ports.airflow}"
    return {
        **_settings_environment(settings),
        "SPLITMILE_CONFIG": str(settings_file()),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.path("dags")),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.path("plugins")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        # Loopback only, and every person of this machine is the administrator: there is nothing to log in to.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ports.airflow),
        "AIRFLOW__API__BASE_URL": api,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports.worker_logs),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports.trigger_logs),
        AWS_VARIABLE: json.dumps(
            {
                "conn_type": "aws",
                "login": DEFAULT_CREDENTIALS.access_key_id,
                "password": DEFAULT_CREDENTIALS.secret_access_key,
                "extra": {
                    "endpoint_url": s3_endpoint or f"http://127.0.0.1:{ports.s3}",
                    "region_name": DEFAULT_CREDENTIALS.region,
                },
            }
        ),
        # Nobody is told that this ran.
        "SCARF_ANALYTICS": "False",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        # The tools that Airflow starts by name (airflow, dbt, rclone) stand beside this interpreter.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }


def airflow_home(settings: Settings) -> Path:
    """Airflow's folder: its database, configuration and logs."""
    return settings.state / "airflow"


def use_airflow_outside(settings: Settings) -> None:
    """Before a command that is no run reads a connection: no Airflow home in the person's own, no log lines between our output."""
    if "airflow" in sys.modules:
        return
    os.environ.setdefault("AIRFLOW_HOME", str(airflow_home(settings)))
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")


def prepare_airflow(settings: Settings, environment: Mapping[str, str] | None = None) -> None:
    """Make Airflow's database where it is missing or old, and the pool `warehouse` with as many slots as the engine bears."""
    with _airflow(settings, environment):
        from airflow.models.pool import Pool
        from airflow.utils import db

        from splitmile.orchestration.schedule import WAREHOUSE_POOL

        if not _is_migrated():
            db.initdb()
        slots, reason = _POOL[settings.warehouse.engine]
        Pool.create_or_update_pool(WAREHOUSE_POOL, slots=slots, description=reason, include_deferred=False)


def run_ingest(
    settings: Settings,
    business_date: date,
    environment: Mapping[str, str] | None = None,
    *,
    first_date: date | None = None,
    emit: bool = True,
) -> None:
    """Run `ingest_feeds` in this process, as of a business date.

    Args:
        settings: The installation.
        business_date: The last of the dates that are looked at.
        environment: From `embedded_environment`, where ports or the S3 differ from the defaults.
        first_date: The first of these dates, for a backfill.
        emit: Emit what is due, for a scheduler that starts later; off where the caller runs the dates itself.

    Raises:
        RunFailed: A task failed; it says which, why, and where the log is.
    """
    _run_dag(settings, "ingest_feeds", {**_dates(first_date, business_date), "emit": emit}, environment)


def run_business_date(
    settings: Settings, business_date: date, environment: Mapping[str, str] | None = None, *, first_date: date | None = None
) -> None:
    """Run `experiments_daily` in this process for a business date or a range; arguments and errors as in `run_ingest`."""
    _run_dag(settings, "experiments_daily", _dates(first_date, business_date), environment)


def _dates(first_date: date | None, business_date: date) -> dict[str, Any]:
    first = {"first_date": first_date.isoformat()} if first_date else {}
    return {**first, "business_date": business_date.isoformat()}


def run_log(settings: Settings) -> Path:
    """Where the output of runs in this process goes."""
    return settings.state / "logs" / "runs.log"


def _run_dag(settings: Settings, dag_id: str, conf: dict[str, Any], environment: Mapping[str, str] | None) -> None:
    with _airflow(settings, environment):
        from airflow.dag_processing.dagbag import DagBag

        folder = settings.path("dags")
        bag = DagBag(folder)
        dag = bag.dags.get(dag_id)
        if dag is None:
            broken = "; ".join(f"{path}: {str(error).strip().splitlines()[-1]}" for path, error in bag.import_errors.items())
            raise RunFailed(f"{folder} has no DAG {dag_id}: {broken or 'its file is missing'}.", dag_id, "")
        failures: list[tuple[str, BaseException]] = []

        def remember(context: Any) -> None:
            failures.append((context["ti"].task_id, context["exception"]))

        for task in dag.tasks:
            task.on_failure_callback = [remember, *task.on_failure_callback]
            # Who runs a date by hand wants its error at once, not after three attempts.
            task.retries = 0
        run = dag.test(run_conf=conf)
        if run.state != "success":
            raise _failure(settings, dag_id, conf["business_date"], failures)


def _failure(settings: Settings, dag_id: str, business_date: str, failures: list[tuple[str, BaseException]]) -> RunFailed:
    task_id, error = failures[0] if failures else ("", None)
    reason = (
        "no task could run" if error is None else str(error) if isinstance(error, SplitmileError) else f"{type(error).__name__}: {error}"
    )
    failure = RunFailed(f"{dag_id} for {business_date} failed in {task_id}: {reason} The log is {run_log(settings)}.", dag_id, task_id)
    failure.__cause__ = error
    return failure


def _is_migrated() -> bool:
    from airflow.utils import db

    try:
        db.check_migrations(0)
    except TimeoutError:
        return False
    return True


@contextmanager
def _airflow(settings: Settings, environment: Mapping[str, str] | None) -> Iterator[None]:
    """The environment of the embedded installation, with Airflow's chatter in a file.

    Whoever wants to show progress meanwhile writes to a duplicate of the terminal's descriptor made before.
    """
    variables = environment or embedded_environment(settings)
    home = Path(variables["AIRFLOW_HOME"])
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME", str(home)) != str(home):
        raise SplitmileError(
            f"Airflow runs in this process already with AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}, so it cannot run with {home} as well; "
            "use a process for each."
        )
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(variables)
    with output_to(run_log(settings)):
        yield


@contextmanager
def output_to(log_file: Path) -> Iterator[None]:
    """Send whatever this process and its children print, by whatever way, to a file; put it back at the end."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    streams = (sys.stdout, sys.stderr)
    with log_file.open("ab") as log, ExitStack() as stack:
        for stream in streams:
            stream.flush()
        for descriptor in (1, 2):
            saved = os.dup(descriptor)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, descriptor)
            os.dup2(log.fileno(), descriptor)
        try:
            yield
        finally:
            for stream in streams:
                stream.flush()


def _settings_environment(settings: Settings) -> dict[str, str]:
    variables: dict[str, str] = {}

    def add(prefix: str, section: BaseModel) -> None:
        for name in type(section).model_fields:
            value = getattr(section, name)
            variable = f"{prefix}{name.upper()}"
            if isinstance(value, BaseModel):
                add(f"{variable}__", value)
            elif value is not None:
                variables[variable] = str(value)

    add("SPLITMILE_", settings)
    return {**variables, "SPLITMILE_PROJECT_DIR": str(settings.project_dir), "SPLITMILE_STATE_DIR": str(settings.state)}
