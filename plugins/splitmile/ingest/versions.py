"""Which rows of the raw tables a later version has replaced, found while a partition is loaded.

A row's id names an event, and the latest of its rows is what happened: by partition date, then object key, then line. Only a load can
change which one that is, and only of the ids that it brings or takes away. So a load keeps the list of the replaced rows,
`ops.superseded_rows`, and whoever reads the events of a day joins that day's part of it, instead of numbering the versions of all time.

The ids of a load are looked up among the rows whose instants lie near those of the load, however old both are: a correction may move
an event by as many dates as late data are looked for. An id that is met further away may be taken for another event, since to notice it
all ids ever loaded would have to be read for each partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from splitmile.ingest.contract import Feed
from splitmile.warehouse import Warehouse

_OTHERS = "other_versions"
_PLACES = f"select event_id, partition_date, object_number, line_number from {_OTHERS}"


@contextmanager
def replaced_versions(warehouse: Warehouse, feed: Feed, partition_date: date, staged: str | None, reach: timedelta) -> Iterator[list[date]]:
    """Inside, the rows of a partition are replaced; afterwards the list of superseded rows is right again.

    Yields the business dates that the replacement touches: those of the rows that go, those of the rows that come, and those of the
    versions of either in other partitions, since one of these may win from now on, or no longer.

    Args:
        warehouse: In a transaction that has locked the feed's table and `ops.superseded_rows`.
        feed: Whose partition.
        partition_date: Which one.
        staged: Table of the rows that come, as `Stage.table` describes it; none where the partition is left empty.
        reach: How far the instants of two versions may lie apart.
    """
    warehouse.execute(
        f"create temporary table {_OTHERS} (event_id varchar(128) not null, event_at timestamp not null, partition_date date not null, "
        "object_number integer not null, line_number bigint not null)"
    )
    _find_others(warehouse, feed, partition_date, staged, reach)
    yield _touched_dates(warehouse, feed, partition_date, staged)
    warehouse.execute("delete from ops.superseded_rows where feed = ? and partition_date = ?", [feed.name, partition_date])
    # Of an id that has moved again and again, versions that are out of reach stay listed.
    warehouse.execute(
        f"delete from ops.superseded_rows where feed = ? and (event_id, partition_date, object_number, line_number) in ({_PLACES})",
        [feed.name],
    )
    _supersede(warehouse, feed, partition_date, staged)
    warehouse.execute(f"drop table {_OTHERS}")


def _find_others(warehouse: Warehouse, feed: Feed, partition_date: date, staged: str | None, reach: timedelta) -> None:
    """The rows in other partitions whose ids the partition gets or loses.

    An id that it loses is in others only if one of its rows is superseded, so these are looked up in the short list.
    """
    of_partition = f"from {feed.table} where partition_date = ?"
    gained_instants = f"union all select {feed.instant_column} as event_at from {staged} where reason is null" if staged else ""
    (instants,) = warehouse.fetch(
        "select min(event_at) as first_at, max(event_at) as last_at "
        f"from (select {feed.instant_column} as event_at {of_partition} {gained_instants}) as instants",
        [partition_date],
    )
    if instants["first_at"] is None:
        return
    days = f"interval '{reach.days} days'"
    is_near = f"between cast(? as timestamp) - {days} and cast(? as timestamp) + {days}"
    gained = f"select {feed.id_column} from {staged} where reason is null union all" if staged else ""
    warehouse.execute(
        f"""
        insert into {_OTHERS} (event_id, event_at, partition_date, object_number, line_number)
        select {feed.id_column}, {feed.instant_column}, partition_date, object_number, line_number
        from {feed.table}
        where partition_date <> ? and {feed.instant_column} {is_near} and {feed.id_column} in (
            {gained}
            select event_id from ops.superseded_rows where feed = ? and event_id in (select {feed.id_column} {of_partition})
        )""",
        [partition_date, instants["first_at"], instants["last_at"], feed.name, partition_date],
    )


def _touched_dates(warehouse: Warehouse, feed: Feed, partition_date: date, staged: str | None) -> list[date]:
    gained = f"union select {feed.instant_column} from {staged} where reason is null" if staged else ""
    rows = warehouse.fetch(
        f"""
        with instants as (
            select {feed.instant_column} as event_at from {feed.table} where partition_date = ?
            union select event_at from {_OTHERS}
            {gained}
        )
        select distinct {warehouse.business_date_sql("event_at")} as business_date from instants order by 1""",
        [partition_date],
    )
    return [row["business_date"] for row in rows]


def _supersede(warehouse: Warehouse, feed: Feed, partition_date: date, staged: str | None) -> None:
    """List all versions but the latest of the ids that the partition shares with others, or has twice itself."""
    gained = f"""
        select
            {feed.id_column} as event_id, {feed.instant_column} as event_at, cast(? as date) as partition_date, object_number, line_number
        from {staged} where reason is null"""
    others = f"select event_id, event_at, partition_date, object_number, line_number from {_OTHERS}"
    warehouse.execute(
        f"""
        insert into ops.superseded_rows (feed, event_id, event_at, partition_date, object_number, line_number)
        with versions as ({f"{others} union all {gained}" if staged else others}),
        repeated as (select event_id from versions group by event_id having count(*) > 1),
        numbered as (
            select event_id, event_at, partition_date, object_number, line_number,
                row_number() over (partition by event_id order by partition_date desc, object_number desc, line_number desc) as recency
            from versions
            where event_id in (select event_id from repeated)
        )
        select cast(? as varchar(32)), event_id, event_at, partition_date, object_number, line_number from numbered where recency > 1""",
        [*([partition_date] if staged else []), feed.name],
    )
