"""What is replayed: the dates that changed, everything when the measures did, and nothing else."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from splitmile.settings import BusinessDay, Settings
from splitmile.transform import build_marts
from splitmile.warehouse import Warehouse, open_warehouse

FIRST, SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)


def _deliver(warehouse: Warehouse, name: str, day: date) -> None:
    warehouse.execute(
        "insert into raw.deliveries (delivery_id, courier_id, store_id, ordered_at, delivered_at, status, partition_date, object_key, "
        "etag, line_number, load_id) values (?, 'c', 's', cast(? as timestamp) + interval 3 hour, cast(? as timestamp) + interval 4 hour, "
        "'delivered', ?, 'k', 'e', 1, 'l')",
        [name, day, day, day],
    )
    warehouse.execute("insert into ops.changed_dates values ('deliveries', ?, 'l', now(), null)", [day])


def _unit_days(settings: Settings) -> dict[date, int]:
    with open_warehouse(settings) as warehouse:
        rows = warehouse.fetch("select business_date, orders from marts.unit_days where unit_type = 'courier'")
    return {row["business_date"]: row["orders"] for row in rows}


def test_only_changed_dates_up_to_the_run_are_replayed(settings: Settings) -> None:
    with open_warehouse(settings) as warehouse:
        for name, day in (("a", FIRST), ("b", SECOND), ("c", THIRD)):
            _deliver(warehouse, name, day)
    assert build_marts(settings, THIRD).replay_from == FIRST
    assert build_marts(settings, THIRD).replay_from == THIRD
    with open_warehouse(settings) as warehouse:
        _deliver(warehouse, "late", SECOND)
    assert build_marts(settings, FIRST).replay_from == FIRST
    assert _unit_days(settings) == {FIRST: 1, SECOND: 1, THIRD: 1}
    assert build_marts(settings, THIRD).replay_from == SECOND
    assert _unit_days(settings) == {FIRST: 1, SECOND: 2, THIRD: 1}


def test_a_date_that_lost_all_its_rows_is_emptied(settings: Settings) -> None:
    with open_warehouse(settings) as warehouse:
        _deliver(warehouse, "a", FIRST)
        _deliver(warehouse, "b", SECOND)
    build_marts(settings, SECOND)
    with open_warehouse(settings) as warehouse:
        warehouse.execute("delete from raw.deliveries where delivery_id = 'a'")
        warehouse.execute("insert into ops.changed_dates values ('deliveries', ?, 'l', now(), null)", [FIRST])
    build_marts(settings, SECOND)
    assert _unit_days(settings) == {SECOND: 1}


def test_another_business_day_builds_every_date_again(settings: Settings) -> None:
    with open_warehouse(settings) as warehouse:
        _deliver(warehouse, "a", FIRST)
        _deliver(warehouse, "b", SECOND)
    assert not build_marts(settings, SECOND).is_full_refresh
    moved = settings.model_copy(update={"business_day": BusinessDay(timezone="Asia/Seoul", cutover_hour=20)})
    assert build_marts(moved, SECOND).is_full_refresh
    assert _unit_days(moved) == {date(2026, 3, 1): 1, FIRST: 1}
    assert not build_marts(moved, SECOND).is_full_refresh


def test_a_new_measure_gets_its_column(settings: Settings, tmp_path: Path) -> None:
    with open_warehouse(settings) as warehouse:
        _deliver(warehouse, "a", FIRST)
    build_marts(settings, FIRST)
    metrics = tmp_path / "metrics"
    shutil.copytree(settings.path(settings.metrics_dir), metrics)
    text = (metrics / "deliveries.yml").read_text()
    line = '      - {name: orders, agg: sum, expr: "1", description: Orders placed.}\n'
    assert line in text
    (metrics / "deliveries.yml").write_text(text.replace(line, line + '      - {name: twice, agg: sum, expr: "2", description: Two.}\n'))
    own = settings.model_copy(update={"metrics_dir": metrics})
    assert build_marts(own, FIRST).is_full_refresh
    with open_warehouse(own) as warehouse:
        assert warehouse.fetch("select twice from marts.unit_days where unit_type = 'courier'") == [{"twice": 2}]


def test_what_ran_is_kept_with_its_seconds(settings: Settings) -> None:
    report = build_marts(settings, FIRST)
    assert {"unit_days", "experiment_moments"} <= {model.name for model in report.models}
    with open_warehouse(settings) as warehouse:
        rows = warehouse.fetch("select model, seconds from ops.transform_runs where business_date = ?", [FIRST])
    assert len(rows) == len(report.models)
