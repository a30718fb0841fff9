"""However the feeds arrive, the tables end up as if all of it had been there from the start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples

from pipeline.direct_dbt import DirectDbt
from pipeline.late_world import DATES, Arrival, Partition, arrivals, last_versions, put, write_registry
from splitmile import ingest, transform
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import open_warehouse

STATE = (
    "staging.stg_deliveries",
    "staging.stg_exposures",
    "marts.unit_days",
    "marts.unit_totals",
    "marts.experiment_units",
    "marts.experiment_unit_windows",
    "marts.experiment_exposures_daily",
    "marts.experiment_histograms",
    "marts.switchback_window_days",
    "marts.switchback_exposures_daily",
)
RESULTS = ("marts.experiment_moments", "marts.experiment_quantiles", "marts.experiment_unit_metrics")


@dataclass(frozen=True)
class World:
    """An installation that can be emptied at little cost."""

    settings: Settings
    store: ObjectStore
    empty: Path

    @contextmanager
    def emptied(self) -> Iterator[None]:
        """Inside, the file is kept open: otherwise each session would end with a checkpoint."""
        shutil.copyfile(self.empty, self.settings.warehouse_file)
        with closing(duckdb.connect(str(self.settings.warehouse_file))):
            yield

    def load(self, partition: Partition) -> None:
        put(self.store, self.settings, partition)
        with open_warehouse(self.settings) as warehouse:
            ingest.load_partition(self.store, warehouse, self.settings, ingest.FeedPartition(partition.feed, DATES[partition.day]))

    def build(self, as_of: int) -> None:
        transform.build_marts(self.settings, DATES[as_of])

    def tables(self) -> dict[str, pd.DataFrame]:
        """The state as it is, and the results as of the last date."""
        where = dict.fromkeys(RESULTS, f"where as_of_date = date '{DATES[-1]}'")
        with open_warehouse(self.settings) as warehouse:
            frames = {name: warehouse.fetch_frame(f"select * from {name} {where.get(name, '')}") for name in (*STATE, *RESULTS)}
        return {name: frame.sort_values(list(frame.columns)).reset_index(drop=True) for name, frame in frames.items()}


@pytest.fixture(scope="module")
def world(s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("late")
    settings = write_registry(folder, Settings(state_dir=folder / "state", feeds=Feeds(bucket="late", on_empty="warn", on_shrunk="warn")))
    store = ObjectStore("late", s3)
    store.ensure_bucket()
    registry = transform.read_registry(settings)
    assert not registry.problems, registry.problems
    with open_warehouse(settings) as warehouse:
        transform.sync_registry(warehouse, registry, "test")
    empty = folder / "empty.duckdb"
    shutil.copyfile(settings.warehouse_file, empty)
    return World(settings, store, empty)


@pytest.fixture(scope="module")
def directly(world: World) -> Iterator[None]:
    with DirectDbt(world.settings).installed():
        yield


def _grown(world: World, story: Sequence[Arrival]) -> dict[str, pd.DataFrame]:
    with world.emptied():
        for arrival in story:
            for partition in arrival.partitions:
                world.load(partition)
            world.build(arrival.as_of)
        world.build(len(DATES) - 1)
        return world.tables()


def _fresh(world: World, story: Sequence[Arrival]) -> dict[str, pd.DataFrame]:
    with world.emptied():
        for partition in last_versions(story).values():
            if partition.rows:
                world.load(partition)
        world.build(len(DATES) - 1)
        return world.tables()


def _assert_same(world: World, story: Sequence[Arrival]) -> None:
    grown, fresh = _grown(world, story), _fresh(world, story)
    for name, frame in fresh.items():
        pd.testing.assert_frame_equal(grown[name], frame, obj=name)


@examples(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=arrivals)
def test_any_order_of_arrival_gives_the_tables_of_a_rebuild(world: World, directly: None, story: list[Arrival]) -> None:
    _assert_same(world, story)
