"""The embedded warehouse: parameters, transactions, one writer, and the business date of the settings."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from splitmile.errors import WarehouseBusy, WarehouseError
from splitmile.settings import BusinessDay, Settings, WarehouseSettings
from splitmile.warehouse import Warehouse, create_tables, open_warehouse
from splitmile.warehouse.tables import TABLES

WARNING = {
    "load_id": "l",
    "feed": "deliveries",
    "partition_date": date(2026, 3, 2),
    "message": "it's odd",
    "warned_at": datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None),
}


def test_its_tables_are_there_and_can_be_made_again(warehouse: Warehouse) -> None:
    create_tables(warehouse)
    for table in TABLES:
        assert warehouse.fetch(f"select count(*) as n from {table}") == [{"n": 0}]


def test_rows_go_in_by_name_and_come_out_as_they_were(warehouse: Warehouse) -> None:
    warehouse.append("ops.feed_warnings", [])
    warehouse.append("ops.feed_warnings", [dict(reversed(WARNING.items())), WARNING])
    assert warehouse.fetch("select * from ops.feed_warnings where message = ?", ["it's odd"]) == [WARNING, WARNING]
    assert list(warehouse.fetch_frame("select feed, message from ops.feed_warnings")["message"]) == ["it's odd"] * 2


def test_all_of_a_transaction_or_nothing(warehouse: Warehouse) -> None:
    with warehouse.transaction():
        warehouse.append("ops.feed_warnings", [WARNING])
    with pytest.raises(WarehouseError), warehouse.transaction():  # noqa: PT012 (a transaction of one statement shows nothing)
        warehouse.execute("delete from ops.feed_warnings")
        warehouse.execute("insert into nowhere values (1)")
    assert len(warehouse.fetch("select * from ops.feed_warnings")) == 1


def test_what_is_refused_is_told_with_the_statement(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"^select nothing from nowhere …: .*nowhere"):
        warehouse.fetch("\n  select nothing from nowhere\n  where true")
    with pytest.raises(WarehouseError, match="is no plain table and column names"):
        warehouse.append("ops.feed_warnings; drop table x", [WARNING])
    with pytest.raises(WarehouseError, match="NOT NULL"):
        warehouse.append("ops.feed_warnings", [WARNING | {"feed": None}])


@pytest.mark.parametrize(
    "day", [BusinessDay(), BusinessDay(timezone="America/New_York", cutover_hour=3), BusinessDay(timezone="UTC", cutover_hour=0)]
)
def test_the_business_date_is_that_of_the_settings(settings: Settings, day: BusinessDay) -> None:
    # Two days around the night of 8 March 2026, when New York's clocks skip an hour, at intervals that no hour is a multiple of.
    instants = [datetime(2026, 3, 7, tzinfo=UTC) + timedelta(minutes=37 * step) for step in range(80)]
    instants.append(day.starts_at(date(2026, 3, 8)))
    with open_warehouse(settings.model_copy(update={"business_day": day})) as warehouse:
        for instant in instants:
            naive = instant.replace(tzinfo=None)
            sql = f"select {warehouse.business_date_sql('cast(? as timestamp)')} as business_date"
            assert warehouse.fetch(sql, [naive]) == [{"business_date": day.date_of(instant)}]


def test_a_second_process_waits_for_the_first_and_then_says_who_holds_it(settings: Settings, tmp_path: Path) -> None:
    settings.warehouse_file.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()",
            settings.warehouse_file,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        impatient = settings.model_copy(update={"warehouse": WarehouseSettings(busy_timeout_seconds=0.3)})
        with (
            pytest.raises(WarehouseBusy, match=r"warehouse\.duckdb is held by another process for more than 0\.3 s"),
            open_warehouse(impatient),
        ):
            pass
    finally:
        holder.communicate("\n")
    with open_warehouse(settings) as warehouse:
        assert warehouse.fetch("select 1 as one") == [{"one": 1}]


def test_a_file_that_is_no_database_is_named(settings: Settings) -> None:
    settings.warehouse_file.parent.mkdir(parents=True)
    settings.warehouse_file.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb cannot be opened"), open_warehouse(settings):
        pass
