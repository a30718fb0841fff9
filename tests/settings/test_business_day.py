"""Zones whose clocks stay as they are, and the business dates that DuckDB computes for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import open_warehouse


@pytest.mark.parametrize(
    ("timezone", "minutes"), [("Asia/Seoul", 540), ("Asia/Kolkata", 330), ("UTC", 0), ("Asia/Singapore", 480), ("America/Bogota", -300)]
)
def test_a_zone_without_changes_has_a_fixed_offset(timezone: str, minutes: int) -> None:
    assert BusinessDay(timezone=timezone).fixed_offset_minutes == minutes


@pytest.mark.parametrize(
    "timezone", ["America/New_York", "Europe/Berlin", "Asia/Almaty", "Asia/Ho_Chi_Minh", "Asia/Pyongyang", "Africa/Cairo"]
)
def test_a_zone_with_changes_has_none(timezone: str) -> None:
    known = {"Asia/Ho_Chi_Minh": 420}
    assert BusinessDay(timezone=timezone).fixed_offset_minutes == known.get(timezone)


@pytest.mark.parametrize("timezone", ["Asia/Seoul", "Asia/Kolkata", "America/New_York"])
def test_duckdb_computes_the_same_date(tmp_path: Path, timezone: str) -> None:
    """Seoul had summer time in 1988, before the offset is known to be fixed."""
    settings = Settings(state_dir=tmp_path, business_day=BusinessDay(timezone=timezone))
    starts = [datetime.fromisoformat(day) for day in ("1988-07-01", "1994-12-31", "2026-03-08", "2054-12-31")]
    instants = [start + timedelta(minutes=17 * step) for start in starts for step in range(200)]
    with open_warehouse(settings) as warehouse:
        found = warehouse.fetch(f"select {warehouse.business_date_sql('x')} as day from (select unnest(?) as x)", [instants])
    assert [row["day"] for row in found] == [settings.business_day.date_of(instant) for instant in instants]
