"""The two feeds as objects: Parquet, CSV and JSON Lines, whole or compressed, the same bytes each time."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from splitmile.object_store import ObjectStore
from splitmile.settings import BusinessDay, Settings
from splitmile.simulate.demo_feed import DELIVERY_COLUMNS, DELIVERY_INSTANTS, EXPOSURE_COLUMNS, EXPOSURE_INSTANTS
from splitmile.simulate.irregularities import Received

_INTEGERS = ("distance_m", "fee_krw")
_DELIVERY_SCHEMA = pa.schema(
    [
        (
            column,
            pa.timestamp("ms", tz="UTC") if column in DELIVERY_INSTANTS else pa.int64() if column in _INTEGERS else pa.string(),
        )
        for column in DELIVERY_COLUMNS
    ]
)


def write_partitions(
    store: ObjectStore, settings: Settings, business_day: BusinessDay, business_date: date, received: Received
) -> tuple[str, ...]:
    """Put one date's partitions of both feeds and remove what an earlier run left in them.

    Deliveries are two Parquet objects, and compressed JSON Lines for those of the day before. Exposures are compressed JSON Lines with UTC
    instants on even days of the month and CSV with local instants on odd ones. A feed without rows gets no object.

    Returns:
        The keys, whole.
    """
    half = len(received.deliveries) // 2
    deliveries = {
        "part-00000.parquet": parquet(received.deliveries.iloc[:half]),
        "part-00001.parquet": parquet(pd.concat([received.deliveries.iloc[half:], received.repeated_deliveries])),
    }
    if len(received.late_deliveries):
        deliveries["late-00000.jsonl.gz"] = compressed(json_lines(records(received.late_deliveries, DELIVERY_COLUMNS, DELIVERY_INSTANTS)))

    exposures = {}
    rows = pd.concat([received.exposures, received.repeated_exposures])
    if len(rows):
        is_local = business_date.day % 2 == 1
        timezone = ZoneInfo(business_day.timezone) if is_local else None
        lines = [*records(rows, EXPOSURE_COLUMNS, EXPOSURE_INSTANTS, timezone), *received.broken_exposures]
        exposures = {"exposures.csv": csv(lines, EXPOSURE_COLUMNS)} if is_local else {"exposures.jsonl.gz": compressed(json_lines(lines))}

    return (
        *_replace(store, f"{settings.feeds.prefix}/deliveries/date={business_date}/", deliveries),
        *_replace(store, f"{settings.feeds.prefix}/exposures/date={business_date}/", exposures),
    )


def records(rows: pd.DataFrame, columns: Sequence[str], instants: Sequence[str], timezone: ZoneInfo | None = None) -> list[dict[str, Any]]:
    """Rows as dictionaries of JSON values; instants as ISO 8601 with their offset, in UTC unless a time zone is given."""
    values = []
    for column in columns:
        found = rows[column].dt.tz_convert(timezone or "UTC") if column in instants else rows[column]
        # Python's own values, since a frame would turn None into NaN, which is no JSON.
        present = ((None if pd.isna(value) else value) for value in found.tolist())
        values.append([value.isoformat() if column in instants and value is not None else value for value in present])
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def parquet(deliveries: pd.DataFrame) -> bytes:
    """Deliveries as one Parquet object, without the pandas metadata that would change with its version."""
    columns = [pa.array(deliveries[field.name], type=field.type, from_pandas=True) for field in _DELIVERY_SCHEMA]
    target = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=_DELIVERY_SCHEMA), target, compression="zstd")
    return target.getvalue()


def json_lines(lines: Sequence[Mapping[str, Any]]) -> bytes:
    """One JSON object a line."""
    return "".join(f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n" for line in lines).encode()


def csv(lines: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """CSV with a header; a null is an empty field."""
    return pd.DataFrame(list(lines), columns=list(columns)).to_csv(index=False, lineterminator="\n").encode()


def compressed(content: bytes) -> bytes:
    """Gzip without a time stamp: the same content has the same etag."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def _replace(store: ObjectStore, folder: str, objects: Mapping[str, bytes]) -> tuple[str, ...]:
    keys = {folder + name: body for name, body in objects.items()}
    stale = [found.key for found in store.list_objects(folder) if found.key not in keys]
    for key, body in keys.items():
        store.put(key, body)
    for key in stale:
        store.delete(key)
    return tuple(keys)
