"""Which partitions of the feeds are not, or no longer, what the warehouse holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from splitmile.errors import FeedError
from splitmile.ingest.contract import FEEDS, FeedName
from splitmile.object_store import ObjectStore, StoredObject
from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse


@dataclass(frozen=True, slots=True)
class FeedPartition:
    """One date of one feed, and the objects that a listing found for it.

    Attributes:
        feed: `exposures` or `deliveries`.
        partition_date: The date that it was delivered under.
        objects: In the order of their keys; none means that the partition is empty or gone.
    """

    feed: FeedName
    partition_date: date
    objects: tuple[StoredObject, ...] = ()

    def __post_init__(self) -> None:
        if self.feed not in FEEDS:
            raise FeedError(f"{self.feed!r} is no feed; the feeds are {' and '.join(FEEDS)}.")

    def __str__(self) -> str:
        return f"{self.feed}/date={self.partition_date}"

    @property
    def numbered_objects(self) -> tuple[tuple[int, StoredObject], ...]:
        """Each object with its number, from 1, by which its rows name it: of two rows of an event that of the later object counts."""
        return tuple(enumerate(self.objects, 1))

    @property
    def size_bytes(self) -> int:
        """Of all objects together."""
        return sum(stored.size_bytes for stored in self.objects)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, to cross a process boundary; `from_dict` is the way back."""
        objects = [{"key": stored.key, "etag": stored.etag, "size_bytes": stored.size_bytes} for stored in self.objects]
        return {"feed": self.feed, "partition_date": self.partition_date.isoformat(), "objects": objects}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The partition that `to_dict` wrote."""
        objects = tuple(StoredObject(**stored) for stored in values["objects"])
        return cls(values["feed"], date.fromisoformat(values["partition_date"]), objects)


def list_partition(store: ObjectStore, settings: Settings, feed: FeedName, partition_date: date) -> FeedPartition:
    """What lies in a partition now.

    Names that begin with `_` or `.` (such as `_SUCCESS`), at any depth below the partition, and folder markers are no data.
    """
    prefix = partition_prefix(settings, feed, partition_date)
    objects = (stored for stored in store.list_objects(prefix) if _is_data(stored.key.removeprefix(prefix)))
    return FeedPartition(feed, partition_date, tuple(sorted(objects, key=lambda stored: stored.key)))


def find_changed_partitions(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, as_of: date, *, first: date | None = None
) -> list[FeedPartition]:
    """The partitions to load, oldest first: those whose objects differ from the load ledger in a key, an etag or a size.

    A partition whose objects have all vanished is among them, with no objects; one that never had any is not.

    Args:
        store: Where the feeds lie.
        warehouse: Holds the ledger.
        settings: `feeds.lookback_dates` dates are looked at.
        as_of: The last of these dates.
        first: The first of them, where a backfill goes further back.
    """
    looked_back = as_of - timedelta(days=settings.feeds.lookback_dates - 1)
    first = min(first or looked_back, looked_back)
    ledger: dict[tuple[str, date], set[StoredObject]] = {}
    for row in warehouse.fetch(
        "select feed, partition_date, object_key, etag, size_bytes from ops.load_ledger where partition_date between ? and ?",
        [first, as_of],
    ):
        loaded = StoredObject(row["object_key"], row["etag"], row["size_bytes"])
        ledger.setdefault((row["feed"], row["partition_date"]), set()).add(loaded)
    changed = []
    for day in range((as_of - first).days + 1):
        for feed in FEEDS:
            partition = list_partition(store, settings, feed, first + timedelta(days=day))
            if set(partition.objects) != ledger.get((feed, partition.partition_date), set()):
                changed.append(partition)
    return changed


def changed_objects(warehouse: Warehouse, partition: FeedPartition) -> list[Row]:
    """What differs between a partition and the ledger: key and etag of each object that was `added`, `replaced` or `removed`.

    In the order of the keys; of an object that was removed the etag is that of the ledger.
    """
    ledger = {
        row["object_key"]: row["etag"]
        for row in warehouse.fetch(
            "select object_key, etag from ops.load_ledger where feed = ? and partition_date = ?", [partition.feed, partition.partition_date]
        )
    }
    present = {stored.key: stored.etag for stored in partition.objects}
    changes: list[Row] = []
    for key in sorted({*ledger, *present}):
        if ledger.get(key) != present.get(key):
            change = "added" if key not in ledger else "replaced" if key in present else "removed"
            changes.append({"object_key": key, "etag": present.get(key, ledger.get(key)), "change": change})
    return changes


def partition_prefix(settings: Settings, feed: FeedName, partition_date: date) -> str:
    """The folder of a partition inside the bucket, with its slash."""
    above = settings.feeds.prefix.strip("/")
    return f"{above}/{feed}/date={partition_date}/".lstrip("/")


def _is_data(relative_key: str) -> bool:
    return not relative_key.endswith("/") and not any(part.startswith(("_", ".")) for part in relative_key.split("/"))
