"""Rows that break the contract are put aside with their place and the reason; too many of them stop the load."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from ingest.feed_rows import as_csv, as_jsonl, as_parquet, delivery, everything, exposure, loaded, put
from splitmile.ingest import FeedName, TooManyRejected, load_partition
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

BROKEN: list[tuple[FeedName, dict[str, Any], str]] = [
    ("deliveries", {"delivery_id": ""}, "delivery_id: is empty"),
    ("deliveries", {"store_id": None}, "store_id: is empty"),
    ("deliveries", {"store_id": "가" * 43}, "store_id: is longer than 128 bytes (found '" + "가" * 43 + "')"),
    ("deliveries", {"ordered_at": None}, "ordered_at: is empty"),
    ("deliveries", {"ordered_at": "2026-03-02"}, "ordered_at: is not an instant such as 2026-03-02T12:00:00+09:00 (found '2026-03-02')"),
    ("deliveries", {"delivered_at": "2026-02-30T10:00:00Z"}, "delivered_at: is not an instant"),
    ("deliveries", {"delivered_at": "2026-03-02T10:00:00 Asia/Seoul"}, "delivered_at: is not an instant"),
    ("deliveries", {"delivered_at": "1772420400"}, "delivered_at: is not an instant"),
    ("deliveries", {"distance_m": "12.5"}, "distance_m: is not an integer of 64 bits (found '12.5')"),
    ("deliveries", {"distance_m": "1e3"}, "distance_m: is not an integer"),
    ("deliveries", {"fee_krw": "9223372036854775808"}, "fee_krw: is not an integer"),
    ("deliveries", {"status": "Delivered"}, "status: is none of delivered, cancelled, failed, in_progress (found 'Delivered')"),
    ("deliveries", {"status": None, "fee_krw": "x"}, "status: is empty; fee_krw: is not an integer of 64 bits (found 'x')"),
    ("exposures", {"unit_type": "robot"}, "unit_type: is none of courier, store, customer, zone (found 'robot')"),
    ("exposures", {"attributes": "{tier: 2}"}, "attributes: is not valid JSON (found '{tier: 2}')"),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Half of the rows may be broken."""
    return settings.model_copy(update={"feeds": settings.feeds.model_copy(update={"max_rejected_share": 0.5})})


@pytest.mark.parametrize("feed", ["deliveries", "exposures"])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.parquet"])
def test_each_rule_puts_the_row_aside(store: ObjectStore, warehouse: Warehouse, settings: Settings, feed: FeedName, name: str) -> None:
    row = delivery if feed == "deliveries" else exposure
    broken = [(changes, reason) for of_feed, changes, reason in BROKEN if of_feed == feed]
    rows = [*map(row, range(50)), *(row(50 + at, **changes) for at, (changes, _) in enumerate(broken))]
    write = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}[name.split(".")[1]]
    report = load_partition(store, warehouse, settings, put(store, settings, feed, name, write(rows)))
    assert (report.row_count, report.rejected_count) == (50, len(broken))
    assert len(loaded(warehouse, feed)) == 50
    rejected = warehouse.fetch("select * from ops.rejected_rows order by line_number")
    first_line = 52 if name == "x.csv" else 51
    for at, (kept, (_, reason)) in enumerate(zip(rejected, broken, strict=True)):
        assert kept["reason"].startswith(reason)
        assert (kept["feed"], kept["load_id"]) == (feed, report.load_id)
        assert (kept["object_key"], kept["line_number"]) == (f"{settings.feeds.prefix}/{feed}/date=2026-03-02/{name}", first_line + at)
        assert "2026-03-02T03:0" in kept["row_text"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"d1,c1,s1", "row: has 3 values where the header has 14"),
        (as_csv([delivery(1)]).splitlines()[1] + b",more", "row: has 15 values where the header has 14"),
        (as_csv([delivery(1)]).splitlines()[1].replace(b"s1", b'"s1'), "row: has a quote that is not closed"),
        (as_csv([delivery(1)]).splitlines()[1].replace(b"s1", b'a"s1'), "row: has a quote that is not closed, or stands inside a value"),
        (as_csv([delivery(1)]).splitlines()[1].replace(b"s1", b"\xff\xfe"), "row: holds bytes that are no UTF-8 text"),
        (as_csv([delivery(1)]).splitlines()[1].replace(b"s1", b"s\x001"), "row: holds bytes that are no UTF-8 text"),
    ],
)
def test_a_malformed_csv_line_spoils_itself_only(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, broken: bytes, reason: str
) -> None:
    lines = as_csv(map(delivery, [0, 2, 3])).splitlines()
    body = b"\n".join([*lines[:2], broken, *lines[2:], b""])
    report = load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", body))
    assert [row["delivery_id"] for row in loaded(warehouse)] == ["d0", "d2", "d3"]
    assert report.rejected_count == 1
    (rejected,) = warehouse.fetch("select line_number, reason from ops.rejected_rows")
    assert rejected["line_number"] == 3
    assert rejected["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"delivery_id": "d1",', "row: is no valid JSON"),
        (b"[1, 2]", "row: is no JSON object"),
        (json.dumps(delivery(1, store_id={"id": "s1"})).encode(), "store_id: is no text but nested JSON"),
        (json.dumps(delivery(1, distance_m=[1])).encode(), "distance_m: is not an integer"),
        (json.dumps(delivery(1, distance_m=True)).encode(), "distance_m: is not an integer"),
        (b'{"delivery_id": "d\xff1"}', "row: holds bytes that are no UTF-8 text"),
    ],
)
def test_a_malformed_json_line_spoils_itself_only(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, broken: bytes, reason: str
) -> None:
    lines = as_jsonl(map(delivery, [0, 2])).splitlines()
    body = b"\n".join([lines[0], broken, b"", lines[1], b""])
    load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.jsonl", body))
    assert [row["delivery_id"] for row in loaded(warehouse)] == ["d0", "d2"]
    (rejected,) = warehouse.fetch("select line_number, reason from ops.rejected_rows")
    assert rejected["line_number"] == 2
    assert rejected["reason"].startswith(reason)


def test_over_the_share_the_old_partition_stays_and_the_message_sums_up(
    store: ObjectStore, warehouse: Warehouse, settings: Settings
) -> None:
    partition = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(1, status="lost")]))
    load_partition(store, warehouse, settings, partition)
    before = everything(warehouse)
    put(
        store,
        settings,
        "deliveries",
        "b.csv",
        as_csv([delivery(2, status="gone"), delivery(3, status="x", fee_krw="?"), delivery(4, fee_krw="?"), delivery(5)]),
    )
    with pytest.raises(TooManyRejected) as refused:
        load_partition(store, warehouse, settings, partition)
    message = str(refused.value)
    assert f"s3://{store.bucket}/{settings.feeds.prefix}/deliveries/date=2026-03-02/: 4 of 6 rows break the contract, 66.67%" in message
    assert "3 × status: is none of delivered, cancelled, failed, in_progress; 1 × fee_krw: is not an integer of 64 bits." in message
    assert f"First: {settings.feeds.prefix}/deliveries/date=2026-03-02/a.csv:3 status: is none of" in message
    assert "(found 'lost')" in message
    assert everything(warehouse) == before


def test_rejected_rows_are_replaced_with_their_partition(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    other = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(1, status="?")]), date(2026, 3, 3))
    load_partition(store, warehouse, settings, other)
    partition = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(1, status="?")]))
    for _ in range(2):
        load_partition(store, warehouse, settings, partition)
    assert warehouse.fetch("select count(*) as n from ops.rejected_rows") == [{"n": 2}]
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(1)]))
    load_partition(store, warehouse, settings, partition)
    assert [row["partition_date"] for row in warehouse.fetch("select partition_date from ops.rejected_rows")] == [date(2026, 3, 3)]
