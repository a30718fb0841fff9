"""Rows of the two feeds, and the ways in which they are written as objects."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from splitmile.ingest import FEEDS, FeedName, FeedPartition, partition_prefix
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

DAY = date(2026, 3, 2)

Row = dict[str, Any]


def delivery(number: int, **changes: Any) -> Row:
    """A delivery of noon on 2 March in Seoul, all of it text as in a CSV."""
    row: Row = {
        "delivery_id": f"d{number}",
        "courier_id": f"c{number % 7}",
        "store_id": "s1",
        "customer_id": None,
        "zone_id": "z1",
        "ordered_at": "2026-03-02T12:00:00+09:00",
        "assigned_at": "2026-03-02T03:01:30Z",
        "picked_up_at": "2026-03-02 03:11:30.250",
        "delivered_at": "2026-03-02T12:34:00+0900",
        "promised_at": "2026-03-02T12:40:00+09",
        "cancelled_at": None,
        "status": "delivered",
        "distance_m": "1850",
        "fee_krw": "4500.0",
    }
    return row | changes


def exposure(number: int, **changes: Any) -> Row:
    """An exposure of a courier at the same noon."""
    row: Row = {
        "exposure_id": f"e{number}",
        "experiment_id": "dispatch_ranking",
        "variant": "ranked",
        "unit_type": "courier",
        "unit_id": f"c{number}",
        "exposed_at": "2026-03-02T03:00:00Z",
        "attributes": '{"city": "서울, 강남", "tier": 2}',
    }
    return row | changes


def as_csv(rows: Iterable[Row], columns: Iterable[str] | None = None) -> bytes:
    """RFC 4180, with a header."""
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns or rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_jsonl(rows: Iterable[Row]) -> bytes:
    """One object a line; what is null is left out."""
    return "".join(
        json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False) + "\n" for row in rows
    ).encode()


def as_parquet(rows: Iterable[Row], types: Mapping[str, pa.DataType] | None = None, compression: str = "snappy") -> bytes:
    """Text columns, but for those whose Arrow type is given."""
    rows = list(rows)
    table = pa.table({name: pa.array([row[name] for row in rows], (types or {}).get(name, pa.string())) for name in rows[0]})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression=compression)
    return sink.getvalue()


def packed(body: bytes, how: str) -> bytes:
    """Compressed as a whole."""
    match how:
        case "gz":
            return gzip.compress(body)
        case "bz2":
            return bz2.compress(body)
        case _:
            return pa.Codec("zstd").compress(body, asbytes=True)


def put(store: ObjectStore, settings: Settings, feed: FeedName, name: str, body: bytes, day: date = DAY) -> FeedPartition:
    """Write an object of a partition; returns the partition's name."""
    store.put(f"{partition_prefix(settings, feed, day)}{name}", body)
    return FeedPartition(feed, day)


def loaded(warehouse: Warehouse, feed: FeedName = "deliveries") -> list[Row]:
    """The contract's columns of a raw table, in the order of their ids."""
    names = ", ".join(column.name for column in FEEDS[feed].columns)
    return warehouse.fetch(f"select {names} from landing.{feed} order by partition_date, object_number, line_number")


def everything(warehouse: Warehouse) -> dict[str, list[Row]]:
    """All rows that ingest writes, but for the times of writing."""
    tables = {
        "landing.exposures": "",
        "landing.deliveries": "",
        "ops.load_ledger": "loaded_at",
        "ops.rejected_rows": "rejected_at",
        "ops.feed_warnings": "warned_at",
    }
    return {
        table: sorted(({name: row[name] for name in row if name != stamp} for row in warehouse.fetch(f"select * from {table}")), key=repr)
        for table, stamp in tables.items()
    }
