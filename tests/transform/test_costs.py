"""The cost report: what dbt's statements took by the engine's own account, on a small project whose figures are known."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from splitmile.settings import Settings
from splitmile.transform import dbt
from splitmile.transform.costs import DBT, CostCollector, ModelCost, cost_table, record_costs, redshift_figures
from splitmile.warehouse import RedshiftAccess, open_warehouse

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROFILES = Path(__file__).parents[2] / "dbt_project" / "profiles.yml"
PROJECT = """
name: small
version: "1.0"
profile: splitmile
query-comment: {comment: '{{ tojson({"invocation_id": invocation_id, "node": node.unique_id if node else none}) }}', append: true}
on-run-end: "create table if not exists {{ target.schema }}.kept (one bigint)"
"""
MODELS = {
    "numbers.sql": "{{ config(materialized='table') }} select sequence, partition_date from {{ source('landing', 'rows') }}",
    "few.sql": "{{ config(materialized='view') }} select sequence from {{ ref('numbers') }} where sequence < 10",
    "grown.sql": (
        "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='sequence') }}"
        " select sequence from {{ ref('few') }}"
    ),
    "_models.yml": (
        "sources: [{name: landing, schema: landing, tables: [{name: rows}]}]\n"
        "models: [{name: few, columns: [{name: sequence, data_tests: [not_null]}]}]\n"
    ),
}


@pytest.fixture
def small_project(settings: Settings, tmp_path: Path) -> Settings:
    project = tmp_path / "small"
    (project / "metrics").mkdir(parents=True)
    (project / "models").mkdir()
    (project / "dbt_project.yml").write_text(PROJECT)
    shutil.copy(PROFILES, project)
    for name, text in MODELS.items():
        (project / "models" / name).write_text(text)
    return settings.model_copy(update={"dbt_project_dir": project, "metrics_dir": project / "metrics"})


def _invoked(settings: Settings, access: RedshiftAccess | None, manifest: Manifest) -> tuple[CostCollector, Any]:
    collector = CostCollector()
    return collector, dbt.invoke(settings, ["build"], {}, manifest=manifest, access=access, callbacks=[collector])


def _built(settings: Settings) -> dict[str, ModelCost]:
    collector, result = _invoked(settings, None, dbt.parse(settings))
    return {cost.model: cost for cost in collector.costs(result.results)}


def test_duckdb_tells_rows_and_bytes_of_each_node(small_project: Settings) -> None:
    with open_warehouse(small_project) as warehouse:
        warehouse.execute("create table landing.rows as select range as sequence, date '2026-03-02' as partition_date from range(1000)")
    _built(small_project)
    again = _built(small_project)
    rows = {name: (cost.resource_type, cost.rows_written, cost.rows_read) for name, cost in again.items()}
    assert rows == {
        "numbers": ("model", 1000, 1000),
        "few": ("model", 0, 0),
        # Ten rows into a temporary table, from there into the model; 1,000 + 10 are read for it.
        "grown": ("model", 20, 1010),
        # The test's rows are fetched, and its profile is read all the same.
        "not_null_few_sequence": ("test", 0, 1000),
        "small-on-run-end-0": ("operation", 0, 0),
        DBT: ("session", 0, 0),
    }
    assert all(cost.statements > 0 and cost.peak_memory_bytes > 0 for cost in again.values())
    assert all(0 < cost.sql_seconds <= cost.seconds for name, cost in again.items())


@pytest.mark.redshift
@pytest.mark.parametrize("engine", ["redshift"])
def test_redshift_tells_rows_by_the_comment_of_each_statement(small_project: Settings, access: RedshiftAccess) -> None:
    with open_warehouse(small_project, access) as warehouse:
        warehouse.execute("create table landing.rows (sequence bigint, partition_date date)")
        warehouse.append("landing.rows", [{"sequence": sequence, "partition_date": date(2026, 3, 2)} for sequence in range(30)])
    manifest = dbt.parse(small_project, access)
    started_at = datetime.now(UTC).replace(tzinfo=None)
    _invoked(small_project, access, manifest)
    collector, result = _invoked(small_project, access, manifest)
    with open_warehouse(small_project, access) as warehouse:
        figures = redshift_figures(warehouse, collector.invocation_id, started_at)
    costs = {cost.model: cost for cost in collector.costs(result.results, figures)}
    # The first invocation's rows are not among them, though all its statements are in the same views; of a view nothing is told.
    assert {name: cost.rows_written for name, cost in costs.items()} == {
        "numbers": 30,
        "few": None,
        "grown": 20,
        "not_null_few_sequence": None,
        "small-on-run-end-0": None,
        DBT: None,
    }
    assert all(0 < cost.sql_seconds <= cost.seconds and cost.peak_memory_bytes is None for name, cost in costs.items() if name != DBT)


def test_what_a_run_took_is_kept_and_shown(settings: Settings) -> None:
    costs = [
        ModelCost("unit_days", "model", "success", 0.25, 0.2, 5, 12345, 99000, 2_500_000, 4_000_000),
        ModelCost("unique_grain", "test", "pass", 1.5, 1.25, 1, None, None, None, None),
        ModelCost("calendar", "model", "success", 0.125, 0.1, 2, 10, None, None, 5_000_000),
        ModelCost(DBT, "session", "success", 3.0, 0.5, 7, None, None, None, None),
    ]
    with open_warehouse(settings) as warehouse:
        record_costs(warehouse, "run", date(2026, 3, 2), costs, datetime.combine(date(2026, 3, 3), time(6)))
        kept = warehouse.fetch("select * from ops.model_costs order by seconds desc")
    assert [row["model"] for row in kept] == [DBT, "unique_grain", "unit_days", "calendar"]
    assert (kept[1]["rows_read"], kept[1]["peak_memory_bytes"], kept[2]["rows_read"]) == (None, None, 99000)
    # A figure that is unknown is empty, and sums leave it out.
    assert (
        cost_table(costs)
        == """\
model         type     status   seconds    sql  statements  rows written  rows read  MB read  peak MB
unique_grain  test     pass       1.500  1.250           1
unit_days     model    success    0.250  0.200           5        12,345     99,000      2.5      4.0
calendar      model    success    0.125  0.100           2            10                          5.0
all of these                      1.875  1.550           8        12,355     99,000      2.5      5.0
dbt           session  success    3.000  0.500           7"""
    )
