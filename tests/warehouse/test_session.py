"""What every warehouse can do, on both engines: parameters, transactions, and the business date of the settings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from redshift_target import ENGINES
from splitmile.errors import WarehouseConflict, WarehouseError
from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import RedshiftAccess, Warehouse, create_tables, open_warehouse, retried_on_conflict
from splitmile.warehouse.conflicts import ATTEMPTS
from splitmile.warehouse.tables import TABLES, VIEWS


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines, one after the other."""
    return str(request.param)


WARNING = {
    "load_id": "l",
    "feed": "deliveries",
    "partition_date": date(2026, 3, 2),
    "message": "it's odd",
    "warned_at": datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None),
}


def test_its_tables_are_there_and_can_be_made_again(warehouse: Warehouse) -> None:
    create_tables(warehouse)
    for table in (*TABLES, *VIEWS):
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


def test_tables_and_views_are_found_by_their_comment(warehouse: Warehouse) -> None:
    warehouse.execute("comment on table ops.feed_warnings is 'here'")
    warehouse.execute("comment on column ops.feed_warnings.message is 'here'")
    warehouse.execute("create view ops.some_warnings as select message from ops.feed_warnings")
    warehouse.execute("comment on view ops.some_warnings is 'here'")
    warehouse.execute("comment on table ops.load_ledger is 'here, too'")
    try:
        assert warehouse.commented("here") == {("ops", "feed_warnings"), ("ops", "some_warnings")}
    finally:
        warehouse.execute("drop view ops.some_warnings")
        warehouse.execute("comment on table ops.feed_warnings is null")
        warehouse.execute("comment on column ops.feed_warnings.message is null")
        warehouse.execute("comment on table ops.load_ledger is null")


def test_what_is_refused_is_told_with_the_statement(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"^select nothing from nowhere …: .*nowhere"):
        warehouse.fetch("\n  select nothing from nowhere\n  where true")
    with pytest.raises(WarehouseError, match="is no plain table and column names"):
        warehouse.append("ops.feed_warnings; drop table x", [WARNING])
    with pytest.raises(WarehouseError, match=r"(?i)not[ -]null"):
        warehouse.append("ops.feed_warnings", [WARNING | {"feed": None}])


@pytest.mark.parametrize(
    "day", [BusinessDay(), BusinessDay(timezone="America/New_York", cutover_hour=3), BusinessDay(timezone="UTC", cutover_hour=0)]
)
def test_the_business_date_is_that_of_the_settings(settings: Settings, access: RedshiftAccess | None, day: BusinessDay) -> None:
    # Two days around the night of 8 March 2026, when New York's clocks skip an hour, at intervals that no hour is a multiple of.
    instants = [datetime(2026, 3, 7, tzinfo=UTC) + timedelta(minutes=37 * step) for step in range(80)]
    instants.append(day.starts_at(date(2026, 3, 8)))
    with open_warehouse(settings.model_copy(update={"business_day": day}), access) as warehouse:
        for instant in instants:
            found = warehouse.business_date_sql(f"timestamp '{instant:%Y-%m-%d %H:%M}'")
            assert warehouse.fetch(f"select {found} as business_date") == [{"business_date": day.date_of(instant)}]


def test_values_keep_their_types(warehouse: Warehouse) -> None:
    row = warehouse.fetch(
        "select cast(? as bigint) as n, cast(? as double precision) as x, cast(? as decimal(38, 0)) as big, cast(? as boolean) as flag, "
        "cast(? as timestamp) as at, cast(? as date) as day, cast(? as varchar(8)) as name",
        [2**62, 0.1, Decimal(10**37), True, datetime(2026, 3, 2, 1, 2, 3, 456789), date(2026, 3, 2), None],  # noqa: DTZ001 (naive UTC)
    )
    naive = datetime(2026, 3, 2, 1, 2, 3, 456789)  # noqa: DTZ001
    assert row == [{"n": 2**62, "x": 0.1, "big": Decimal(10**37), "flag": True, "at": naive, "day": date(2026, 3, 2), "name": None}]


def test_more_rows_than_a_statement_takes(warehouse: Warehouse) -> None:
    rows = [WARNING | {"load_id": str(number), "message": "서울" * 200} for number in range(7000)]
    warehouse.append("ops.feed_warnings", rows)
    assert warehouse.fetch("select count(distinct load_id) as n from ops.feed_warnings") == [{"n": 7000}]


def test_a_transaction_that_met_another_one_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitmile.warehouse.conflicts._FIRST_WAIT_SECONDS", 0.0)
    tries = []

    @retried_on_conflict
    def work(conflicts: int) -> str:
        tries.append(conflicts)
        if len(tries) <= conflicts:
            raise WarehouseConflict("1023")
        return "done"

    assert work(ATTEMPTS - 1) == "done"
    assert len(tries) == ATTEMPTS
    tries.clear()
    with pytest.raises(WarehouseConflict):
        work(ATTEMPTS)
    assert len(tries) == ATTEMPTS
