"""What small days cost on this machine: rows, bytes and seconds of the real code, on DuckDB and the embedded S3."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.cost_model import Workload
from benchmarks.feed import Town, put_day, write_experiments
from benchmarks.worker import measure_partition, timed
from splitmile import analysis, ingest, transform
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.object_store import ObjectStore
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import Warehouse, open_warehouse

DATE_COLUMNS = {
    "landing.deliveries": "partition_date",
    "landing.exposures": "partition_date",
    "marts.delivery_observations": "business_date",
    "marts.unit_days": "business_date",
    "marts.unit_totals": "business_date",
    "marts.experiment_units": "exposure_date",
    "marts.experiment_unit_windows": "counts_from",
    "marts.experiment_histograms": "business_date",
    "marts.experiment_quantiles": "as_of_date",
    "marts.experiment_moments": "as_of_date",
    "results.experiment_results": "as_of_date",
    "results.scorecards": "as_of_date",
}
"""The tables that are counted, each with the column that tells the rows of the newest date."""

_DUCKDB_BLOCK = 262_144

Measured = dict[str, Any]
"""Plain values, as they are kept in JSON."""


@dataclass(frozen=True, slots=True)
class Series:
    """One town, loaded and built day after day, of which some days are reported; not the first, which is built from nothing."""

    workload: Workload
    days: tuple[int, ...]


SERIES = (
    Series(Workload(deliveries=50_000, experiments=10), (3, 6, 12)),
    Series(Workload(deliveries=200_000, experiments=10), (3,)),
    Series(Workload(deliveries=500_000, experiments=10), (3,)),
    Series(Workload(deliveries=50_000, experiments=5), (3,)),
    Series(Workload(deliveries=50_000, experiments=50), (3,)),
)

WORKER_SIZES = (50_000, 200_000, 800_000)
WORKER_OBJECTS = (1, 10, 100)


def measure(
    series: Sequence[Series] = SERIES,
    worker_sizes: Sequence[int] = WORKER_SIZES,
    worker_objects: Sequence[int] = WORKER_OBJECTS,
    say: Callable[[str], None] = print,
) -> Measured:
    """Measure everything, in a folder that is removed again."""
    began, load_before = time.monotonic(), os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="splitmile-scaling-"))
    try:
        with EmbeddedS3(folder / "s3") as server:
            stores = _Places(folder, server)
            worker = list(_measure_worker(stores, worker_sizes, worker_objects, say))
            points = [point for each in series for point in _measure_series(stores, each, say)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"machine": _machine(time.monotonic() - began, load_before), "worker": worker, "points": points}


class _Places:
    """A state folder and a bucket of its own for whoever asks."""

    def __init__(self, folder: Path, server: EmbeddedS3) -> None:
        self._folder, self._server, self._count = folder, server, 0

    @contextmanager
    def fresh(self) -> Iterator[tuple[Settings, ObjectStore]]:
        self._count += 1
        place = self._folder / str(self._count)
        settings = Settings(state_dir=place / "state", experiments_dir=place / "experiments", feeds=Feeds(bucket=f"scaling-{self._count}"))
        store = ObjectStore(settings.feeds.bucket, self._server.credentials)
        store.ensure_bucket()
        try:
            yield settings, store
        finally:
            shutil.rmtree(place, ignore_errors=True)
            shutil.rmtree(self._server.folder / settings.feeds.bucket, ignore_errors=True)


def _measure_worker(places: _Places, sizes: Sequence[int], objects: Sequence[int], say: Callable[[str], None]) -> Iterator[Measured]:
    for size in sizes:
        _, deliveries, _ = next(Town(Workload(deliveries=size, experiments=1)).days())
        layouts = [*(("parquet", count) for count in objects), *([("csv.gz", 1), ("jsonl.gz", 1)] if size == sizes[0] else [])]
        for layout, count in layouts:
            with places.fresh() as (settings, store):
                found = measure_partition(settings, store, deliveries, layout, count)
            say(f"worker, {len(deliveries):,} rows in {count} × {layout}: {found['cpu_seconds']:.1f} s of processor")
            yield {"format": layout, "objects": count, "rows": len(deliveries), **found}


def _measure_series(places: _Places, series: Series, say: Callable[[str], None]) -> Iterator[Measured]:
    workload = series.workload
    with places.fresh() as (settings, store):
        write_experiments(settings.path(settings.experiments_dir), workload)
        registry = transform.read_registry(settings)
        for number, (business_date, deliveries, exposures) in enumerate(Town(workload).days(), 1):
            put_day(store, settings, business_date, deliveries, exposures)
            with open_warehouse(settings) as warehouse:
                loading = timed(lambda: _load(warehouse, settings, store, business_date))  # noqa: B023 (called at once)
                transform.sync_registry(warehouse, registry, "scaling")
            began = time.monotonic()
            (report,) = transform.build_marts(settings, business_date)
            transforming = time.monotonic() - began
            say(f"{workload.deliveries:,.0f} deliveries, {workload.experiments} experiments, day {number}: dbt {transforming:.1f} s")
            if number not in series.days:
                continue
            with open_warehouse(settings) as warehouse:
                plans = registry.plans
                costs = [cost for cost in report.costs if cost.resource_type in ("model", "test")]
                analysing = timed(lambda: [analysis.analyze_experiment(warehouse, settings, p, business_date, "scaling") for p in plans])  # noqa: B023
                yield {
                    "deliveries": workload.deliveries,
                    "experiments": workload.experiments,
                    "day": number,
                    "rows": _rows(warehouse, business_date),
                    "bytes": _bytes(warehouse),
                    "plain_bytes": _plain_bytes(warehouse),
                    "analysis": analysing,
                    "scorecard_bytes": warehouse.fetch("select max(strlen(scorecard)) as longest from results.scorecards")[0]["longest"],
                    "dbt_seconds": transforming,
                    "seconds": {"ingest": loading["seconds"], **{cost.model: cost.sql_seconds for cost in costs}},
                    "rows_read": {cost.model: cost.rows_read or 0 for cost in costs},
                }
            if number == series.days[-1]:
                return


def _load(warehouse: Warehouse, settings: Settings, store: ObjectStore, business_date: date) -> None:
    for partition in ingest.find_changed_partitions(store, warehouse, settings, business_date):
        ingest.load_partition(store, warehouse, settings, partition)


def _rows(warehouse: Warehouse, business_date: date) -> dict[str, dict[str, int]]:
    """Rows by table: those of the date, and all."""
    found = {}
    for table, column in DATE_COLUMNS.items():
        (row,) = warehouse.fetch(
            f"select count(case when {column} = date '{business_date}' then 1 end) as written, count(*) as kept from {table}"
        )
        found[table] = {"written": row["written"], "kept": row["kept"]}
    return found


def _bytes(warehouse: Warehouse) -> dict[str, int]:
    """Bytes by table in DuckDB's file: the blocks that a table's columns lie in."""
    warehouse.execute("checkpoint")
    blocks = "select count(distinct block_id) as blocks from pragma_storage_info('{}') where block_id >= 0"
    return {table: _DUCKDB_BLOCK * int(warehouse.fetch(blocks.format(table))[0]["blocks"]) for table in DATE_COLUMNS}


def _plain_bytes(warehouse: Warehouse) -> dict[str, float]:
    """Bytes of a row as an engine holds it while it sorts or joins: text by its length, anything else by eight; 0 without a row."""
    found = {}
    for table in DATE_COLUMNS:
        schema, name = table.split(".")
        columns = warehouse.fetch(
            "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ?", [schema, name]
        )
        widths = [f"coalesce(strlen({c['column_name']}), 0)" if c["data_type"] == "VARCHAR" else "8" for c in columns]
        (row,) = warehouse.fetch(f"select avg({' + '.join(widths)}) as width from {table}")
        found[table] = round(float(row["width"] or 0), 1)
    return found


def _machine(seconds: float, load_before: float) -> Measured:
    return {
        "cores": os.cpu_count(),
        "load_before": round(load_before, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "dbt": version("dbt-core"),
        "measured_on": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds),
    }
