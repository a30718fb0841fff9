"""What is replayed: the dates that changed, everything when the measures did, and nothing else."""

from __future__ import annotations

import shutil
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from redshift_target import ENGINES
from splitmile.settings import BusinessDay, Settings
from splitmile.transform import TransformReport, build_marts, dbt
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse

FIRST, SECOND, THIRD, FOURTH = (date(2026, 3, day) for day in (2, 3, 4, 5))

on_both_engines = pytest.mark.parametrize("engine", ENGINES)


def _deliver(warehouse: Warehouse, name: str, day: date) -> None:
    row = {
        "delivery_id": name,
        "courier_id": "c",
        "store_id": "s",
        "ordered_at": datetime.combine(day, time(3)),
        "delivered_at": datetime.combine(day, time(4)),
        "status": "delivered",
        "partition_date": day,
        "object_number": 1,
        "line_number": 1,
    }
    warehouse.append("landing.deliveries", [row])
    _change(warehouse, day)


def _change(warehouse: Warehouse, day: date, load_id: str = "l") -> None:
    earlier = warehouse.fetch("select count(*) as n from ops.changed_dates")[0]["n"]
    changed_at = datetime.combine(THIRD, time(6)) + timedelta(minutes=earlier)
    warehouse.append("ops.changed_dates", [{"feed": "deliveries", "business_date": day, "load_id": load_id, "changed_at": changed_at}])


def _build(settings: Settings, as_of: date, access: RedshiftAccess | None = None) -> TransformReport:
    (report,) = build_marts(settings, as_of, access)
    return report


def _unit_days(settings: Settings, access: RedshiftAccess | None) -> dict[date, int]:
    with open_warehouse(settings, access) as warehouse:
        rows = warehouse.fetch("select business_date, orders from marts.unit_days where unit_type = 'courier'")
    return {row["business_date"]: row["orders"] for row in rows}


@pytest.mark.slow
@on_both_engines
def test_only_changed_dates_up_to_the_run_are_replayed(settings: Settings, access: RedshiftAccess | None) -> None:
    with open_warehouse(settings, access) as warehouse:
        for name, day in (("a", FIRST), ("b", SECOND), ("c", THIRD)):
            _deliver(warehouse, name, day)
        # Of a date that no run has reached.
        _deliver(warehouse, "d", FOURTH)
    _build(settings, THIRD, access)
    assert _unit_days(settings, access) == {FIRST: 1, SECOND: 1, THIRD: 1}
    assert _build(settings, THIRD, access).replay_from == FOURTH
    with open_warehouse(settings, access) as warehouse:
        _deliver(warehouse, "late", SECOND)
    # What was built up to the third date stays true, whatever date is run.
    assert _build(settings, FIRST, access).replay_from == SECOND
    assert _unit_days(settings, access) == {FIRST: 1, SECOND: 2, THIRD: 1}
    assert _build(settings, THIRD, access).replay_from == FOURTH


def test_duckdb_writes_the_rows_of_a_date_once(settings: Settings) -> None:
    for name, day in (("a", FIRST), ("b", SECOND)):
        with open_warehouse(settings) as warehouse:
            _deliver(warehouse, name, day)
        report = _build(settings, day)
    assert {cost.model: cost.rows_written for cost in report.costs}["delivery_observations"] == 1


@pytest.mark.slow
@on_both_engines
def test_views_are_made_again_when_one_is_gone(settings: Settings, access: RedshiftAccess | None) -> None:
    def made() -> set[str]:
        """Models and tests of a run that are of a view or the calendar."""
        about = {"calendar", "stg_deliveries", "experiment_unit_days", "unique_grain_stg_deliveries_delivery_id"}
        return {cost.model for cost in _build(settings, FIRST, access).costs} & about

    everything = made()
    assert len(everything) == 4
    # Their tests are run all the same: they are of rows, which come anew each day.
    assert made() == {"unique_grain_stg_deliveries_delivery_id"}
    with open_warehouse(settings, access) as warehouse:
        warehouse.execute("drop view marts.experiment_unit_days")
    assert made() == everything


@pytest.mark.slow
def test_views_are_made_again_when_the_sql_of_any_model_may_be_another(settings: Settings, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(settings.path(settings.dbt_project_dir), project)
    own = settings.model_copy(update={"dbt_project_dir": project, "metrics_dir": settings.path(settings.metrics_dir)})

    def made() -> bool:
        return "calendar" in {cost.model for cost in _build(own, FIRST).costs}

    assert made()
    macro, model = project / "macros" / "dates.sql", project / "models" / "staging" / "stg_variants.sql"
    macro.write_text(macro.read_text().replace("cast('{{ var(variable) }}' as date)", "date('{{ var(variable) }}')"))
    assert made()
    model.write_text(model.read_text() + "\n-- Another.")
    assert made()
    with open_warehouse(own) as warehouse:
        warehouse.append("registry.experiment_metrics", [{"experiment_id": "e", "metric": "orders", "role": "primary", "kind": "ratio"}])
    assert made()
    with open_warehouse(own) as warehouse:
        # As if a run had made the others anew, and failed before this one.
        warehouse.execute("comment on table marts.unit_days is 'Definition of yesterday'")
    assert made()
    assert not made()
    with open_warehouse(own) as warehouse:
        # As if everything had been built again, and a test had failed in the end: it is built again once more, and says so.
        warehouse.execute("update ops.transform_runs set fingerprint = 'of yesterday'")
    assert made()
    assert not made()


@pytest.mark.slow
@on_both_engines
def test_a_date_that_lost_all_its_rows_is_emptied(settings: Settings, access: RedshiftAccess | None) -> None:
    with open_warehouse(settings, access) as warehouse:
        _deliver(warehouse, "a", FIRST)
        _deliver(warehouse, "b", SECOND)
    _build(settings, SECOND, access)
    with open_warehouse(settings, access) as warehouse:
        warehouse.execute("delete from landing.deliveries where delivery_id = 'a'")
        _change(warehouse, FIRST)
    _build(settings, SECOND, access)
    assert _unit_days(settings, access) == {SECOND: 1}


@pytest.mark.slow
@on_both_engines
def test_another_business_day_builds_every_date_again(settings: Settings, access: RedshiftAccess | None) -> None:
    with open_warehouse(settings, access) as warehouse:
        _deliver(warehouse, "a", FIRST)
        _deliver(warehouse, "b", SECOND)
    assert not _build(settings, SECOND, access).is_full_refresh
    moved = settings.model_copy(update={"business_day": BusinessDay(timezone="Asia/Seoul", cutover_hour=20)})
    assert _build(moved, SECOND, access).is_full_refresh
    assert _unit_days(moved, access) == {date(2026, 3, 1): 1, FIRST: 1}
    assert not _build(moved, SECOND, access).is_full_refresh


def test_a_load_that_ends_while_dbt_runs_stays_pending(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_warehouse(settings) as warehouse:
        _deliver(warehouse, "a", SECOND)
    invoke = dbt.invoke

    def overtaken(*arguments: Any, **named: Any) -> Any:
        with open_warehouse(settings) as warehouse:
            # It began before the load that the run has seen.
            _change(warehouse, FIRST, "slow")
            warehouse.execute("update ops.changed_dates set changed_at = '2026-03-01' where load_id = 'slow'")
        return invoke(*arguments, **named)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(dbt, "invoke", overtaken)
        assert _build(settings, SECOND).changed_dates == (SECOND,)
    assert _build(settings, SECOND).changed_dates == (FIRST,)


def test_a_new_measure_gets_its_column(settings: Settings, tmp_path: Path) -> None:
    with open_warehouse(settings) as warehouse:
        _deliver(warehouse, "a", FIRST)
    _build(settings, FIRST)
    metrics = tmp_path / "metrics"
    shutil.copytree(settings.path(settings.metrics_dir), metrics)
    text = (metrics / "deliveries.yml").read_text()
    line = '      - {name: orders, agg: sum, expr: "1", description: Orders placed.}\n'
    assert line in text
    (metrics / "deliveries.yml").write_text(text.replace(line, line + '      - {name: twice, agg: sum, expr: "2", description: Two.}\n'))
    own = settings.model_copy(update={"metrics_dir": metrics})
    assert _build(own, FIRST).is_full_refresh
    with open_warehouse(own) as warehouse:
        assert warehouse.fetch("select twice from marts.unit_days where unit_type = 'courier'") == [{"twice": 2}]
