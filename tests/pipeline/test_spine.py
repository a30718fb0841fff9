"""From S3 to the results on a small simulated city: exact against pandas, the same when run again, late data included."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipeline import brute_force, spine
from pipeline.direct_dbt import DirectDbt
from splitmile import transform
from splitmile.analysis import compose_digest, latest_scorecards
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.registry import MetricKind
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Feeds, Settings
from splitmile.simulate import City
from splitmile.simulate.population import CitySize
from splitmile.warehouse import open_warehouse

SIZE = CitySize(couriers=240, stores=40, customers=600, zones=12, daily_orders=900)
DATES = City(size=SIZE).dates[:6]
MODELS = [name for name in spine.MARTS if name.startswith("marts.")]
WINDOWS = {"first_day: 0, last_day: 6": "first_day: 0, last_day: 2", "first_day: 7, last_day: 13": "first_day: 1, last_day: 2"}
"""The metrics' windows, and shorter ones that are over within the dates."""


@pytest.fixture(scope="module")
def city() -> City:
    return City(size=SIZE)


@pytest.fixture(scope="module")
def town(city: City, s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, ObjectStore]:
    """Six business dates, run one after the other as they arrive."""
    metrics = tmp_path_factory.mktemp("metrics") / "metrics"
    shutil.copytree(Settings().path("dbt_project/metrics"), metrics)
    text = (metrics / "deliveries.yml").read_text()
    for longer, shorter in WINDOWS.items():
        assert longer in text
        text = text.replace(longer, shorter)
    (metrics / "deliveries.yml").write_text(text)
    settings = Settings(
        state_dir=tmp_path_factory.mktemp("town"),
        metrics_dir=metrics,
        feeds=Feeds(bucket="town", max_rejected_share=0.05),
        business_day=city.business_day,
    )
    store = ObjectStore("town", s3)
    store.ensure_bucket()
    for business_date in DATES:
        city.write_day(store, settings, business_date)
        spine.load(settings, store, business_date)
        spine.run(settings, business_date)
    return settings, store


@pytest.fixture(scope="module")
def direct(town: tuple[Settings, ObjectStore]) -> DirectDbt:
    return DirectDbt(town[0])


def test_every_metric_equals_a_recomputation_from_the_objects_on_s3(town: tuple[Settings, ObjectStore]) -> None:
    settings, store = town
    as_of = DATES[-1]
    deliveries, exposures = brute_force.read_objects(store)
    with open_warehouse(settings) as warehouse:
        rows = warehouse.fetch("select * from marts.experiment_moments where as_of_date = ?", [as_of])
    found: dict[tuple[str, str], dict[tuple[str, str], dict[str, int]]] = {}
    for row in rows:
        moments = {name: int(value) for name, value in row.items() if name == "units" or name.startswith("sum_")}
        found.setdefault((row["experiment_id"], row["metric"]), {})[row["variant"], row["segment"]] = moments
    seen: set[str] = set()
    for plan in transform.read_registry(settings).plans:
        if plan.switchback or not plan.start_date <= as_of <= plan.end_date:
            continue
        units = list(brute_force.units_of(plan, deliveries, exposures, as_of))
        for metric in (planned.metric for planned in plan.metrics):
            seen.add(metric.kind)
            if metric.kind is MetricKind.quantile:
                quantiles = {each.name: brute_force.quantile_of(units, each.name) for each in plan.variants}
                assert brute_force.quantiles_of_the_marts(settings, plan.experiment_id, as_of) == quantiles
                continue
            expected = brute_force.moments_of(plan, metric, units, as_of)
            assert found.pop((plan.experiment_id, metric.name), {}) == expected, (plan.experiment_id, metric.name)
            if expected:
                seen |= {"window" if metric.window else "", "cap" if metric.cap else "", *plan.segments}
                seen |= {"covariate" for moments in expected.values() if moments["sum_covariate_numerator"]}
    assert found == {}
    assert {"mean", "proportion", "ratio", "quantile", "window", "cap", "covariate", "tenure", "app_version"} <= seen


def test_running_a_date_again_changes_no_row(town: tuple[Settings, ObjectStore], direct: DirectDbt) -> None:
    settings, store = town
    before = spine.tables(settings)
    _again(settings, store, DATES[-1])
    _assert_same(spine.tables(settings), before)
    # Late rows came after the older dates were run: their first re-run restates them, and none after that changes anything.
    with direct.installed():
        for business_date in (DATES[2], DATES[0]):
            _again(settings, store, business_date)
        restated = spine.tables(settings)
        for business_date in (DATES[0], DATES[2], DATES[-1]):
            _again(settings, store, business_date)
    _assert_same(spine.tables(settings), restated)


def _again(settings: Settings, store: ObjectStore, business_date: date) -> None:
    spine.load(settings, store, business_date)
    spine.run(settings, business_date)


def _assert_same(after: dict[str, pd.DataFrame], before: dict[str, pd.DataFrame]) -> None:
    for name, frame in after.items():
        # The switchback experiment begins later.
        assert len(frame) > 0 or name.startswith("marts.switchback"), name
        pd.testing.assert_frame_equal(frame, before[name], obj=name)


def test_a_rebuild_from_nothing_gives_the_same_tables(town: tuple[Settings, ObjectStore], direct: DirectDbt, tmp_path: Path) -> None:
    settings, store = town
    fresh = settings.model_copy(update={"state_dir": tmp_path / "fresh"})
    for business_date in DATES:
        spine.load(fresh, store, business_date)
    # The latest date first, then the others, in no order: the runs of a backfill come as they like.
    with direct.installed():
        for business_date in (DATES[-1], DATES[1], DATES[4], DATES[0], DATES[3], DATES[2]):
            spine.run(fresh, business_date)
    as_of_last = {"marts.unit_days", "marts.experiment_units", "marts.experiment_exposures_daily"}
    rebuilt, grown = spine.tables(fresh, as_of_last), spine.tables(settings, as_of_last)
    for name in as_of_last:
        pd.testing.assert_frame_equal(rebuilt[name], grown[name], obj=name)
    assert _cards(fresh, DATES[-1]) == _cards(settings, DATES[-1])
    at_once = settings.model_copy(update={"state_dir": tmp_path / "at_once"})
    spine.load(at_once, store, DATES[-1])
    transform.build_marts(at_once, DATES[-1], first_date=DATES[0])
    _assert_same(spine.tables(at_once, MODELS), spine.tables(fresh, MODELS))


def test_a_corrected_partition_is_replayed_and_told(
    town: tuple[Settings, ObjectStore], city: City, direct: DirectDbt, s3: StoreCredentials, tmp_path: Path
) -> None:
    """The deliveries of the third date arrive first without their last object, and whole after everything was published."""
    settings, _ = town
    late = settings.model_copy(update={"state_dir": tmp_path / "late", "feeds": settings.feeds.model_copy(update={"bucket": "late"})})
    own = ObjectStore("late", s3)
    own.ensure_bucket()
    for business_date in DATES[:4]:
        keys = city.write_day(own, late, business_date)
        if business_date == DATES[2]:
            withheld = [key for key in keys if "/deliveries/" in key][-1]
            own.delete(withheld)
        spine.load(late, own, business_date)
        with direct.installed():
            spine.run(late, business_date)
    partial = _cards(late, DATES[3])
    city.write_day(own, late, DATES[2])
    spine.load(late, own, DATES[3])
    report = spine.run(late, DATES[3])
    assert report.replay_from <= DATES[2]
    whole = _cards(late, DATES[3])
    assert whole != partial
    assert whole == _cards(settings, DATES[3])
    with open_warehouse(late) as warehouse:
        digest = compose_digest(warehouse, late, transform.read_registry(late), DATES[3])
    assert any(r.experiment_id == "dispatch_ranking" and "Deliveries" in r.cause for r in digest.restatements)


def _cards(settings: Settings, as_of: date) -> dict[str, Scorecard]:
    with open_warehouse(settings) as warehouse:
        return latest_scorecards(warehouse, as_of)
