"""From S3 to the results on a small simulated city: exact against pandas, the same when run again, late data included."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from pipeline import spine
from splitmile.analysis import compose_digest, latest_scorecards
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.registry import Metric
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Feeds, Settings
from splitmile.simulate import City
from splitmile.simulate.population import CitySize
from splitmile.transform import read_registry
from splitmile.warehouse import open_warehouse

SIZE = CitySize(couriers=240, stores=40, customers=600, zones=12, daily_orders=900)
DATES = City(size=SIZE).dates[:6]
PARTS = ("numerator", "denominator", "covariate_numerator", "covariate_denominator")


@pytest.fixture(scope="module")
def city() -> City:
    return City(size=SIZE)


@pytest.fixture(scope="module")
def town(city: City, s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, ObjectStore]:
    """Six business dates, run one after the other as they arrive."""
    settings = Settings(
        state_dir=tmp_path_factory.mktemp("town"), feeds=Feeds(bucket="town", max_rejected_share=0.05), business_day=city.business_day
    )
    store = ObjectStore("town", s3)
    store.ensure_bucket()
    for business_date in DATES:
        city.write_day(store, settings, business_date)
        spine.load(settings, store, business_date)
        spine.run(settings, business_date)
    return settings, store


def _events(settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The raw tables by pandas alone: latest versions, local business dates."""
    with open_warehouse(settings) as warehouse:
        deliveries = warehouse.fetch_frame("select * from landing.deliveries")
        exposures = warehouse.fetch_frame("select * from landing.exposures")
    clean = []
    for frame, key, instant in ((deliveries, "delivery_id", "ordered_at"), (exposures, "exposure_id", "exposed_at")):
        latest = frame.sort_values(["partition_date", "object_key", "line_number"]).drop_duplicates(key, keep="last")
        local = latest[instant].dt.tz_localize("UTC").dt.tz_convert("Asia/Seoul").dt.tz_localize(None)
        clean.append(latest.assign(business_date=(local - pd.Timedelta(hours=5)).dt.date))
    return clean[0], clean[1]


def _sums(rows: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """The measures of some deliveries, as Python integers."""
    delivered = rows[rows.status == "delivered"]
    seconds = (delivered.delivered_at.dt.floor("s") - delivered.ordered_at.dt.floor("s")).dt.total_seconds()
    picked = rows[rows.picked_up_at.notna() & rows.assigned_at.notna()]
    waits = (picked.picked_up_at.dt.floor("s") - picked.assigned_at.dt.floor("s")).dt.total_seconds()
    promised = delivered[delivered.promised_at.notna()]
    return {
        "delivery_time": (int(seconds.sum()), len(delivered)),
        "pickup_wait": (int(waits.sum()), len(picked)),
        "late_rate": (int((promised.delivered_at > promised.promised_at).sum()), len(promised)),
        "cancellation_rate": (int((rows.status == "cancelled").sum()), len(rows)),
        "distance_per_delivery": (int(delivered.distance_m.fillna(0).sum()), len(delivered)),
        "deliveries_per_unit": (len(delivered), 1),
        "revenue_per_unit": (int(delivered.fee_krw.fillna(0).sum()), 1),
        "active_units": (int(len(delivered) > 0), 1),
    }


def _covariate(metric: Metric, rows: pd.DataFrame, exposure_date: date) -> tuple[int, int]:
    """What the unit did in the days before that of its exposure."""
    if metric.covariate_days is None:
        return 0, 0
    first = exposure_date - timedelta(days=metric.covariate_days)
    before = rows[(rows.business_date >= first) & (rows.business_date < exposure_date)]
    numerator, denominator = _sums(before)[metric.name]
    return numerator, denominator if metric.denominator else int(len(before) > 0)


def test_every_moment_equals_a_recomputation_from_the_raw_rows(town: tuple[Settings, ObjectStore]) -> None:
    settings, _ = town
    as_of = DATES[-1]
    deliveries, exposures = _events(settings)
    compared = covariates = 0
    with open_warehouse(settings) as warehouse:
        moments = {
            (row["experiment_id"], row["variant"], row["metric"]): row
            for row in warehouse.fetch("select * from marts.experiment_moments where as_of_date = ?", [as_of])
        }
    for plan in read_registry(settings).plans:
        if not plan.start_date <= as_of <= plan.end_date:
            continue
        own = exposures[
            (exposures.experiment_id == plan.experiment_id)
            & (exposures.unit_type == plan.unit_type)
            & (exposures.business_date >= plan.start_date)
            & (exposures.business_date <= as_of)
            & exposures.variant.isin([variant.name for variant in plan.variants])
        ]
        values: dict[tuple[str, str], list[tuple[int, int, int, int]]] = {}
        by_unit = dict(iter(deliveries.groupby(f"{plan.unit_type}_id")))
        for unit, seen in own.groupby("unit_id"):
            if seen.variant.nunique() > 1:
                continue
            rows = by_unit.get(unit, deliveries.iloc[:0])
            counted = rows[(rows.ordered_at >= seen.exposed_at.min()) & (rows.business_date <= as_of)]
            sums = _sums(counted)
            exposure_date = seen.sort_values("exposed_at").business_date.iloc[0]
            for planned in plan.metrics:
                covariate = _covariate(planned.metric, rows, exposure_date)
                values.setdefault((seen.variant.iloc[0], planned.metric.name), []).append((*sums[planned.metric.name], *covariate))
        for (variant, metric), units in values.items():
            row = moments[plan.experiment_id, variant, metric]
            parts = dict(zip(PARTS, zip(*units, strict=True), strict=True))
            expected = {"units": len(units)}
            expected |= {f"sum_{part}": sum(parts[part]) for part in PARTS}
            expected |= {f"sum_{part}_squared": sum(value * value for value in parts[part]) for part in PARTS}
            expected |= {
                f"sum_{left}_{right.removeprefix('covariate_') if left.startswith('covariate') else right}": sum(
                    a * b for a, b in zip(parts[left], parts[right], strict=True)
                )
                for left, right in combinations(PARTS, 2)
            }
            found = {column: int(row[column]) for column in expected}
            assert found == expected, (plan.experiment_id, variant, metric)
            compared += 1
            covariates += parts["covariate_numerator"] != (0,) * len(units)
    assert compared >= 12
    assert covariates >= 4


def test_running_a_date_again_changes_no_row(town: tuple[Settings, ObjectStore]) -> None:
    settings, store = town
    before = spine.tables(settings)
    _again(settings, store, DATES[-1])
    _assert_same(spine.tables(settings), before)
    # Late rows came after the older dates were run: their first re-run restates them, and none after that changes anything.
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
        assert len(frame) > 0, name
        pd.testing.assert_frame_equal(frame, before[name], obj=name)


def test_a_rebuild_from_nothing_gives_the_same_tables(town: tuple[Settings, ObjectStore], city: City, tmp_path: Path) -> None:
    settings, store = town
    fresh = settings.model_copy(update={"state_dir": tmp_path / "fresh"})
    for business_date in DATES:
        spine.load(fresh, store, business_date)
    # The latest date first, then the others, in no order: the runs of a backfill come as they like.
    for business_date in (DATES[-1], DATES[1], DATES[4], DATES[0], DATES[3], DATES[2]):
        spine.run(fresh, business_date)
    as_of_last = {"marts.unit_days", "marts.experiment_units", "marts.experiment_exposures_daily"}
    rebuilt, grown = spine.tables(fresh, as_of_last), spine.tables(settings, as_of_last)
    for name in as_of_last:
        pd.testing.assert_frame_equal(rebuilt[name], grown[name], obj=name)
    assert _cards(fresh, DATES[-1]) == _cards(settings, DATES[-1])


def test_a_corrected_partition_is_replayed_and_told(
    town: tuple[Settings, ObjectStore], city: City, s3: StoreCredentials, tmp_path: Path
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
        digest = compose_digest(warehouse, late, read_registry(late), DATES[3])
    assert any(r.experiment_id == "dispatch_ranking" and "Deliveries" in r.cause for r in digest.restatements)


def _cards(settings: Settings, as_of: date) -> dict[str, Scorecard]:
    with open_warehouse(settings) as warehouse:
        return latest_scorecards(warehouse, as_of)
