"""However the feeds arrive, the tables end up as if all of it had been there from the start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples

from pipeline.direct_dbt import DirectDbt
from pipeline.late_world import DATES, Arrival, Delivery, Exposure, Partition, arrivals, last_versions, put, write_registry
from splitmile import ingest, transform
from splitmile.ingest import FeedName
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
# In the end results are made as of the dates on which experiments end, and later ones; before, stories leave ended ones behind.
COMPARED = DATES[3:]


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
        with open_warehouse(self.settings):
            yield

    def load(self, partition: Partition) -> None:
        put(self.store, self.settings, partition)
        with open_warehouse(self.settings) as warehouse:
            ingest.load_partition(self.store, warehouse, self.settings, ingest.FeedPartition(partition.feed, DATES[partition.day]))

    def build(self, *as_of: date) -> None:
        transform.build_marts(self.settings, as_of[-1], first_date=as_of[0])

    def tables(self) -> dict[str, pd.DataFrame]:
        """The state as it is, and the results as of the last dates."""
        where = dict.fromkeys(RESULTS, f"where as_of_date >= date '{COMPARED[0]}'")
        with open_warehouse(self.settings) as warehouse:
            frames = {name: warehouse.fetch_frame(f"select * from {name} {where.get(name, '')}") for name in (*STATE, *RESULTS)}
        return {name: frame[sorted(frame)].sort_values(sorted(frame)).reset_index(drop=True) for name, frame in frames.items()}


@pytest.fixture(scope="module")
def world(s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("late")
    settings = write_registry(
        folder, Settings(state_dir=folder / "state", feeds=Feeds(bucket="any-order", on_empty="warn", on_shrunk="warn"))
    )
    store = ObjectStore("any-order", s3)
    store.ensure_bucket()
    registry = transform.read_registry(settings)
    assert not registry.problems, registry.problems
    with open_warehouse(settings) as warehouse:
        transform.sync_registry(warehouse, registry, "test")
    empty = folder / "empty.duckdb"
    shutil.copyfile(settings.warehouse_file, empty)
    return World(settings, store, empty)


@pytest.fixture(scope="module")
def direct(world: World) -> DirectDbt:
    return DirectDbt(world.settings)


def _grown(world: World, story: Sequence[Arrival]) -> dict[str, pd.DataFrame]:
    with world.emptied():
        for arrival in story:
            for partition in arrival.partitions:
                world.load(partition)
            world.build(DATES[arrival.as_of])
        world.build(*COMPARED)
        return world.tables()


def _fresh(world: World, story: Sequence[Arrival]) -> dict[str, pd.DataFrame]:
    with world.emptied():
        for partition in last_versions(story).values():
            if partition.rows:
                world.load(partition)
        world.build(*COMPARED)
        return world.tables()


def _assert_latest(frame: pd.DataFrame, story: Sequence[Arrival], feed: FeedName, columns: list[str]) -> None:
    """Of each id the last row of the last partition that has it."""
    latest = {}
    finally_there = last_versions(story)
    for key in sorted(key for key in finally_there if key[0] == feed):
        latest |= {
            row[columns[0]]: [row[column].removesuffix("Z") for column in columns]
            for row in (each.row() for each in finally_there[key].rows)
        }
    assert sorted(frame[columns].astype(str).to_numpy().tolist()) == sorted(latest.values())


def _assert_same(grown: dict[str, pd.DataFrame], fresh: dict[str, pd.DataFrame], story: Sequence[Arrival]) -> None:
    _assert_latest(grown["staging.stg_deliveries"], story, "deliveries", ["delivery_id", "store_id", "ordered_at", "status"])
    _assert_latest(grown["staging.stg_exposures"], story, "exposures", ["exposure_id", "unit_id", "exposed_at", "variant"])
    for name, frame in fresh.items():
        pd.testing.assert_frame_equal(grown[name], frame, obj=name)


# A date whose exposures come first and alone.
_EXPOSED_ALONE = [Arrival((Partition("exposures", 0, (Exposure(0, "ranking", 0, "x", 0, 0, "bike"),)),), 0)]


@examples(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@example(story=_EXPOSED_ALONE)
@given(story=arrivals)
def test_any_order_of_arrival_gives_the_tables_of_a_rebuild(world: World, direct: DirectDbt, story: list[Arrival]) -> None:
    with direct.installed():
        _assert_same(_grown(world, story), _fresh(world, story), story)


def _of_a_day(day: int, **changes: Any) -> Partition:
    """Each courier delivers at noon and after midnight, from store to zone by turns."""
    rows = [Delivery(10 * day + n, n % 3, n % 2, n % 2, day, 12 if n < 3 else 23, 20 + 10 * n, "delivered") for n in range(6)]
    return Partition("deliveries", day, tuple(replace(row, **changes) for row in rows))


_EXPOSED = (
    Exposure(0, "ranking", 0, "x", 0, 4, "bike"),
    Exposure(1, "ranking", 1, "y", 1, 12, None),
    Exposure(2, "cooking", 0, "y", 1, 4, None),
    Exposure(3, "batching", 1, "x", 2, 4, None),
)
_MET_THE_OTHER = Exposure(4, "ranking", 0, "y", 2, 0, "bike")
STORIES = {
    "a correction of a correction, out of order, and then none": [
        Arrival((_of_a_day(1), Partition("exposures", 1, _EXPOSED)), 1),
        Arrival((_of_a_day(3), _of_a_day(0)), 3),
        Arrival((_of_a_day(1, status="cancelled"),), 3),
        Arrival((_of_a_day(1, minutes=45), Partition("deliveries", 3, ())), 4),
    ],
    "an exposure after its deliveries, taken back; a delivery that moves to another day": [
        Arrival((_of_a_day(0), _of_a_day(2)), 2),
        Arrival((Partition("exposures", 2, (*_EXPOSED, _MET_THE_OTHER)),), 2),
        Arrival((Partition("deliveries", 4, tuple(replace(row, day=4) for row in _of_a_day(0).rows[:3])),), 4),
        Arrival((Partition("exposures", 2, _EXPOSED),), 1),
    ],
}


def test_an_experiment_that_is_gone_takes_its_state_with_it(world: World, direct: DirectDbt, tmp_path: Path) -> None:
    shutil.copytree(world.settings.experiments_dir, tmp_path / "fewer", ignore=shutil.ignore_patterns("ranking.yaml"))
    fewer = transform.read_registry(world.settings.model_copy(update={"experiments_dir": tmp_path / "fewer"}))
    with direct.installed(), world.emptied():
        for day in range(3):
            world.load(_of_a_day(day))
        world.load(Partition("exposures", 1, _EXPOSED))
        world.build(DATES[2])
        before = world.tables()
        with open_warehouse(world.settings) as warehouse:
            transform.sync_registry(warehouse, fewer, "test")
        world.build(DATES[3])
        after = world.tables()
    with_units = [name for name in STATE if "experiment_id" in before[name] and name.startswith("marts.experiment")]
    assert len(with_units) == 4
    for name in with_units:
        assert "ranking" in set(before[name]["experiment_id"]), name
        assert set(after[name]["experiment_id"]) == set(before[name]["experiment_id"]) - {"ranking"}, name


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_the_same_by_dbt_itself(world: World, direct: DirectDbt, name: str) -> None:
    """What dbt grows equals what is built at once, statement by statement: so the short way is dbt's own as well."""
    story = STORIES[name]
    grown = _grown(world, story)
    with direct.installed():
        fresh = _fresh(world, story)
    _assert_same(grown, fresh, story)
    assert all(len(frame) for name, frame in fresh.items() if name != "marts.switchback_exposures_daily"), "a table is empty"
