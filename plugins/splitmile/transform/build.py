"""dbt for one as-of date or a range of them: the state that late data changed is made again, then the results."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from splitmile.settings import Settings
from splitmile.transform import dbt
from splitmile.transform.costs import CostCollector, ModelCost, record_costs, redshift_figures
from splitmile.transform.replay import Built, Replay, plan_replay, read_built
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse, retried_on_conflict

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_STATE_MODELS = (
    "stg_deliveries",
    "int_deliveries_timed",
    "unit_days",
    "unit_totals",
    "experiment_units",
    "experiment_unit_windows",
    "experiment_exposures_daily",
    "delivery_observations",
    "experiment_histograms",
    "switchback_window_days",
    "switchback_exposures_daily",
)

_DATES_A_RUN = 31
"""As-of dates of one run of dbt: the running sums of all of them are there at once."""


@dataclass(frozen=True, slots=True)
class TransformReport:
    """What a run of dbt did.

    Attributes:
        first_date, last_date: The as-of dates.
        replay_from: First business date whose rows had changed; the day after the last one built where none had.
        changed_dates: Business dates whose unit-days were made again.
        is_full_refresh: The measures, the metrics or the business day changed since the last run, so everything was built again.
        costs: What models, tests and hooks took, in the order they ran, and last dbt itself.
    """

    first_date: date
    last_date: date
    replay_from: date
    changed_dates: tuple[date, ...]
    is_full_refresh: bool
    costs: tuple[ModelCost, ...]


def build_marts(
    settings: Settings, business_date: date, access: RedshiftAccess | None = None, *, first_date: date | None = None
) -> tuple[TransformReport, ...]:
    """Build and test every model as of a business date, or of all dates from a first one on; running it again gives the same rows.

    No session of the warehouse may be open in this process meanwhile: DuckDB has one writer.

    Returns:
        One report a run of dbt: one, but for a range longer than a month.

    Raises:
        TransformFailed: A model or test failed. What had changed stays pending, so the next run replays it.
    """
    first = first_date or business_date
    reports = []
    while first <= business_date:
        last = min(business_date, first + timedelta(days=_DATES_A_RUN - 1))
        reports.append(_build(settings, first, last, access))
        first = last + timedelta(days=1)
    return tuple(reports)


def _build(settings: Settings, first_date: date, last_date: date, access: RedshiftAccess | None) -> TransformReport:
    manifest = dbt.parse(settings, access)
    with open_warehouse(settings, access, "build_marts") as warehouse:
        built = read_built(warehouse)
        known = warehouse.fetch("select fingerprint from ops.transform_runs order by ran_at desc limit 1")
        fingerprint, definition = _fingerprint(manifest, settings, built), _definition(manifest, settings, built)
        is_full_refresh = bool(known) and known[0]["fingerprint"] != fingerprint
        is_defined = not is_full_refresh and _is_defined(warehouse, manifest, definition)
    replay = plan_replay(settings, built, first_date, last_date, is_full_refresh=is_full_refresh)
    variables = {
        **dbt.project_vars(settings),
        **replay.variables(settings.business_day),
        "used_metrics": list(built.used_metrics),
        "unit_types": list(built.unit_types),
        "definition": definition,
        "is_defined": is_defined,
    }
    arguments = ["build", "--exclude-resource-type=unit_test"]
    if is_full_refresh:
        arguments += ["--full-refresh"]
    elif is_defined:
        arguments += ["--select", "config.materialized:incremental", "resource_type:test"]
    run_id, started_at, collector = uuid.uuid4().hex, _now(), CostCollector()

    def keep_costs(warehouse: Warehouse, results: Sequence[Any]) -> tuple[ModelCost, ...]:
        figures = redshift_figures(warehouse, collector.invocation_id, started_at) if access else None
        costs = collector.costs(results, figures)
        record_costs(warehouse, run_id, last_date, costs, _now())
        return costs

    try:
        result = dbt.invoke(settings, arguments, variables, manifest=manifest, access=access, callbacks=[collector])
    except dbt.NodesFailed as failure:
        with open_warehouse(settings, access, "build_marts") as warehouse:
            keep_costs(warehouse, failure.results)
        raise
    with open_warehouse(settings, access, "build_marts") as warehouse:
        _record(warehouse, run_id, replay, built, fingerprint)
        costs = keep_costs(warehouse, result.results)
    return TransformReport(first_date, last_date, replay.replay_from, replay.changed_dates, is_full_refresh, costs)


@retried_on_conflict
def _record(warehouse: Warehouse, run_id: str, replay: Replay, built: Built, fingerprint: str) -> None:
    """Keep what was built, mark the changes that were taken up, and drop running sums that are not kept.

    Changes of loads that ended meanwhile stay pending.
    """
    now = _now()
    with warehouse.transaction():
        warehouse.append(
            "ops.transform_runs",
            [
                {
                    "run_id": run_id,
                    "first_date": replay.first_date,
                    "last_date": replay.last_date,
                    "built_to": replay.built_to,
                    "replay_from": replay.replay_from,
                    "refreeze_from": replay.refreeze_from,
                    "fingerprint": fingerprint,
                    "ran_at": now,
                }
            ],
        )
        warehouse.execute("delete from ops.built_experiments")
        warehouse.append(
            "ops.built_experiments",
            [
                {
                    "experiment_id": experiment_id,
                    "definition": experiment.definition,
                    "start_date": experiment.start_date,
                    "end_date": experiment.end_date,
                }
                for experiment_id, experiment in built.experiments.items()
            ],
        )
        if built.pending:
            warehouse.execute(
                "update ops.changed_dates set transformed_at = ? where transformed_at is null and business_date <= ? "
                f"and load_id in ({', '.join('?' for _ in built.pending)})",
                [now, replay.built_to, *built.pending],
            )
        warehouse.execute(
            f"delete from marts.unit_totals where business_date not in ({', '.join('?' for _ in replay.totals_kept)})",
            list(replay.totals_kept),
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _fingerprint(manifest: Manifest, settings: Settings, built: Built) -> str:
    """What the state depends on besides the rows and the experiments: its SQL, measures and metrics, unit types and the business day."""
    models = [model for model in _models(manifest) if model.name in _STATE_MODELS]
    return _hash(_texts(models), *_registered(manifest), list(built.unit_types), dbt.project_vars(settings))


def _definition(manifest: Manifest, settings: Settings, built: Built) -> str:
    """What the SQL of all models depends on besides dates, and who may read them."""
    macros = sorted((macro.unique_id, macro.macro_sql) for macro in manifest.macros.values())
    used = [list(built.unit_types), list(built.used_metrics)]
    role = settings.warehouse.redshift.analyst_role
    return _hash(_texts(_models(manifest)), macros, *_registered(manifest), used, dbt.project_vars(settings), role)


def _is_defined(warehouse: Warehouse, manifest: Manifest, definition: str) -> bool:
    """Whether all models are there by this definition, as their comments tell (macro `tell_definition`).

    Views made again would take half a dozen statements each, and wait for whoever reads them.
    """
    wanted = {(model.schema, model.alias) for model in _models(manifest)}
    return wanted <= warehouse.commented(f"Definition {definition}")


def _models(manifest: Manifest) -> list[Any]:
    return sorted((node for node in manifest.nodes.values() if node.resource_type == "model"), key=lambda model: model.name)


def _texts(models: Sequence[Any]) -> list[tuple[str, str]]:
    return [(model.name, model.checksum.checksum) for model in models]


def _registered(manifest: Manifest) -> tuple[list[Any], list[Any]]:
    """Measures and metrics."""
    measures = [
        (measure.name, str(measure.agg), measure.expr, str(measure.agg_params))
        for semantic_model in manifest.semantic_models.values()
        for measure in semantic_model.measures
    ]
    return measures, sorted((metric.name, str(metric.type_params), str(metric.config.meta)) for metric in manifest.metrics.values())


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
