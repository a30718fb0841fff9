"""What the queries select."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from splitmile.quality.batches import Window
from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import open_warehouse


@pytest.mark.parametrize("cutover_hour", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(
    ("timezone", "around"),
    [
        ("Asia/Seoul", date(2026, 3, 9)),
        ("America/New_York", date(2026, 3, 8)),
        ("America/New_York", date(2026, 11, 1)),
        ("Asia/Beirut", date(2026, 3, 29)),
        ("Asia/Beirut", date(2026, 10, 25)),
    ],
)
def test_window_selects_what_the_warehouse_calls_the_date(tmp_path: Path, timezone: str, around: date, cutover_hour: int) -> None:
    """Clocks that change within the night lose and double no row."""
    settings = Settings(state_dir=tmp_path, business_day=BusinessDay(timezone=timezone, cutover_hour=cutover_hour))
    window = Window(settings.business_day, around)
    with open_warehouse(settings) as warehouse:
        rows = warehouse.fetch(
            f"""
            select {warehouse.business_date_sql("happened_at")} = date '{around}' as is_of_date,
                {window.between("happened_at")} as is_in_window
            from (select timestamp '{around} 00:00:00' + to_minutes(15 * (i - 192)) as happened_at from range(500) as minutes (i))"""
        )
    assert sum(row["is_of_date"] for row in rows) >= 23 * 4
    assert all(row["is_of_date"] == row["is_in_window"] for row in rows)
