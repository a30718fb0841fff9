"""One business date through dbt: replay what changed since the last run, then the moments as of that date."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from splitmile.settings import Settings
from splitmile.transform import dbt
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse, retried_on_conflict

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_UNIT_DAY_MODELS = ("stg_deliveries", "int_deliveries_timed", "unit_days")


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What dbt did with one model or test, and how long it took."""

    name: str
    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TransformReport:
    """What a run of dbt did.

    Attributes:
        business_date: The as-of date.
        replay_from: First business date whose unit-days were built again.
        is_full_refresh: The measures or the business day changed since the last run, so every unit-day was built again.
        models: Models and tests in the order they ran.
    """

    business_date: date
    replay_from: date
    is_full_refresh: bool
    models: tuple[ModelRun, ...]


def build_marts(settings: Settings, business_date: date, access: RedshiftAccess | None = None) -> TransformReport:
    """Build and test every model as of a business date; running it again gives the same rows.

    No session of the warehouse may be open in this process meanwhile: DuckDB has one writer.

    Raises:
        TransformFailed: A model or test failed. What had changed stays pending, so the next run replays it.
    """
    manifest = dbt.parse(settings, access)
    fingerprint = _fingerprint(manifest, settings)
    with open_warehouse(settings, access, "build_marts") as warehouse:
        pending = warehouse.fetch(
            "select load_id, min(business_date) as first_date from ops.changed_dates "
            "where transformed_at is null and business_date <= ? group by load_id",
            [business_date],
        )
        # A run that failed half-way may have rebuilt everything or nothing: only successful ones tell the measures in the table.
        known = warehouse.fetch("select fingerprint from ops.transform_runs where status = 'success' order by ran_at desc limit 1")
    replay_from = min([business_date, *(load["first_date"] for load in pending)])
    is_full_refresh = bool(known) and known[0]["fingerprint"] != fingerprint
    variables = {
        **dbt.project_vars(settings),
        "as_of_date": business_date.isoformat(),
        "replay_from": replay_from.isoformat(),
    }
    arguments = ["build", "--exclude-resource-type=unit_test", *(["--full-refresh"] if is_full_refresh else [])]
    result = dbt.invoke(settings, arguments, variables, manifest=manifest, access=access)
    models = tuple(ModelRun(r.node.name, str(r.status), round(r.execution_time, 3)) for r in result.results)
    report = TransformReport(business_date, replay_from, is_full_refresh, models)
    with open_warehouse(settings, access, "build_marts") as warehouse:
        _record(warehouse, report, fingerprint, [load["load_id"] for load in pending])
    return report


@retried_on_conflict
def _record(warehouse: Warehouse, report: TransformReport, fingerprint: str, loads: Sequence[str]) -> None:
    """Keep what ran, and mark the changes of the loads that it has taken up; those of loads that ended meanwhile stay pending."""
    now = datetime.now(UTC).replace(tzinfo=None)
    run_id = uuid.uuid4().hex
    with warehouse.transaction():
        warehouse.append(
            "ops.transform_runs",
            [
                {
                    "run_id": run_id,
                    "business_date": report.business_date,
                    "replay_from": report.replay_from,
                    "fingerprint": fingerprint,
                    "model": model.name,
                    "status": model.status,
                    "seconds": model.seconds,
                    "ran_at": now,
                }
                for model in report.models
            ],
        )
        if loads:
            warehouse.execute(
                "update ops.changed_dates set transformed_at = ? where transformed_at is null and business_date <= ? "
                f"and load_id in ({', '.join('?' for _ in loads)})",
                [now, report.business_date, *loads],
            )


def _fingerprint(manifest: Manifest, settings: Settings) -> str:
    """What unit-days depend on besides the rows: their SQL, the measures and the business day."""
    models = sorted((node.name, node.checksum.checksum) for node in manifest.nodes.values() if node.name in _UNIT_DAY_MODELS)
    measures = [
        (measure.name, str(measure.agg), measure.expr)
        for semantic_model in manifest.semantic_models.values()
        for measure in semantic_model.measures
    ]
    return hashlib.sha256(json.dumps([models, measures, dbt.project_vars(settings)], default=str).encode()).hexdigest()
