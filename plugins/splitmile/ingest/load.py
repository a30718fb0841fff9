"""One partition into the warehouse: replaced as a whole, or left as it was."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from splitmile.errors import FeedError
from splitmile.ingest.contract import FEEDS, Feed, FeedName
from splitmile.ingest.failures import (
    ColumnMissing,
    ColumnTypeWrong,
    ObjectUnreadable,
    PartitionEmpty,
    PartitionShrunk,
    TooManyRejected,
)
from splitmile.ingest.files import fetch_file
from splitmile.ingest.partitions import FeedPartition, changed_objects, list_partition, partition_prefix
from splitmile.ingest.versions import replaced_versions
from splitmile.object_store import ObjectStore, StoredObject
from splitmile.settings import Settings
from splitmile.warehouse import ColumnTypeUnfit, FileUnreadable, IncomingFile, Stage, StagedFile, Warehouse, retried_on_conflict

_LOAD_TABLES = ("ops.load_ledger", "ops.rejected_rows", "ops.feed_warnings")
_HISTORY_TABLES = ("ops.superseded_rows", "ops.partition_changes", "ops.changed_dates")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading one partition did.

    Attributes:
        feed, partition_date: The partition.
        load_id: The same for the same objects, whenever and wherever they are loaded.
        object_count, row_count, rejected_count: Objects read, rows now in the raw table, and rows put aside.
        changed_dates: Business dates of which a row came, went or may have changed, in order.
        warnings: What was let pass; also kept in `ops.feed_warnings`.
    """

    feed: FeedName
    partition_date: date
    load_id: str
    object_count: int
    row_count: int
    rejected_count: int
    changed_dates: tuple[date, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, to cross a process boundary; `from_dict` is the way back."""
        return {
            **asdict(self),
            "partition_date": self.partition_date.isoformat(),
            "changed_dates": [changed.isoformat() for changed in self.changed_dates],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The report that `to_dict` wrote."""
        dates = tuple(date.fromisoformat(changed) for changed in values["changed_dates"])
        known = {**values, "partition_date": date.fromisoformat(values["partition_date"])}
        return cls(**{**known, "changed_dates": dates, "warnings": tuple(values["warnings"])})


def load_partition(store: ObjectStore, warehouse: Warehouse, settings: Settings, partition: FeedPartition) -> LoadReport:
    """Make the warehouse hold exactly what lies in a partition now.

    The partition is listed again first, so a second try sees what the first could not. Everything is read and judged
    before the first row changes, and all changes are one transaction: whatever goes wrong, the rows of before are there.

    Args:
        store: Where the feeds lie.
        warehouse: Where the rows go.
        settings: Says which share of rows may break the contract, and what an empty or shrunken partition does.
        partition: Which partition; of its objects only their being there is used.

    Raises:
        ObjectChanged: An object was replaced while it was read. Trying again will do.
        FeedError: The partition cannot be loaded as it stands; one of the errors of `splitmile.ingest.failures`.
    """
    feed = FEEDS[partition.feed]
    present = list_partition(store, settings, partition.feed, partition.partition_date)
    where = store.url(partition_prefix(settings, partition.feed, partition.partition_date))
    warnings: list[str] = []
    settings.state.mkdir(parents=True, exist_ok=True)
    load_id = _load_id(present)
    with warehouse.stage(feed.columns, load_id) as stage:
        counts: dict[str, StagedFile] = {}
        for number, stored in present.numbered_objects:
            with tempfile.TemporaryDirectory(prefix="incoming-", dir=settings.state) as folder:
                counts[stored.key], noticed = _stage(store, stage, feed, stored, number, Path(folder))
            warnings += noticed
        _refuse_too_many_rejected(stage, settings, present, where, counts)
        warnings += _weigh_size(warehouse, settings, present, where, counts)
        if present.objects:
            stage.complete()
        reach = timedelta(days=settings.feeds.lookback_dates)
        return _replace(warehouse, stage.table, feed, present, load_id, counts, tuple(warnings), reach)


def _stage(store: ObjectStore, stage: Stage, feed: Feed, stored: StoredObject, number: int, folder: Path) -> tuple[StagedFile, list[str]]:
    """Put one object's rows beside those already staged; returns what it held, and what was let pass."""
    url = store.url(stored.key)
    file, is_ended = fetch_file(store, stored, number, folder)
    try:
        warnings = _compare_columns(feed, file, stage.file_columns(file), url)
        staged = stage.add(file)
    except FileUnreadable as error:
        raise ObjectUnreadable(f"{url} cannot be read as {file.layout}: {error}. It is damaged or half written; write it again.") from error
    except ColumnTypeUnfit as error:
        raise ColumnTypeWrong(f"{url}: {error}. Write the column in a type of docs/feeds.md.") from error
    if not staged.row_count:
        return staged, [*warnings, f"{url} holds no row"]
    if not is_ended:
        if staged.last_reason is not None and staged.last_line == file.line_count:
            raise ObjectUnreadable(
                f"{url} ends in the middle of its line {file.line_count} ({staged.last_reason}). It is half written; write it again."
            )
        warnings.append(f"{url}: its last line has no line end, so it may be cut off")
    return staged, warnings


def _compare_columns(feed: Feed, file: IncomingFile, found: tuple[str, ...], url: str) -> list[str]:
    # JSON leaves out what is null, so of JSON Lines only what must be filled is missed, and only where there are rows at all.
    if file.layout == "jsonl":
        expected = [column.name for column in feed.columns if not column.is_nullable] if found else []
    else:
        expected = [column.name for column in feed.columns]
    missing = [name for name in expected if name not in found]
    if missing:
        raise ColumnMissing(
            f"{url} lacks {_listed('column', missing)}; it has {', '.join(found) or 'none'}. "
            f"docs/feeds.md lists the columns of {feed.name}, spelled as they must be."
        )
    known = {column.name for column in feed.columns}
    twice = sorted(name for name in known if found.count(name) > 1)
    if twice:
        raise ObjectUnreadable(f"{url} has {_listed('column', twice)} more than once. Write each column once.")
    unknown = [name for name in found if name not in known]
    return [f"{url} has {_listed('unknown column', unknown)}, not loaded"] if unknown else []


def _refuse_too_many_rejected(
    stage: Stage, settings: Settings, partition: FeedPartition, where: str, counts: Mapping[str, StagedFile]
) -> None:
    rejected = sum(count.rejected_count for count in counts.values())
    total = sum(count.row_count for count in counts.values())
    if not rejected or rejected <= settings.feeds.max_rejected_share * total:
        return
    summary = stage.fetch(
        f"select split_part(reason, ' (found ', 1) as fault, count(*) as row_count from {stage.rejected} "
        "group by 1 order by 2 desc, 1 limit 10"
    )
    first = stage.fetch(f"select object_number, line_number, reason from {stage.rejected} order by object_number, line_number limit 1")[0]
    by_reason = "; ".join(f"{row['row_count']} × {row['fault']}" for row in summary)
    raise TooManyRejected(
        f"{where}: {rejected} of {total} rows break the contract, {rejected / total:.2%} where `feeds.max_rejected_share` allows "
        f"{settings.feeds.max_rejected_share:.2%}. By reason: {by_reason}. "
        f"First: {dict(partition.numbered_objects)[first['object_number']].key}:{first['line_number']} {first['reason']}. "
        "The rows loaded before stay. Deliver the partition again, or raise the share if these rows may be left out."
    )


def _weigh_size(
    warehouse: Warehouse, settings: Settings, partition: FeedPartition, where: str, counts: Mapping[str, StagedFile]
) -> list[str]:
    """Refuse, or warn of, a partition that is empty or has lost more than half of its rows."""
    rows = sum(count.good_count for count in counts.values())
    (before,) = warehouse.fetch(
        "select coalesce(sum(row_count), 0) as row_count from ops.load_ledger where feed = ? and partition_date = ?",
        [partition.feed, partition.partition_date],
    )
    rows_before = int(before["row_count"])
    faults: list[tuple[type[FeedError], str, str]] = []
    if rows == 0:
        faults.append((PartitionEmpty, "on_empty", f"{where} has no row in {len(counts)} objects"))
    if rows * 2 < rows_before:
        faults.append((PartitionShrunk, "on_shrunk", f"{where} has {rows} rows where {rows_before} were loaded before"))
    for error, setting, fact in faults:
        if getattr(settings.feeds, setting) == "block":
            raise error(
                f"{fact}, which `feeds.{setting}` = 'block' refuses; the rows loaded before stay. "
                f"Deliver the partition again; if it is right as it is, run once with SPLITMILE_FEEDS__{setting.upper()}=warn."
            )
    return [fact for _, _, fact in faults]


@retried_on_conflict
def _replace(
    warehouse: Warehouse,
    staged: str,
    feed: Feed,
    partition: FeedPartition,
    load_id: str,
    counts: Mapping[str, StagedFile],
    warnings: tuple[str, ...],
    reach: timedelta,
) -> LoadReport:
    now = datetime.now(UTC).replace(tzinfo=None)
    of_partition = [partition.feed, partition.partition_date]
    of_load = {"load_id": load_id, "feed": feed.name, "partition_date": partition.partition_date}
    with warehouse.transaction(locked=(feed.table, *_LOAD_TABLES, *_HISTORY_TABLES)):
        incoming = staged if partition.objects else None
        with replaced_versions(warehouse, feed, partition.partition_date, incoming, reach) as changed:
            _replace_rows(warehouse, incoming, feed, partition.partition_date)
        warehouse.append(
            "ops.changed_dates",
            [{"feed": feed.name, "business_date": day, "load_id": load_id, "changed_at": now, "transformed_at": None} for day in changed],
        )
        changes = changed_objects(warehouse, partition)
        warehouse.append("ops.partition_changes", [{**of_load, **change, "changed_at": now} for change in changes])
        for table in _LOAD_TABLES:
            warehouse.execute(f"delete from {table} where feed = ? and partition_date = ?", of_partition)
        warehouse.append(
            "ops.load_ledger",
            [
                {
                    **of_load,
                    "object_number": number,
                    "object_key": stored.key,
                    "etag": stored.etag,
                    "size_bytes": stored.size_bytes,
                    "row_count": counts[stored.key].good_count,
                    "rejected_count": counts[stored.key].rejected_count,
                    "loaded_at": now,
                }
                for number, stored in partition.numbered_objects
            ],
        )
        if incoming:
            warehouse.execute(
                f"""
                insert into ops.rejected_rows (load_id, feed, partition_date, object_key, line_number, reason, row_text, rejected_at)
                select ledger.load_id, ledger.feed, ledger.partition_date, ledger.object_key,
                    staged.line_number, staged.reason, staged.row_text, ledger.loaded_at
                from {incoming} as staged inner join ops.load_ledger as ledger on staged.object_number = ledger.object_number
                where staged.reason is not null and ledger.feed = ? and ledger.partition_date = ?""",
                of_partition,
            )
        warehouse.append("ops.feed_warnings", [{**of_load, "message": message[:2000], "warned_at": now} for message in warnings])
    return LoadReport(
        feed=feed.name,
        partition_date=partition.partition_date,
        load_id=load_id,
        object_count=len(partition.objects),
        row_count=sum(count.good_count for count in counts.values()),
        rejected_count=sum(count.rejected_count for count in counts.values()),
        changed_dates=tuple(changed),
        warnings=warnings,
    )


def _replace_rows(warehouse: Warehouse, staged: str | None, feed: Feed, partition_date: date) -> None:
    names = ", ".join(column.name for column in feed.columns)
    warehouse.execute(f"delete from {feed.table} where partition_date = ?", [partition_date])
    if staged:
        warehouse.execute(
            f"insert into {feed.table} ({names}, partition_date, object_number, line_number) "
            f"select {names}, cast(? as date), object_number, line_number from {staged} where reason is null",
            [partition_date],
        )


def _load_id(partition: FeedPartition) -> str:
    objects = [[stored.key, stored.etag] for stored in partition.objects]
    whole = json.dumps([partition.feed, partition.partition_date.isoformat(), objects])
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _listed(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"
