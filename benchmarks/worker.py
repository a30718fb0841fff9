"""The worker's half of a load for Redshift: fetch, judge, prepare; what COPY then does needs a cluster."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pandas as pd

from benchmarks.feed import FIRST_DATE
from splitmile import ingest
from splitmile.ingest.contract import FEEDS
from splitmile.ingest.files import fetch_file
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.simulate import feeds
from splitmile.simulate.demo_feed import DELIVERY_COLUMNS, DELIVERY_INSTANTS
from splitmile.warehouse.redshift import RedshiftWarehouse
from splitmile.warehouse.redshift_stage import RedshiftStage

# The cache of files that were read is left out: DuckDB gives it up as soon as anything else needs the room.
_HELD = (
    "select coalesce(sum(memory_usage_bytes + temporary_storage_bytes), 0)::bigint as held "
    "from duckdb_memory() where tag <> 'EXTERNAL_FILE_CACHE'"
)


def measure_partition(settings: Settings, store: ObjectStore, deliveries: pd.DataFrame, layout: str, objects: int) -> dict[str, float]:
    """Seconds and bytes of one partition in equal objects of a layout; nothing that is prepared of it remains."""
    _put_objects(store, settings, deliveries, layout, objects)
    # Looking at the memory takes time, and the first load pays for what Python and DuckDB load only once.
    held = _hold(settings, store)
    return {**timed(lambda: _work(settings, store)), **held}


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds, and seconds of processor, that some work takes."""
    began, cpu_began = time.monotonic(), time.process_time()
    work()
    return {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu_began}


def _put_objects(store: ObjectStore, settings: Settings, deliveries: pd.DataFrame, layout: str, objects: int) -> None:
    for at in range(objects):
        rows = deliveries.iloc[at * len(deliveries) // objects : (at + 1) * len(deliveries) // objects]
        if layout == "parquet":
            body = feeds.parquet(rows)
        else:
            lines = feeds.records(rows, DELIVERY_COLUMNS, DELIVERY_INSTANTS)
            body = feeds.compressed(feeds.csv(lines, DELIVERY_COLUMNS) if layout == "csv.gz" else feeds.json_lines(lines))
        store.put(f"{settings.feeds.prefix}/deliveries/date={FIRST_DATE}/part-{at:05d}.{layout}", body)


class _NoCluster:
    """In place of a session: COPY is not run, so all that a stage asks of it is to drop a table that is not there."""

    def execute(self, sql: str) -> None:
        if not sql.startswith("drop table if exists"):
            raise NotImplementedError(f"no cluster runs: {sql}")


@contextmanager
def _open_stage(settings: Settings, store: ObjectStore) -> Iterator[RedshiftStage]:
    with RedshiftStage(cast(RedshiftWarehouse, _NoCluster()), store, settings, FEEDS["deliveries"].columns, "scaling") as stage:
        yield stage


def _add_objects(stage: RedshiftStage, settings: Settings, store: ObjectStore) -> None:
    for number, stored in ingest.list_partition(store, settings, "deliveries", FIRST_DATE).numbered_objects:
        with tempfile.TemporaryDirectory(dir=settings.state) as folder:
            file, _ = fetch_file(store, stored, number, Path(folder))
            stage.file_columns(file)
            stage.add(file)


def _work(settings: Settings, store: ObjectStore) -> None:
    with _open_stage(settings, store) as stage:
        _add_objects(stage, settings, store)


def _hold(settings: Settings, store: ObjectStore) -> dict[str, int]:
    """Bytes of the partition, of what is prepared of it, and of DuckDB: at most, and left once everything is prepared."""
    with _open_stage(settings, store) as stage:
        with _watch(stage) as most:
            _add_objects(stage, settings, store)
        (left,) = stage.fetch(_HELD)
        return {
            "object_bytes": ingest.list_partition(store, settings, "deliveries", FIRST_DATE).size_bytes,
            "prepared_bytes": sum(stored.size_bytes for stored in store.list_objects(f"{settings.warehouse.redshift.staging_prefix}/")),
            "peak_bytes": max(most),
            "left_bytes": left["held"],
        }


@contextmanager
def _watch(stage: RedshiftStage) -> Iterator[list[int]]:
    """What a stage's DuckDB holds, looked at every 5 ms by a thread of its own."""
    found: list[int] = []
    is_over = threading.Event()
    # A connection serves one thread at a time; a cursor is a second one to the same database.
    connection = stage._duckdb.cursor()

    def look() -> None:
        while True:
            ((held,),) = connection.execute(_HELD).fetchall()
            found.append(held)
            if is_over.wait(0.005):
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()
        connection.close()
