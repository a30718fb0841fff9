"""Which partitions differ from the ledger."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ingest.feed_rows import DAY, as_csv, delivery, exposure, put
from splitmile.errors import FeedError
from splitmile.ingest import FeedPartition, find_changed_partitions, load_partition, partition_prefix
from splitmile.object_store import ObjectStore, StoredObject
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import Warehouse


def _changed(store: ObjectStore, warehouse: Warehouse, settings: Settings, as_of: date = DAY) -> list[str]:
    return [str(partition) for partition in find_changed_partitions(store, warehouse, settings, as_of)]


def test_nothing_delivered_is_nothing_changed(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    assert _changed(store, warehouse, settings) == []


def test_only_the_lookback_is_looked_at_oldest_first(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    for back in (-1, 0, 6, 7):
        put(store, settings, "deliveries", "a.csv", b"x", DAY - timedelta(days=back))
    put(store, settings, "exposures", "a.csv", b"x")
    assert _changed(store, warehouse, settings) == [
        "deliveries/date=2026-02-24",
        "exposures/date=2026-03-02",
        "deliveries/date=2026-03-02",
    ]


def test_a_loaded_partition_is_changed_by_another_object_another_content_or_one_less(
    store: ObjectStore, warehouse: Warehouse, settings: Settings
) -> None:
    put(store, settings, "exposures", "a.csv", as_csv([exposure(0)]))
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(0)]))
    for partition in find_changed_partitions(store, warehouse, settings, DAY):
        load_partition(store, warehouse, settings, partition)
    assert _changed(store, warehouse, settings) == []
    put(store, settings, "deliveries", "b.csv", as_csv([delivery(1)]))
    assert _changed(store, warehouse, settings) == ["deliveries/date=2026-03-02"]
    store.delete(f"{settings.feeds.prefix}/deliveries/date=2026-03-02/b.csv")
    assert _changed(store, warehouse, settings) == []
    put(store, settings, "exposures", "a.csv", as_csv([exposure(1)]))
    assert _changed(store, warehouse, settings) == ["exposures/date=2026-03-02"]
    put(store, settings, "exposures", "_SUCCESS", b"")
    put(store, settings, "exposures", "a.csv", as_csv([exposure(0)]))
    assert _changed(store, warehouse, settings) == []
    store.delete(f"{settings.feeds.prefix}/deliveries/date=2026-03-02/a.csv")
    assert find_changed_partitions(store, warehouse, settings, DAY) == [FeedPartition("deliveries", DAY)]


@pytest.mark.parametrize("column", ["object_key", "etag", "size_bytes"])
def test_key_etag_and_size_are_each_compared(store: ObjectStore, warehouse: Warehouse, settings: Settings, column: str) -> None:
    load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv([delivery(0)])))
    assert _changed(store, warehouse, settings) == []
    warehouse.execute(f"update ops.load_ledger set {column} = '1'")
    assert _changed(store, warehouse, settings) == ["deliveries/date=2026-03-02"]


def test_a_refused_partition_is_found_again(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    partition = put(store, settings, "deliveries", "a.csv", b"no header of ours")
    with pytest.raises(FeedError):
        load_partition(store, warehouse, settings, partition)
    assert _changed(store, warehouse, settings) == ["deliveries/date=2026-03-02"]


@pytest.mark.parametrize(("prefix", "folder"), [("feeds", "feeds/"), ("a/b/", "a/b/"), ("/a", "a/"), ("", "")])
def test_the_prefix_may_be_written_with_or_without_slashes(settings: Settings, prefix: str, folder: str) -> None:
    changed = settings.model_copy(update={"feeds": Feeds(prefix=prefix)})
    assert partition_prefix(changed, "deliveries", DAY) == f"{folder}deliveries/date=2026-03-02/"


def test_a_partition_knows_its_size_and_its_feed() -> None:
    partition = FeedPartition("deliveries", DAY, (StoredObject("a", "x", 3), StoredObject("b", "y", 4)))
    assert partition.size_bytes == 7
    assert FeedPartition.from_dict(partition.to_dict()) == partition
    with pytest.raises(FeedError, match="'orders' is no feed; the feeds are exposures and deliveries"):
        FeedPartition.from_dict({"feed": "orders", "partition_date": "2026-03-02", "objects": []})
