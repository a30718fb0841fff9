from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from typer.testing import CliRunner

from splitmile.settings import Settings

EXAMPLE = Settings().project_dir / "examples" / "courier_csv"
CLOCKS = ("9:10:00 AM", "9:12:30 AM", "9:31:00 AM", "10:02:00 AM")


@pytest.fixture(scope="module")
def convert() -> ModuleType:
    spec = importlib.util.spec_from_file_location("courier_csv_convert", EXAMPLE / "convert.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def order(convert: ModuleType, number: int, **changes: object) -> dict[str, object]:
    """An invented row in the public table's layout."""
    row: dict[str, object] = {
        "Order No": f"O{number}", "User Id": f"U{number % 3}", "Rider Id": f"R{number % 2}", "Distance (KM)": 4,
        "Pickup Lat": -1.2811, "Pickup Long": 36.8172, "Destination Lat": -1.301, "Destination Long": 36.781,
    }  # fmt: skip
    for step, clock in zip(convert.STEPS.values(), CLOCKS, strict=True):
        row |= {f"{step} - Day of Month": 9, f"{step} - Time": clock}
    return row | changes


def test_a_row_becomes_a_delivery(convert: ModuleType):
    rows, left_out = convert.to_deliveries(pd.DataFrame([order(convert, 1)]), "2026-03", "Africa/Nairobi")
    row = rows.iloc[0]
    assert left_out == 0
    assert row["ordered_at"] == datetime(2026, 3, 9, 6, 10, tzinfo=UTC)
    assert row["delivered_at"] == datetime(2026, 3, 9, 7, 2, tzinfo=UTC)
    assert (row["store_id"], row["zone_id"], row["distance_m"], row["status"]) == ("-1.281,36.817", "-1.3,36.78", 4000, "delivered")


def test_a_step_on_an_earlier_day_of_the_month_is_in_the_next_month(convert: ModuleType):
    late = order(convert, 1, **{f"{step} - Day of Month": 31 for step in convert.STEPS.values()})
    late |= {"Arrival at Destination - Day of Month": 1, "Arrival at Destination - Time": "12:15:00 AM"}
    rows, _ = convert.to_deliveries(pd.DataFrame([late]), "2026-03", "Africa/Nairobi")
    assert rows.iloc[0]["delivered_at"] == datetime(2026, 3, 31, 21, 15, tzinfo=UTC)


def test_rows_without_an_id_or_an_instant_are_left_out_and_counted(convert: ModuleType):
    orders = pd.DataFrame([order(convert, 1), order(convert, 2, **{"Order No": None}), order(convert, 3, **{"Placement - Time": "soon"})])
    rows, left_out = convert.to_deliveries(orders, "2026-03", "Africa/Nairobi")
    assert (len(rows), left_out) == (1, 2)


def test_a_missing_column_is_named(convert: ModuleType):
    with pytest.raises(convert.ColumnsMissing, match="no column 'Rider Id'"):
        convert.to_deliveries(pd.DataFrame([order(convert, 1)]).drop(columns="Rider Id"), "2026-03", "Africa/Nairobi")


def test_the_command_writes_feeds_and_says_what_it_found(convert: ModuleType, tmp_path: Path):
    source = tmp_path / "orders.csv"
    pd.DataFrame([order(convert, n) for n in range(6)]).to_csv(source, index=False)
    app = convert.typer.Typer()
    app.command()(convert.main)
    result = CliRunner().invoke(app, [str(source), str(tmp_path / "feeds")])
    assert result.exit_code == 0, result.output
    assert "6 deliveries of 2 couriers and 3 customers, 5 exposures" in result.output
    assert "made up" in result.output
    written = sorted(str(path.relative_to(tmp_path / "feeds")) for path in (tmp_path / "feeds").rglob("*.*") if path.is_file())
    assert written == ["deliveries/date=2026-03-09/part-00000.parquet", "exposures/date=2026-03-09/exposures.jsonl.gz"]
