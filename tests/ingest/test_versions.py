"""The list of superseded rows equals a numbering of all versions of all time, whatever is loaded, corrected or taken back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from ingest.feed_rows import DAY, as_csv, delivery, put
from splitmile.ingest import FeedPartition, load_partition
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

NEXT, BEFORE = DAY + timedelta(days=1), DAY - timedelta(days=1)

OUTDATED = """
    select delivery_id as event_id, ordered_at as event_at, partition_date, object_number, line_number from (
        select *, row_number() over (partition by delivery_id order by partition_date desc, object_number desc, line_number desc) as recency
        from landing.deliveries
    ) as numbered where recency > 1 order by 1, 3, 4, 5"""
LISTED = """
    select event_id, event_at, partition_date, object_number, line_number from ops.superseded_rows
    where feed = 'deliveries' order by 1, 3, 4, 5"""


def test_what_a_later_version_replaces_is_listed(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    settings = settings.model_copy(update={"feeds": settings.feeds.model_copy(update={"on_empty": "warn", "on_shrunk": "warn"})})

    def superseded_after(day: date, *rows: dict[str, Any]) -> list[str]:
        partition = put(store, settings, "deliveries", "a.csv", as_csv(rows), day) if rows else FeedPartition("deliveries", day)
        if not rows:
            store.delete(f"{settings.feeds.prefix}/deliveries/date={day}/a.csv")
        load_partition(store, warehouse, settings, partition)
        listed = warehouse.fetch(LISTED)
        assert listed == warehouse.fetch(OUTDATED)
        return [f"{row['event_id']} of {(row['partition_date'] - DAY).days}:{row['line_number']}" for row in listed]

    assert superseded_after(DAY, delivery(1), delivery(2), delivery(2, status="failed")) == ["d2 of 0:3"]
    assert superseded_after(NEXT, delivery(1), delivery(5)) == ["d1 of 0:2", "d2 of 0:3"]
    # A partition that comes later, of an earlier date, brings versions that are outdated already.
    assert superseded_after(BEFORE, delivery(1), delivery(5), delivery(6)) == ["d1 of -1:2", "d1 of 0:2", "d2 of 0:3", "d5 of -1:3"]
    # A correction of a correction, without the rows that were corrected and with one that was single.
    assert superseded_after(NEXT, delivery(6)) == ["d1 of -1:2", "d2 of 0:3", "d6 of -1:4"]
    assert superseded_after(DAY) == ["d6 of -1:4"]
    assert superseded_after(NEXT) == []


def test_a_version_is_looked_for_as_far_as_an_event_may_move(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    """By its instant, however much later its partition comes."""
    later = DAY + timedelta(days=90)
    reach = timedelta(days=settings.feeds.lookback_dates)
    ordered_at = datetime.fromisoformat(delivery(1)["ordered_at"])

    def superseded_after(day: date, *rows: dict[str, Any]) -> list[str]:
        load_partition(store, warehouse, settings, put(store, settings, "deliveries", "a.csv", as_csv(rows), day))
        return [row["event_id"] for row in warehouse.fetch(LISTED)]

    def moved(number: int, by: timedelta) -> dict[str, Any]:
        return delivery(number, ordered_at=(ordered_at + by).isoformat(), delivered_at=None, status="failed")

    assert superseded_after(DAY, delivery(1), delivery(2), delivery(3)) == []
    assert superseded_after(later, moved(1, reach + timedelta(seconds=1))) == []
    assert superseded_after(later, moved(2, reach)) == ["d2"]
    assert superseded_after(later, delivery(3)) == ["d3"]
    # Moved twice, each time as far as it may: the first version is out of the last one's reach and still replaced.
    assert superseded_after(later, moved(2, reach)) == ["d2"]
    assert superseded_after(later + timedelta(days=1), moved(2, 2 * reach)) == ["d2", "d2"]


def test_what_differs_from_the_ledger_is_kept(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> None:
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(1)]))
    partition = put(store, settings, "deliveries", "b.csv", as_csv([delivery(2)]))
    first = load_partition(store, warehouse, settings, partition)
    before = warehouse.fetch("select object_key, etag from ops.load_ledger order by 1")
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(1, fee_krw=1)]))
    put(store, settings, "deliveries", "c.csv", as_csv([delivery(3)]))
    store.delete(f"{settings.feeds.prefix}/deliveries/date={DAY}/b.csv")
    second = load_partition(store, warehouse, settings, partition)
    load_partition(store, warehouse, settings, partition)
    ledger = {row["object_key"]: row["etag"] for row in warehouse.fetch("select object_key, etag from ops.load_ledger")}
    rows = warehouse.fetch("select * from ops.partition_changes order by changed_at, object_key")
    assert [(row["load_id"], row["object_key"][-5:], row["change"]) for row in rows] == [
        (first.load_id, "a.csv", "added"),
        (first.load_id, "b.csv", "added"),
        (second.load_id, "a.csv", "replaced"),
        (second.load_id, "b.csv", "removed"),
        (second.load_id, "c.csv", "added"),
    ]
    assert [row["etag"] for row in rows[:2]] == [row["etag"] for row in before]
    assert [row["etag"] for row in rows[2:]] == [ledger[rows[2]["object_key"]], before[1]["etag"], ledger[rows[4]["object_key"]]]
