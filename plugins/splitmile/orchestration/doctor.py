"""What is missing or misconfigured in an installation, and the remedy."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splitmile.errors import SplitmileError
from splitmile.orchestration.embedded import AWS_VARIABLE, use_airflow_outside
from splitmile.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        subject: What was looked at.
        is_fine: Nothing has to be done.
        detail: What was found, and where it is not fine, what to do.
    """

    subject: str
    is_fine: bool
    detail: str


def examine(load: Callable[[], Settings] = load_settings) -> list[Finding]:
    """Look at everything that a run needs; what rests on a broken part is not looked at."""
    findings = [_python(), _programs()]
    try:
        settings = load()
    except SplitmileError as error:
        return [*findings, Finding("settings", False, str(error))]
    findings.append(Finding("settings", True, f"project {settings.project_dir}, state {settings.state}, {settings.warehouse.engine}"))
    for subject, look in (
        ("folders", _folders),
        ("state", _state),
        ("experiments", _experiments),
        ("object store", _object_store),
        ("warehouse", _warehouse),
        ("Slack", _slack),
    ):
        try:
            findings.append(Finding(subject, True, look(settings)))
        except SplitmileError as error:
            findings.append(Finding(subject, False, str(error)))
    return findings


def _python() -> Finding:
    found = f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    is_fine = sys.version_info[:2] == (3, 11)
    return Finding("Python", is_fine, found if is_fine else f"{found}; Splitmile needs 3.11: make the environment with `make setup`")


def _programs() -> Finding:
    folder = Path(sys.executable).parent
    missing = [name for name in ("airflow", "rclone") if not (folder / name).exists() and shutil.which(name) is None]
    missing += [name for name in ("airflow", "dbt", "great_expectations", "duckdb") if importlib.util.find_spec(name) is None]
    if missing:
        return Finding("packages", False, f"missing: {', '.join(sorted(set(missing)))}; run `make setup`")
    return Finding("packages", True, "Airflow, dbt, Great Expectations, DuckDB and rclone are installed")


def _folders(settings: Settings) -> str:
    for name in ("dags", "plugins"):
        if not settings.path(name).is_dir():
            raise SplitmileError(f"{settings.path(name)} is missing; set project_dir to the folder that has it")
    for key in ("experiments_dir", "metrics_dir", "dbt_project_dir"):
        folder = settings.path(getattr(settings, key))
        if not folder.is_dir():
            raise SplitmileError(f"{key} is {folder}, which is no folder; correct it in splitmile.toml")
    return f"experiments in {settings.path(settings.experiments_dir)}, metrics in {settings.path(settings.metrics_dir)}"


def _state(settings: Settings) -> str:
    settings.state.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.state, os.W_OK):
        raise SplitmileError(f"{settings.state} cannot be written; change its owner or set state_dir")
    free = shutil.disk_usage(settings.state).free / 2**30
    if free < 1:
        raise SplitmileError(f"{settings.state} has {free:.1f} GiB free; make room, 1 GiB at least")
    return f"{settings.state}, {free:.0f} GiB free"


def _experiments(settings: Settings) -> str:
    from splitmile.transform import read_registry

    registry = read_registry(settings)
    if registry.problems:
        raise SplitmileError(f"`splitmile validate` lists every problem ({len(registry.problems)}). The first: {registry.problems[0]}")
    return f"{len(registry.plans)} experiments, all valid"


def _object_store(settings: Settings) -> str:
    if AWS_VARIABLE not in os.environ and settings.warehouse.engine == "duckdb":
        return f"embedded, over {settings.state / 's3'} (no {AWS_VARIABLE} in the environment)"
    from splitmile.orchestration.connections import open_store

    store = open_store(settings)
    next(iter(store.list_objects(settings.feeds.prefix)), None)
    return f"{store.url(settings.feeds.prefix)} can be listed"


def _warehouse(settings: Settings) -> str:
    from splitmile.orchestration.connections import open_warehouse

    impatient = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"busy_timeout_seconds": 2.0})})
    with open_warehouse(impatient, "doctor") as warehouse:
        loads = warehouse.fetch("select count(*) as objects, max(partition_date) as newest from ops.load_ledger")[0]
    newest = f", newest partition {loads['newest']}" if loads["newest"] else ""
    where = settings.warehouse_file if settings.warehouse.engine == "duckdb" else "Redshift of the connection redshift_default"
    return f"{where} opens; {loads['objects']} objects loaded{newest}"


def _slack(settings: Settings) -> str:
    if "AIRFLOW_CONN_SLACK_API_DEFAULT" not in os.environ:
        return "no AIRFLOW_CONN_SLACK_API_DEFAULT in the environment: the digest is printed, with a preview among the report pages"
    from splitmile.orchestration.connections import slack_client

    use_airflow_outside(settings)
    client = slack_client()
    if client is None:
        raise SplitmileError("the connection slack_api_default has no token; give it a bot token with chat:write")
    try:
        who = client.auth_test()
    except Exception as error:
        raise SplitmileError(f"Slack refused the token of slack_api_default: {error}; make a new bot token with chat:write") from error
    return f"signed in to {who.get('team')} as {who.get('user')}, posting to {settings.publishing.slack_channel}"
