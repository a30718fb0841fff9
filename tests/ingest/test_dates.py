"""When a business date is due."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from splitmile.ingest import complete_new_dates, mark_emitted
from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import Warehouse

FIRST = date(2026, 3, 2)


def _day(number: int) -> date:
    return FIRST + timedelta(days=number)


def _load(warehouse: Warehouse, number: int, etag: str = "a", feeds: tuple[str, ...] = ("deliveries", "exposures")) -> None:
    """As the ledger shows it after a load."""
    for feed in feeds:
        warehouse.execute("delete from ops.load_ledger where feed = ? and partition_date = ?", [feed, _day(number)])
        row = {"load_id": etag, "feed": feed, "partition_date": _day(number), "object_number": 1, "object_key": f"{feed}/{number}"}
        rest = {"etag": etag, "size_bytes": 1, "row_count": 1, "rejected_count": 0, "loaded_at": datetime(2026, 3, 9)}  # noqa: DTZ001
        warehouse.append("ops.load_ledger", [row | rest])


def _emit(warehouse: Warehouse, settings: Settings) -> list[int]:
    dates = complete_new_dates(warehouse, settings)
    mark_emitted(warehouse, settings, dates)
    return [(day - FIRST).days for day in dates]


def test_a_date_waits_for_both_feeds_and_is_emitted_once(warehouse: Warehouse, settings: Settings) -> None:
    assert _emit(warehouse, settings) == []
    _load(warehouse, 0, feeds=("deliveries",))
    assert _emit(warehouse, settings) == []
    _load(warehouse, 0, feeds=("exposures",))
    assert _emit(warehouse, settings) == [0]
    assert _emit(warehouse, settings) == []


def test_many_new_dates_come_together_in_order(warehouse: Warehouse, settings: Settings) -> None:
    for number in (3, 0, 1):
        _load(warehouse, number)
    assert _emit(warehouse, settings) == [0, 1, 3]


def test_the_same_objects_loaded_again_are_no_news(warehouse: Warehouse, settings: Settings) -> None:
    _load(warehouse, 0)
    assert _emit(warehouse, settings) == [0]
    _load(warehouse, 0)
    assert _emit(warehouse, settings) == []


def test_a_date_is_due_until_it_is_marked(warehouse: Warehouse, settings: Settings) -> None:
    _load(warehouse, 0)
    assert complete_new_dates(warehouse, settings) == complete_new_dates(warehouse, settings) == [_day(0)]


def test_a_corrected_date_is_restated_and_the_newest_with_it(warehouse: Warehouse, settings: Settings) -> None:
    for number in range(5):
        _load(warehouse, number)
    _emit(warehouse, settings)
    _load(warehouse, 1, "b", feeds=("exposures",))
    assert _emit(warehouse, settings) == [1, 4]
    assert _emit(warehouse, settings) == []
    _load(warehouse, 4, "b")
    assert _emit(warehouse, settings) == [4]


def test_an_old_date_that_was_missing_restates_the_newest(warehouse: Warehouse, settings: Settings) -> None:
    for number in (0, 2):
        _load(warehouse, number)
    _emit(warehouse, settings)
    _load(warehouse, 1)
    assert _emit(warehouse, settings) == [1, 2]


def test_late_rows_in_a_newer_partition_make_no_old_date_due(warehouse: Warehouse, settings: Settings) -> None:
    _load(warehouse, 0)
    _emit(warehouse, settings)
    _load(warehouse, 1)
    change = {"feed": "deliveries", "business_date": _day(0), "load_id": "a", "changed_at": datetime(2026, 3, 9), "transformed_at": None}  # noqa: DTZ001
    warehouse.append("ops.changed_dates", [change])
    assert _emit(warehouse, settings) == [1]


def test_a_date_whose_objects_vanished_is_due_once(warehouse: Warehouse, settings: Settings) -> None:
    for number in (0, 1):
        _load(warehouse, number)
    _emit(warehouse, settings)
    warehouse.execute("delete from ops.load_ledger where partition_date = ?", [_day(0)])
    assert _emit(warehouse, settings) == [0, 1]
    assert _emit(warehouse, settings) == []


def test_another_business_day_makes_every_date_due(warehouse: Warehouse, settings: Settings) -> None:
    for number in (0, 1):
        _load(warehouse, number)
    _emit(warehouse, settings)
    for changed in (BusinessDay(cutover_hour=4), BusinessDay(timezone="Asia/Tokyo", cutover_hour=4)):
        assert _emit(warehouse, settings.model_copy(update={"business_day": changed})) == [0, 1]
