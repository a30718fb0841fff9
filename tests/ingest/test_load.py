"""A partition is loaded as a whole, from any layout, and replaced as a whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from ingest.feed_rows import DAY, as_csv, as_jsonl, as_parquet, delivery, everything, exposure, loaded, packed, put
from splitmile.ingest import FeedPartition, LoadReport, load_partition
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

DELIVERY_0 = {
    "delivery_id": "d0",
    "courier_id": "c0",
    "store_id": "s1",
    "customer_id": None,
    "zone_id": "z1",
    "ordered_at": datetime(2026, 3, 2, 3, 0),  # noqa: DTZ001 (naive UTC is what the tables hold)
    "assigned_at": datetime(2026, 3, 2, 3, 1, 30),  # noqa: DTZ001
    "picked_up_at": datetime(2026, 3, 2, 3, 11, 30, 250000),  # noqa: DTZ001
    "delivered_at": datetime(2026, 3, 2, 3, 34),  # noqa: DTZ001
    "promised_at": datetime(2026, 3, 2, 3, 40),  # noqa: DTZ001
    "cancelled_at": None,
    "status": "delivered",
    "distance_m": 1850,
    "fee_krw": 4500,
}


def _crlf(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("d.csv", as_csv([delivery(0)])),
        ("windows.csv", _crlf(as_csv([delivery(0)]))),
        ("reordered.csv", as_csv([delivery(0)], sorted(delivery(0)))),
        ("d.csv.gz", packed(as_csv([delivery(0)]), "gz")),
        ("d.csv.zst", packed(as_csv([delivery(0)]), "zst")),
        ("d.CSV.bz2", packed(as_csv([delivery(0)]), "bz2")),
        ("d.jsonl", as_jsonl([delivery(0)])),
        ("typed.ndjson", as_jsonl([delivery(0, distance_m=1850, fee_krw=4500.0)])),
        ("d.json.gz", packed(as_jsonl([delivery(0)]), "gz")),
        ("d.snappy.parquet", as_parquet([delivery(0)])),
        ("d.parquet", as_parquet([delivery(0)], compression="zstd")),
        ("hour=05/nested.csv", as_csv([delivery(0)])),
    ],
)
def test_every_layout_gives_the_same_row(store: ObjectStore, warehouse: Warehouse, settings: Settings, name: str, body: bytes) -> None:
    report = load_partition(store, warehouse, settings, put(store, settings, "deliveries", name, body))
    assert loaded(warehouse) == [DELIVERY_0]
    assert (report.row_count, report.rejected_count, report.warnings, report.changed_dates) == (1, 0, (), (DAY,))


def test_parquet_keeps_its_own_types(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    whole = delivery(
        0,
        store_id=17,
        ordered_at=datetime(2026, 3, 2, 3, tzinfo=UTC),
        assigned_at=datetime(2026, 3, 2, 3, 1, 30),  # noqa: DTZ001 (a column without a zone is UTC)
        distance_m=1850,
        fee_krw=4500.0,
    )
    types = {
        "store_id": pa.int64(),
        "ordered_at": pa.timestamp("ms", "Asia/Seoul"),
        "assigned_at": pa.timestamp("ns"),
        "distance_m": pa.int32(),
        "fee_krw": pa.float64(),
        "cancelled_at": pa.null(),
        "customer_id": pa.null(),
    }
    load_partition(store, warehouse, settings, put(store, settings, "deliveries", "d.parquet", as_parquet([whole], types)))
    assert loaded(warehouse) == [DELIVERY_0 | {"store_id": "17"}]


def test_typed_values_that_no_text_could_hold_are_rejected(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    settings = settings.model_copy(update={"feeds": settings.feeds.model_copy(update={"max_rejected_share": 0.9})})
    year_10000, infinity = 253402300800000000, 9223372036854775807
    instants = [1772420400000000, year_10000, infinity]
    rows = [delivery(number, ordered_at=instant, fee_krw=2**63 + number - 1) for number, instant in enumerate(instants)]
    rows[0]["fee_krw"] = 2**63 - 1
    types = {"ordered_at": pa.timestamp("us", "UTC"), "fee_krw": pa.uint64()}
    partition = put(store, settings, "deliveries", "d.parquet", as_parquet(rows, types))
    assert load_partition(store, warehouse, settings, partition).rejected_count == 2
    assert [(row["ordered_at"], row["fee_krw"]) for row in loaded(warehouse)] == [(DELIVERY_0["ordered_at"], 2**63 - 1)]
    rejected = warehouse.fetch("select line_number, reason, row_text from ops.rejected_rows order by line_number")
    assert [(row["line_number"], row["reason"].split("; ")[0].split(" (found ")[0]) for row in rejected] == [
        (2, "ordered_at: is not an instant such as 2026-03-02T12:00:00+09:00"),
        (3, "ordered_at: is not an instant such as 2026-03-02T12:00:00+09:00"),
    ]
    assert all("fee_krw: is not an integer of 64 bits" in row["reason"] for row in rejected)
    assert [row["row_text"][:20] for row in rejected] == ['{"delivery_id":"d1",', '{"delivery_id":"d2",']


@pytest.mark.parametrize(("name", "write"), [("e.csv", as_csv), ("e.jsonl", as_jsonl), ("e.parquet", as_parquet)])
def test_quoted_json_and_hangul_arrive_unharmed(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, name: str, write: Callable[..., bytes]
) -> None:
    rows = [exposure(0, variant='say "a, b"'), exposure(1, attributes=None)]
    load_partition(store, warehouse, settings, put(store, settings, "exposures", name, write(rows)))
    assert [(row["variant"], row["attributes"]) for row in loaded(warehouse, "exposures")] == [
        ('say "a, b"', '{"city": "서울, 강남", "tier": 2}'),
        ("ranked", None),
    ]


def test_attributes_may_be_an_object_in_json_lines(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    body = as_jsonl([exposure(0, attributes={"tier": 2})])
    load_partition(store, warehouse, settings, put(store, settings, "exposures", "e.jsonl", body))
    assert loaded(warehouse, "exposures")[0]["attributes"] == '{"tier":2}'


def test_each_row_knows_where_it_came_from(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(1), delivery(2)]).replace(b"\nd2", b"\n\n\r\nd2"))
    partition = put(store, settings, "deliveries", "b.parquet", as_parquet([delivery(3)]))
    report = load_partition(store, warehouse, settings, partition)
    rows = warehouse.fetch(
        "select delivery_id, object_key, line_number, etag, load_id from landing.deliveries "
        "inner join ops.load_ledger using (partition_date, object_number) where feed = 'deliveries' order by 1"
    )
    assert [(row["delivery_id"], row["object_key"].rsplit("/")[-1], row["line_number"]) for row in rows] == [
        ("d1", "a.csv", 2),
        ("d2", "a.csv", 5),
        ("d3", "b.parquet", 1),
    ]
    listed = {stored.key: stored.etag for stored in store.list_objects("")}
    assert [(row["etag"], row["load_id"]) for row in rows] == [(listed[row["object_key"]], report.load_id) for row in rows]
    ledger = warehouse.fetch("select object_key, row_count, rejected_count from ops.load_ledger order by 1")
    assert [(row["row_count"], row["rejected_count"]) for row in ledger] == [(2, 0), (1, 0)]


def test_the_same_objects_again_give_the_same_rows(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv(map(delivery, range(300))))
    put(store, settings, "deliveries", "b.jsonl", as_jsonl(map(delivery, range(200, 400))))
    first = load_partition(store, warehouse, settings, partition)
    before = everything(warehouse)
    assert load_partition(store, warehouse, settings, partition) == first
    assert everything(warehouse) == before
    assert len(before["landing.deliveries"]) == 500


def test_a_corrected_partition_replaces_the_old_one_and_no_other(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    other = date(2026, 3, 3)
    load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv([delivery(9)]), other))
    first = load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv([delivery(1), delivery(2)])))
    store.delete(f"{settings.feeds.prefix}/deliveries/date=2026-03-02/a.csv")
    second = load_partition(store, warehouse, settings, put(store, settings, "deliveries", "b.csv", as_csv([delivery(2, fee_krw=1)])))
    assert first.load_id != second.load_id
    assert [(row["delivery_id"], row["fee_krw"]) for row in loaded(warehouse)] == [("d2", 1), ("d9", 4500)]
    assert [row["object_key"][-5:] for row in warehouse.fetch("select object_key from ops.load_ledger order by partition_date")] == [
        "b.csv",
        "a.csv",
    ]


def test_marker_objects_are_no_data(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv([delivery(1)]))
    for name in ("_SUCCESS", "_temporary/part-0.csv", ".a.csv.crc"):
        put(store, settings, "deliveries", name, b"x")
    assert load_partition(store, warehouse, settings, partition).object_count == 1


def test_late_rows_change_their_own_business_dates(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    rows = [
        delivery(1),
        delivery(2, ordered_at="2026-03-02T04:59:59+09:00"),  # before the cut-over, so still 1 March
        delivery(3, ordered_at="2026-03-02T05:00:00+09:00"),
        delivery(4, ordered_at="2026-02-27T12:00:00+09:00"),
    ]
    report = load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv(rows)))
    assert report.changed_dates == (date(2026, 2, 27), date(2026, 3, 1), DAY)
    recorded = warehouse.fetch("select feed, business_date, load_id, transformed_at from ops.changed_dates order by business_date")
    assert [row["business_date"] for row in recorded] == list(report.changed_dates)
    assert {(row["feed"], row["load_id"], row["transformed_at"]) for row in recorded} == {("deliveries", report.load_id, None)}


def test_a_correction_that_moves_an_order_changes_both_dates(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv([delivery(1), delivery(2)])))
    moved = as_csv([delivery(1, ordered_at="2026-03-03T12:00:00+09:00")])
    partition = put(store, settings, "deliveries", "a.csv", moved, date(2026, 3, 4))
    assert load_partition(store, warehouse, settings, partition).changed_dates == (DAY, date(2026, 3, 3))
    # And when the correction is taken back, the old version wins again: both dates once more.
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(8, ordered_at="2026-03-04T12:00:00+09:00")]), date(2026, 3, 4))
    assert load_partition(store, warehouse, settings, partition).changed_dates == (DAY, date(2026, 3, 3), date(2026, 3, 4))


def test_partition_and_report_cross_a_process_boundary(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    import json

    report = load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv([delivery(1)])))
    assert LoadReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert FeedPartition.from_dict(json.loads(json.dumps(FeedPartition("deliveries", DAY).to_dict()))) == FeedPartition("deliveries", DAY)


def test_a_day_of_220_000_rows_keeps_its_line_numbers(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    header, line = as_csv([exposure(0, attributes=None)]).decode().splitlines()
    body = "\n".join([header, *(line.replace("e0", f"e{number}", 1) for number in range(220_000))]) + "\n"
    partition = put(store, settings, "exposures", "e.csv.gz", packed(body.encode(), "gz"))
    assert load_partition(store, warehouse, settings, partition).row_count == 220_000
    assert warehouse.fetch("select count(*) as misplaced from landing.exposures where exposure_id <> 'e' || (line_number - 2)") == [
        {"misplaced": 0}
    ]
