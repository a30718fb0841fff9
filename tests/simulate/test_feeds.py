from __future__ import annotations

import gzip
import io
import json
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from splitmile.ingest import FEEDS, FeedName, FeedPartition, list_partition, load_partition
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.simulate import City, DemoFeed, Flights
from splitmile.simulate.population import CitySize
from splitmile.warehouse import Warehouse

SMALL = CitySize(couriers=300, stores=60, customers=800, zones=10, daily_orders=3_000)
DAYS = tuple(date(2026, 3, 2) + timedelta(days=n) for n in range(8))


@pytest.fixture(scope="module")
def small_city() -> City:
    return City(seed=3, size=SMALL)


def body(store: ObjectStore, key: str, folder: Path) -> bytes:
    store.download(key, folder / "object")
    return (folder / "object").read_bytes()


def listed(store: ObjectStore) -> dict[str, str]:
    return {found.key: found.etag for found in store.list_objects("")}


def write_all(feed: DemoFeed, store: ObjectStore, settings: Settings) -> list[str]:
    return [key for day in DAYS for key in feed.write_day(store, settings, day)]


def deliveries_received(store: ObjectStore, folder: Path) -> pd.DataFrame:
    """All versions of all deliveries, in the order in which later ones win."""
    frames = []
    for key in sorted(key for key in listed(store) if "/deliveries/" in key):
        content = body(store, key, folder)
        if key.endswith(".parquet"):
            frame = pd.read_parquet(io.BytesIO(content))
        else:
            frame = pd.DataFrame([json.loads(line) for line in gzip.decompress(content).splitlines()])
            for column in [name for name in frame.columns if name.endswith("_at")]:
                frame[column] = pd.to_datetime(frame[column], utc=True)
        frames.append(frame.assign(partition=key.split("/date=")[1][:10], is_late="/late-" in key))
    return pd.concat(frames, ignore_index=True)


def test_the_same_seed_writes_the_same_bytes(small_city: City, store: ObjectStore, settings: Settings):
    keys = write_all(small_city, store, settings)
    first = listed(store)
    write_all(City(seed=3, size=SMALL), store, settings)
    assert listed(store) == first
    assert sorted(keys) == sorted(first)


def test_formats_and_objects_vary(small_city: City, store: ObjectStore, settings: Settings):
    names = {key.rsplit("/", 1)[1] for key in write_all(small_city, store, settings)}
    assert names == {"part-00000.parquet", "part-00001.parquet", "late-00000.jsonl.gz", "exposures.csv", "exposures.jsonl.gz"}


def test_what_an_earlier_run_left_in_a_partition_is_removed(small_city: City, store: ObjectStore, settings: Settings):
    stale = f"{settings.feeds.prefix}/deliveries/date={DAYS[0]}/late-00000.jsonl.gz"
    store.put(stale, b"{}\n")
    small_city.write_day(store, settings, DAYS[0])
    assert stale not in listed(store)


def test_the_latest_version_of_each_delivery_is_what_happened(small_city: City, store: ObjectStore, settings: Settings, tmp_path: Path):
    write_all(small_city, store, settings)
    # The day after the last one brings what was late on it.
    small_city.write_day(store, settings, DAYS[-1] + timedelta(days=1))
    received = deliveries_received(store, tmp_path)
    sound = received[~received["delivery_id"].str.endswith("-broken")]
    latest = sound.sort_values(["partition", "is_late"], kind="stable").drop_duplicates("delivery_id", keep="last").set_index("delivery_id")
    for day in DAYS:
        truth = small_city.day(day).deliveries.set_index("delivery_id").sort_index()
        found = latest.loc[latest.index.intersection(truth.index)].sort_index()
        assert found.index.equals(truth.index)
        for column in ("status", "store_id", "ordered_at", "delivered_at", "cancelled_at"):
            pairs = found[column].eq(truth[column]) | (found[column].isna() & truth[column].isna())
            assert pairs.all(), column
    assert sound["is_late"].sum() > 0
    assert (sound["status"] == "in_progress").sum() > 0
    assert sound.duplicated("delivery_id").sum() > sound["is_late"].sum()


def test_the_last_date_holds_nothing_back(small_city: City, store: ObjectStore, settings: Settings, tmp_path: Path):
    last = small_city.dates[-1]
    small_city.write_day(store, settings, last)
    received = deliveries_received(store, tmp_path)
    assert set(small_city.day(last).deliveries["delivery_id"]) <= set(received["delivery_id"])
    assert "in_progress" not in set(received["status"])


@pytest.mark.parametrize("feed_name", ["deliveries", "exposures"])
def test_ingest_loads_the_city_and_rejects_only_what_is_broken(
    feed_name: FeedName, small_city: City, store: ObjectStore, settings: Settings, warehouse: Warehouse
):
    load_dates(small_city, DAYS[2:4], feed_name, store, settings, warehouse)
    rejected = warehouse.fetch("select reason, row_text from ops.rejected_rows")
    loaded = warehouse.fetch(f"select count(*) as n from landing.{feed_name}")[0]["n"]
    assert rejected
    assert len(rejected) < 0.01 * loaded
    strange = [row for row in rejected if "-broken" not in row["row_text"] and "-no-" not in row["row_text"]]
    assert strange == []
    truth = set().union(*(getattr(small_city.day(day), feed_name)[FEEDS[feed_name].id_column] for day in DAYS[2:4]))
    found = {row["id"] for row in warehouse.fetch(f"select {FEEDS[feed_name].id_column} as id from landing.{feed_name}")}
    assert len(truth - found) < 0.01 * len(truth)


@pytest.mark.parametrize("feed_name", ["deliveries", "exposures"])
def test_ingest_loads_the_flights_whole(
    feed_name: FeedName, flights: Flights, store: ObjectStore, settings: Settings, warehouse: Warehouse
):
    load_dates(flights, flights.dates[:2], feed_name, store, settings, warehouse)
    assert warehouse.fetch("select * from ops.rejected_rows") == []
    expected = sum(len(getattr(flights.day(day), feed_name)) for day in flights.dates[:2])
    assert warehouse.fetch(f"select count(*) as n from landing.{feed_name}")[0]["n"] == expected


def load_dates(
    feed: DemoFeed, days: tuple[date, ...], feed_name: FeedName, store: ObjectStore, settings: Settings, warehouse: Warehouse
) -> None:
    adjusted = settings.model_copy(update={"business_day": feed.business_day})
    for day in days:
        feed.write_day(store, adjusted, day)
        partition = list_partition(store, adjusted, feed_name, day)
        assert isinstance(partition, FeedPartition)
        load_partition(store, warehouse, adjusted, partition)
