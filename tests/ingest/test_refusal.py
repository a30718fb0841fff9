"""What cannot be loaded is refused with its name and the remedy, what is odd is warned of, and neither is ever silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from ingest.feed_rows import DAY, as_csv, as_jsonl, as_parquet, delivery, everything, loaded, packed, put
from splitmile.errors import FeedError, StoreUnavailable
from splitmile.ingest import (
    ColumnMissing,
    ColumnTypeWrong,
    ObjectUnreadable,
    PartitionEmpty,
    PartitionShrunk,
    find_changed_partitions,
    load_partition,
)
from splitmile.object_store import ObjectChanged, ObjectStore, StoredObject
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import Warehouse

MANY = as_csv(map(delivery, range(3000)))
NAMES = list(delivery(0))


def _without(body: bytes, last_bytes: int) -> bytes:
    return body[:-last_bytes]


@pytest.mark.parametrize(
    ("name", "body", "error", "message"),
    [
        ("b.parquet", _without(as_parquet(map(delivery, range(3000))), 200), ObjectUnreadable, "cannot be read as parquet.*half written"),
        ("b.parquet", b"PAR1" + bytes(500) + b"PAR1", ObjectUnreadable, "cannot be read as parquet"),
        ("b.csv.gz", _without(packed(MANY, "gz"), 40), ObjectUnreadable, "cannot be read as text.*write it again"),
        ("b.csv.zst", _without(packed(MANY, "zst"), 40), ObjectUnreadable, "cannot be read as text"),
        ("b.csv.bz2", _without(packed(MANY, "bz2"), 40), ObjectUnreadable, "cannot be read as text"),
        ("b.csv.gz", MANY, ObjectUnreadable, "cannot be read as text.*gzip"),
        ("b.csv", _without(MANY, 30), ObjectUnreadable, r"ends in the middle of its line 3001 \(row: has 1. values"),
        ("b.jsonl", _without(as_jsonl(map(delivery, range(9))), 30), ObjectUnreadable, "ends in the middle of its line 9"),
        ("b.jsonl", b"x" * 9_000_000, ObjectUnreadable, "line 1 is longer than"),
        ("b.parquet", b"", ObjectUnreadable, r"has no bytes, which no whole parquet file has"),
        ("b.csv", b"", ObjectUnreadable, "has no bytes"),
        ("b.jsonl.gz", b"", ObjectUnreadable, "has no bytes"),
        ("b.avro", b"x", ObjectUnreadable, r"the name tells no layout.*expected \.parquet.*underscore"),
        ("b.parquet.gz", b"x", ObjectUnreadable, "the name tells no layout"),
        ("b.csv", as_csv([delivery(1, tip=1)]).replace(b"tip", b"fee_krw"), ObjectUnreadable, "has column fee_krw more than once"),
        ("b.csv", as_csv([delivery(1)], NAMES[:-2]), ColumnMissing, "lacks columns distance_m, fee_krw; it has delivery_id, courier_id"),
        ("b.csv", as_csv([delivery(1)]).replace(b"fee_krw", b"Fee_KRW"), ColumnMissing, r"lacks column fee_krw; it has .*Fee_KRW"),
        ("b.csv", MANY.split(b"\n", 1)[1], ColumnMissing, "lacks columns delivery_id.*it has d0"),
        ("b.csv", MANY.decode().encode("utf-16"), ColumnMissing, "lacks columns"),
        ("b.parquet", as_parquet([{"delivery_id": "d1"}]), ColumnMissing, "lacks columns courier_id.*it has delivery_id"),
        ("b.jsonl", as_jsonl([delivery(1, status=None)]), ColumnMissing, "lacks column status"),
        (
            "b.parquet",
            as_parquet([delivery(1, distance_m=True)], {"distance_m": pa.bool_()}),
            ColumnTypeWrong,
            "column distance_m is of Parquet type BOOLEAN, which cannot be read as an integer",
        ),
        (
            "b.parquet",
            as_parquet([delivery(1, ordered_at=date(2026, 3, 2))], {"ordered_at": pa.date32()}),
            ColumnTypeWrong,
            "column ordered_at is of Parquet type DATE, which cannot be read as an instant",
        ),
        ("b.parquet", as_parquet([delivery(1, ordered_at=1)], {"ordered_at": pa.int64()}), ColumnTypeWrong, "ordered_at is of .* BIGINT"),
        ("b.parquet", as_parquet([delivery(1, store_id=1.5)], {"store_id": pa.float64()}), ColumnTypeWrong, "store_id is of .* DOUBLE"),
    ],
)
def test_a_bad_object_is_named_and_the_old_partition_stays(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, name: str, body: bytes, error: type[FeedError], message: str
) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0)]))
    load_partition(store, warehouse, settings, partition)
    before = everything(warehouse)
    put(store, settings, "deliveries", name, body)
    with pytest.raises(error, match=message) as refused:
        load_partition(store, warehouse, settings, partition)
    assert str(refused.value).startswith(f"s3://{store.bucket}/{settings.feeds.prefix}/deliveries/date=2026-03-02/{name}")
    assert everything(warehouse) == before
    assert [*settings.state.glob("incoming-*"), *settings.state.glob("staging-*")] == []


def test_a_damaged_page_inside_a_parquet_file(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    body = bytearray(as_parquet(map(delivery, range(3000)), compression="zstd"))
    body[200:900] = bytes(700)
    with pytest.raises(ObjectUnreadable, match="cannot be read as parquet"):
        load_partition(store, warehouse, settings, put(store, settings, "deliveries", "b.parquet", bytes(body)))


def test_what_is_odd_is_loaded_with_a_warning(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(0, tip=1, note="")]).rstrip(b"\n"))
    put(store, settings, "deliveries", "b.jsonl", b"")
    put(store, settings, "deliveries", "c.csv", as_csv([], NAMES))
    partition = put(store, settings, "deliveries", "d.parquet", as_parquet([delivery(1, tip="1")]))
    report = load_partition(store, warehouse, settings, partition)
    folder = f"s3://{store.bucket}/{settings.feeds.prefix}/deliveries/date=2026-03-02"
    assert report.row_count == 2
    assert report.warnings == (
        f"{folder}/a.csv has unknown columns tip, note, not loaded",
        f"{folder}/a.csv: its last line has no line end, so it may be cut off",
        f"{folder}/b.jsonl holds no row",
        f"{folder}/c.csv holds no row",
        f"{folder}/d.parquet has unknown column tip, not loaded",
    )
    kept = warehouse.fetch("select message, feed, partition_date, load_id from ops.feed_warnings")
    assert sorted(row["message"] for row in kept) == sorted(report.warnings)
    assert {(row["feed"], row["partition_date"], row["load_id"]) for row in kept} == {("deliveries", DAY, report.load_id)}


def test_json_lines_may_leave_out_what_is_null_everywhere(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.jsonl", as_jsonl([delivery(0, zone_id=None)]))
    assert load_partition(store, warehouse, settings, partition).warnings == ()


def _with(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"feeds": Feeds(**(settings.feeds.model_dump() | changes))})


def test_an_empty_partition_blocks_or_warns_by_the_setting(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv([], NAMES))
    with pytest.raises(PartitionEmpty, match=r"date=2026-03-02/ has no row in 1 objects, which `feeds\.on_empty` = 'block' refuses"):
        load_partition(store, warehouse, _with(settings, on_empty="block"), partition)
    assert warehouse.fetch("select * from ops.load_ledger") == []
    warnings = load_partition(store, warehouse, _with(settings, on_empty="warn"), partition).warnings
    assert [warning.split("/")[-1] for warning in warnings] == ["a.csv holds no row", " has no row in 1 objects"]
    assert [row["row_count"] for row in warehouse.fetch("select row_count from ops.load_ledger")] == [0]


def test_a_partition_that_lost_more_than_half_blocks_or_warns(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv(map(delivery, range(10))))
    load_partition(store, warehouse, settings, partition)
    put(store, settings, "deliveries", "a.csv", as_csv(map(delivery, range(4))))
    with pytest.raises(
        PartitionShrunk, match=r"has 4 rows where 10 were loaded before, which `feeds\.on_shrunk`.*SPLITMILE_FEEDS__ON_SHRUNK=warn"
    ):
        load_partition(store, warehouse, settings, partition)
    assert len(loaded(warehouse)) == 10
    report = load_partition(store, warehouse, _with(settings, on_shrunk="warn"), partition)
    assert [warning.split("/ ")[-1] for warning in report.warnings] == ["has 4 rows where 10 were loaded before"]
    put(store, settings, "deliveries", "a.csv", as_csv(map(delivery, range(2))))
    assert load_partition(store, warehouse, settings, partition).warnings == (), "half is not more than half"
    put(store, settings, "deliveries", "a.csv", as_csv(map(delivery, range(1))) + b"\n")
    assert load_partition(store, warehouse, _with(settings, on_shrunk="warn"), partition).row_count == 1


def test_a_partition_whose_objects_vanished(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv([delivery(0)])))
    store.delete(f"{settings.feeds.prefix}/deliveries/date=2026-03-02/a.csv")
    (vanished,) = find_changed_partitions(store, warehouse, settings, DAY)
    assert vanished.objects == ()
    with pytest.raises(PartitionShrunk, match="has 0 rows where 1 were loaded before"):
        load_partition(store, warehouse, settings, vanished)
    report = load_partition(store, warehouse, _with(settings, on_shrunk="warn"), vanished)
    assert (report.row_count, report.changed_dates) == (0, (DAY,))
    assert loaded(warehouse) == []
    assert find_changed_partitions(store, warehouse, settings, DAY) == []


class _Restless(ObjectStore):
    """A store whose objects are replaced, or removed, right after they were listed."""

    replacement: bytes | None = None
    is_restless = True

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        listed = list(super().list_objects(prefix))
        for stored in listed if self.is_restless else ():
            if self.replacement is None:
                self.delete(stored.key)
            else:
                self.put(stored.key, self.replacement)
        yield from listed


@pytest.mark.parametrize("replacement", [as_csv([delivery(7)]), None])
def test_an_object_that_changes_meanwhile_can_be_tried_again(
    store: ObjectStore, s3: Any, warehouse: Warehouse, settings: Settings, replacement: bytes | None
) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0)]))
    restless = _Restless(store.bucket, s3)
    restless.replacement = replacement
    with pytest.raises(ObjectChanged, match=r"a\.csv changed while it was read.*Try again") as changed:
        load_partition(restless, warehouse, settings, partition)
    assert isinstance(changed.value, StoreUnavailable)
    restless.is_restless = False
    load_partition(restless, warehouse, settings, partition)
    assert [row["delivery_id"] for row in loaded(warehouse)] == (["d7"] if replacement else [])
