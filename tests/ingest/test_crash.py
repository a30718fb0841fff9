"""Whatever step fails, the tables are as before, and the next try gives the right rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingest.feed_rows import DAY, as_csv, as_jsonl, delivery, everything, put
from splitmile.errors import WarehouseError
from splitmile.ingest import complete_new_dates, load_partition, mark_emitted
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import Stage, Warehouse

STATEMENTS = ("execute", "fetch", "append", "file_columns", "add", "complete")


class _Failing:
    """A warehouse that is lost at its n-th statement, those of its stages included; `count` tells how many there were."""

    def __init__(self, warehouse: Warehouse, fail_at: int | None) -> None:
        self._warehouse = warehouse
        self._fail_at = fail_at
        self.count = 0

    @contextmanager
    def stage(self, *arguments: Any) -> Iterator[Any]:
        with self._warehouse.stage(*arguments) as stage:
            yield _Steps(stage, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(_Steps(self._warehouse, self), name)

    def step(self, name: str) -> None:
        if self.count == self._fail_at:
            raise WarehouseError(f"lost before {name}")
        self.count += 1


class _Steps:
    def __init__(self, session: Warehouse | Stage, failing: _Failing) -> None:
        self._session, self._failing = session, failing

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._session, name)
        if name not in STATEMENTS:
            return attribute

        def step(*arguments: Any) -> Any:
            self._failing.step(name)
            return attribute(*arguments)

        return step


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"feeds": settings.feeds.model_copy(update={"max_rejected_share": 0.5})})


def test_a_crash_between_any_two_steps_changes_nothing(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(1, status="?")]))
    load_partition(store, warehouse, settings, partition)
    before = everything(warehouse) | {"dates": warehouse.fetch("select * from ops.changed_dates")}
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(2), delivery(3, status="?")]))
    put(store, settings, "deliveries", "b.jsonl", as_jsonl([delivery(4, tip=1)]))
    for fail_at in range(100):
        failing = _Failing(warehouse, fail_at)
        try:
            load_partition(store, failing, settings, partition)
        except WarehouseError:
            assert everything(warehouse) | {"dates": warehouse.fetch("select * from ops.changed_dates")} == before, fail_at
        else:
            break
    else:
        pytest.fail("the load never came to its end")
    assert failing.count == fail_at > 15
    after = everything(warehouse)
    assert [row["delivery_id"] for row in after["landing.deliveries"]] == ["d0", "d2", "d4"]
    assert [row["line_number"] for row in after["ops.rejected_rows"]] == [4]
    assert [row["row_count"] for row in after["ops.load_ledger"]] == [2, 1]
    load_partition(store, warehouse, settings, partition)
    assert everything(warehouse) == after


def test_a_crash_while_dates_are_marked_emits_them_again(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    warehouse.append(
        "ops.load_ledger",
        [
            {
                "load_id": "l",
                "feed": feed,
                "partition_date": DAY,
                "object_number": 1,
                "object_key": feed,
                "etag": "e",
                "size_bytes": 1,
                "row_count": 1,
                "rejected_count": 0,
                "loaded_at": DAY,
            }
            for feed in ("deliveries", "exposures")
        ],
    )
    for fail_at in range(3):
        with pytest.raises(WarehouseError):
            mark_emitted(_Failing(warehouse, fail_at), settings, [DAY])
        assert complete_new_dates(warehouse, settings) == [DAY]
    mark_emitted(warehouse, settings, [DAY])
    assert complete_new_dates(warehouse, settings) == []
