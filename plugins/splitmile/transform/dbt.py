"""dbt in this process: one project, one manifest, one invocation at a time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitmile.errors import TransformFailed
from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import RedshiftAccess

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_DATABASE = "SPLITMILE_DBT_REDSHIFT_DATABASE"


class NodesFailed(TransformFailed):
    """dbt ran, and some of its nodes failed.

    Attributes:
        results: dbt's results of all nodes, those that failed and those that were skipped included.
    """

    def __init__(self, message: str, results: Sequence[Any] = ()) -> None:
        """Take the words for people, and the results."""
        super().__init__(message)
        self.results = results


def project_environment(settings: Settings) -> dict[str, str]:
    """The environment variables by which `dbt_project.yml` and `profiles.yml` learn this installation's paths."""
    return {
        "SPLITMILE_DBT_METRICS": os.path.relpath(settings.path(settings.metrics_dir), settings.path(settings.dbt_project_dir)),
        "SPLITMILE_DBT_DUCKDB_PATH": str(settings.warehouse_file),
        "SPLITMILE_DBT_MEMORY_LIMIT": settings.warehouse.memory_limit,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def project_vars(settings: Settings) -> dict[str, Any]:
    """The dbt variables that come from the settings."""
    day = settings.business_day
    return {"timezone": day.timezone, "cutover_hour": day.cutover_hour, "fixed_offset_minutes": day.fixed_offset_minutes}


def parse(settings: Settings, access: RedshiftAccess | None = None) -> Manifest:
    """The project's manifest, parsed again only after one of its files changed.

    Nothing is connected to. The name of the database is part of the manifest, and all that is taken from `access`: a password that
    rotates changes nothing here.

    Args:
        settings: Say where the project is, and which engine it is parsed for.
        access: Of the Redshift that the models are to be built on; not needed to read the metrics.

    Raises:
        TransformFailed: dbt cannot parse the project or the metrics folder; dbt's words say where.
    """
    metrics = settings.path(settings.metrics_dir)
    if not metrics.is_dir():
        raise TransformFailed(f"{metrics} is no folder; metrics_dir must name a folder of dbt metric files (docs/metrics.md)")
    source = _Source(
        engine=settings.warehouse.engine,
        project_dir=settings.path(settings.dbt_project_dir),
        metrics_dir=metrics,
        business_day=settings.business_day,
        database=access.database if access else None,
        files=_state_of_files(settings),
        settings=settings,
    )
    return _parse(source)


def manifest_document(settings: Settings) -> dict[str, Any]:
    """The manifest as the JSON document that dbt publishes.

    Every task of a run is a process of its own and needs the metrics, so the document that another one left is read as long as it
    is of the same files; only then is dbt spared, import and all.

    Raises:
        TransformFailed: As in `parse`.
    """
    engine = settings.warehouse.engine
    key = [version("dbt-core"), engine, project_environment(settings), project_vars(settings), _state_of_files(settings)]
    target = settings.dbt_target_dir / f"parsed-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json"
    if not target.is_file():
        manifest = parse(settings)
        for outdated in settings.dbt_target_dir.glob("parsed-*.json"):
            outdated.unlink(missing_ok=True)
        # dbt's own manifest.json is written anew by every command, so a reader could find half of it.
        draft = target.with_suffix(f".{os.getpid()}")
        manifest.write(str(draft))
        draft.replace(target)
    document: dict[str, Any] = json.loads(target.read_text())
    return document


def invoke(
    settings: Settings,
    arguments: Sequence[str],
    variables: Mapping[str, Any],
    *,
    manifest: Manifest,
    access: RedshiftAccess | None = None,
    callbacks: Sequence[Callable[[Any], None]] = (),
) -> Any:
    """Run one dbt command in this process and return its result.

    Everything that dbt has to say goes to `dbt.log` in the state folder's `dbt`; its errors are raised.

    Args:
        settings: The installation.
        arguments: The command and its options.
        variables: dbt's own variables, besides those of the session.
        manifest: The project, parsed.
        access: How to reach Redshift, where it is the warehouse.
        callbacks: Called with each event of dbt's, in the thread that it happens in.

    Raises:
        NodesFailed: Some nodes failed; the message has them in dbt's words.
        TransformFailed: The command ended with another error.
    """
    redshift = settings.warehouse.redshift
    session = {"analyst_role": redshift.analyst_role or "", "statement_timeout_ms": redshift.statement_timeout_seconds * 1000}
    return _run(settings, arguments, {**session, **variables}, _log_in(access) if access else {}, manifest, callbacks)


def _run(
    settings: Settings,
    arguments: Sequence[str],
    variables: Mapping[str, Any],
    log_in: Mapping[str, str],
    manifest: Manifest | None = None,
    callbacks: Sequence[Callable[[Any], None]] = (),
) -> Any:
    # Imported here: dbt takes seconds to import, and most commands never need it.
    from dbt.cli.main import dbtRunner

    project = settings.path(settings.dbt_project_dir)
    target = settings.dbt_target_dir
    target.mkdir(parents=True, exist_ok=True)
    with _environment({**project_environment(settings), **log_in}), _closed_connections(settings):
        outcome = dbtRunner(manifest=manifest, callbacks=list(callbacks)).invoke(
            [
                "--quiet",
                "--log-level=none",
                "--log-level-file=debug",
                f"--log-path={target}",
                *arguments,
                f"--project-dir={project}",
                f"--profiles-dir={project}",
                f"--target={settings.warehouse.engine}",
                f"--target-path={target}",
                f"--vars={json.dumps(dict(variables))}",
            ]
        )
    if outcome.success:
        return outcome.result
    if outcome.exception is not None:
        raise TransformFailed(f"dbt {arguments[0]}: {outcome.exception}. {target / 'dbt.log'} has the whole story.") from outcome.exception
    failed = [r for r in outcome.result.results if r.status not in ("success", "pass", "skipped", "no-op")]
    words = "; ".join(f"{r.node.name}: {r.message}" for r in failed)
    raise NodesFailed(f"dbt {arguments[0]}: {words}. {target / 'dbt.log'} has the whole story.", outcome.result.results)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a manifest is of: installations that differ in nothing of it have one manifest, wherever their state is."""

    engine: str
    project_dir: Path
    metrics_dir: Path
    business_day: BusinessDay
    database: str | None
    files: tuple[tuple[str, int], ...]
    settings: Settings = field(compare=False)


@lru_cache(maxsize=4)
def _parse(source: _Source) -> Manifest:
    return _run(source.settings, ["parse"], project_vars(source.settings), {_DATABASE: source.database} if source.database else {})


def _log_in(access: RedshiftAccess) -> dict[str, str]:
    """The environment variables by which `profiles.yml` reaches Redshift."""
    return {
        "SPLITMILE_DBT_REDSHIFT_HOST": access.host,
        "SPLITMILE_DBT_REDSHIFT_PORT": str(access.port),
        _DATABASE: access.database,
        "SPLITMILE_DBT_REDSHIFT_USER": access.user,
        "SPLITMILE_DBT_REDSHIFT_SSLMODE": access.sslmode,
        "SPLITMILE_DBT_QUERY_GROUP": "splitmile:build_marts",
        "DBT_ENV_SECRET_SPLITMILE_REDSHIFT_PASSWORD": access.password,
    }


def _state_of_files(settings: Settings) -> tuple[tuple[str, int], ...]:
    folders = (settings.path(settings.dbt_project_dir), settings.path(settings.metrics_dir))
    files = {path for folder in folders for path in folder.rglob("*") if path.suffix in (".sql", ".yml", ".yaml")}
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _closed_connections(settings: Settings) -> Iterator[None]:
    """Let go of DuckDB's file at the end: the adapter keeps it open for the life of the process. Redshift's sessions dbt ends itself."""
    try:
        yield
    finally:
        if settings.warehouse.engine == "duckdb":
            from dbt.adapters.duckdb.connections import DuckDBConnectionManager

            DuckDBConnectionManager.close_all_connections()
