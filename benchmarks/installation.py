"""An installation in a scratch folder: history put in at once, days loaded and built by the real code, and what each step cost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from benchmarks.workload import Workload
from splitmile import ingest, transform
from splitmile.ingest.contract import FEEDS
from splitmile.object_store import ObjectStore
from splitmile.settings import Feeds, Settings, WarehouseSettings
from splitmile.transform import ModelCost
from splitmile.warehouse import Warehouse, open_warehouse

METRICS_FOLDER = Path(__file__).with_name("metrics")


@dataclass(frozen=True, slots=True)
class BuildCost:
    """What the transform cost, by its own report.

    Attributes:
        seconds: From the call to its return.
        costs: Of its runs' models, tests and hooks.
    """

    seconds: float
    costs: tuple[ModelCost, ...]

    @property
    def models(self) -> float:
        """Seconds of SQL of all models, their commits included."""
        return self._of_type("model")

    @property
    def tests(self) -> float:
        """Seconds of SQL of all tests."""
        return self._of_type("test")

    def dearest(self, count: int = 6) -> str:
        """The models, tests and hooks that took most, for a line of progress."""
        dearest = sorted(self.costs, key=lambda cost: -cost.sql_seconds)[:count]
        return ", ".join(f"{cost.model} {cost.sql_seconds:.2f}" for cost in dearest)

    def of(self, *models: str) -> float:
        """Seconds of SQL of the models that are named."""
        return sum(cost.sql_seconds for cost in self.costs if cost.model in models)

    def _of_type(self, resource_type: str) -> float:
        return sum(cost.sql_seconds for cost in self.costs if cost.resource_type == resource_type)


@dataclass(frozen=True, slots=True)
class DayCost:
    """What a daily step cost: both feeds loaded, and the run of dbt."""

    load_seconds: float
    build: BuildCost

    @property
    def seconds(self) -> float:
        """Reading the day's Parquet to all tables committed, without dbt's own time and without tests."""
        return self.load_seconds + self.build.models


class Installation:
    """One installation on DuckDB, with its own registry, bucket and state folder."""

    def __init__(self, folder: Path, workload: Workload, store: ObjectStore, files: Path, memory_limit: str = "4GB") -> None:
        """Write the registry; nothing is loaded yet.

        Args:
            folder: Of the installation.
            workload: What its feeds hold.
            store: Its bucket, which exists.
            files: Where `Workload.write_days` has put the days.
            memory_limit: Of DuckDB.
        """
        self.folder, self.workload, self.store, self.files = folder, workload, store, files
        self.settings = Settings(
            state_dir=folder / "state",
            experiments_dir=folder / "experiments",
            metrics_dir=METRICS_FOLDER,
            feeds=Feeds(bucket=store.bucket),
            warehouse=WarehouseSettings(memory_limit=memory_limit),
        )
        workload.write_experiments(self.settings.path(self.settings.experiments_dir))
        self.registry = transform.read_registry(self.settings)
        with open_warehouse(self.settings) as warehouse:
            transform.sync_registry(warehouse, self.registry, "benchmark")

    def put_history(self, days: Sequence[int]) -> None:
        """Days as if they had been loaded one after the other: their rows in the raw tables, and their dates marked as changed."""
        now = datetime.now(UTC).replace(tzinfo=None)
        with open_warehouse(self.settings) as warehouse:
            # DuckDB writes a checkpoint after each large transaction; one at the end is enough.
            warehouse.execute("set checkpoint_threshold = '1TB'")
            for name, feed in FEEDS.items():
                columns = ", ".join(column.name for column in feed.columns)
                for day in days:
                    self._put(warehouse, feed.table, columns, self.workload.file(self.files, name, day), self.workload.date(day))
                changed = [{"feed": name, "business_date": self.workload.date(day), "load_id": f"history-{day}"} for day in days]
                warehouse.append("ops.changed_dates", [{**row, "changed_at": now, "transformed_at": None} for row in changed])
            warehouse.execute("checkpoint")

    def put_objects(self, day: int) -> None:
        """Put a day's objects into the bucket."""
        for feed in FEEDS:
            body = self.workload.file(self.files, feed, day).read_bytes()
            self.store.put(f"{self.settings.feeds.prefix}/{feed}/date={self.workload.date(day)}/part-00000.parquet", body)

    def load_day(self, day: int) -> float:
        """Put a day's objects into the bucket and load them with the real loader; returns the loader's seconds."""
        business_date = self.workload.date(day)
        self.put_objects(day)
        began = time.perf_counter()
        with open_warehouse(self.settings) as warehouse:
            for feed in FEEDS:
                partition = ingest.list_partition(self.store, self.settings, feed, business_date)
                ingest.load_partition(self.store, warehouse, self.settings, partition)
        return time.perf_counter() - began

    def build(self, day: int, first_day: int | None = None) -> BuildCost:
        """The real transform as of one day, or of each day of a range that ends with it."""
        first_date = None if first_day is None else self.workload.date(first_day)
        began = time.perf_counter()
        reports = transform.build_marts(self.settings, self.workload.date(day), first_date=first_date)
        return BuildCost(time.perf_counter() - began, tuple(cost for report in reports for cost in report.costs))

    def step(self, day: int) -> DayCost:
        """One daily step."""
        return DayCost(self.load_day(day), self.build(day))

    def copy(self, folder: Path, memory_limit: str | None = None) -> Installation:
        """The same installation again, its tables included, in another folder."""
        (folder / "state").mkdir(parents=True)
        shutil.copyfile(self.settings.warehouse_file, folder / "state" / self.settings.warehouse_file.name)
        return Installation(folder, self.workload, self.store, self.files, memory_limit or self.settings.warehouse.memory_limit)

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the tables, as the product opens them; nothing is kept of what is written."""
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as connection:
            connection.execute(f"set memory_limit = '{self.settings.warehouse.memory_limit}'")
            connection.execute("set timezone = 'UTC'")
            yield connection

    @staticmethod
    def _put(warehouse: Warehouse, table: str, columns: str, file: Path, partition_date: date) -> None:
        warehouse.execute(
            f"insert into {table} ({columns}, partition_date, object_number, line_number) "
            f"select {columns}, cast(? as date), 1, file_row_number + 1 "
            "from read_parquet(?, file_row_number = true, hive_partitioning = false)",
            [partition_date, str(file)],
        )
