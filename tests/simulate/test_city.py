from __future__ import annotations

import time
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from splitmile.simulate import City
from splitmile.simulate.demo_feed import DELIVERY_COLUMNS, EXPOSURE_COLUMNS
from splitmile.simulate.orders import draw_orders
from splitmile.simulate.population import CitySize, draw_population
from splitmile.simulate.realism import Likeness, intraclass_correlation

SMALL = CitySize(couriers=60, stores=20, customers=150, zones=5, daily_orders=300)


def test_the_demo_is_four_weeks(city: City):
    assert (city.dates[0], city.dates[-1], len(city.dates)) == (date(2026, 3, 2), date(2026, 3, 29), 28)


def test_four_weeks_and_two_before_are_drawn_in_seconds():
    started = time.perf_counter()
    assert len(City(days=42).day(date(2026, 3, 29)).deliveries) > 7_000
    assert time.perf_counter() - started < 20


def test_steps_have_the_medians_of_real_couriers():
    rng = np.random.default_rng(5)
    size = CitySize()
    orders = draw_orders(rng, draw_population(rng, size), size, date(2026, 3, 4), 0)
    assert np.median(orders.steps / 60, axis=0) == pytest.approx([1.2, 10, 8, 23], rel=0.08)


def test_whole_deliveries_look_like_real_ones(likeness: Likeness):
    assert likeness.median_confirm == pytest.approx(1.2, abs=0.15)
    assert likeness.median_total == pytest.approx(52, abs=2)
    assert likeness.p99_total / likeness.median_total == pytest.approx(3, abs=0.25)
    assert likeness.intraclass_correlation == pytest.approx(0.10, abs=0.015)


def test_orders_look_like_a_day_in_the_city(likeness: Likeness):
    assert likeness.orders_a_day == pytest.approx(9_000, rel=0.03)
    assert 0.03 < likeness.cancelled < 0.04
    assert 0 < likeness.failed < 0.01
    assert 0.10 < likeness.late < 0.20
    assert likeness.busiest_hours[0] in {11, 12}
    assert likeness.busiest_hours[1] in {18, 19}


def test_the_intraclass_correlation_is_seen_where_it_is_and_not_where_it_is_not():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(300), 40)
    noise = rng.normal(0, 3, len(group))
    assert intraclass_correlation(noise, group) == pytest.approx(0, abs=0.01)
    assert intraclass_correlation(noise + rng.normal(0, 1, 300)[group], group) == pytest.approx(0.10, abs=0.02)


def test_rows_follow_the_contract(city: City):
    frames = city.day(date(2026, 3, 20))
    rows = frames.deliveries
    assert tuple(rows.columns) == DELIVERY_COLUMNS
    assert tuple(frames.exposures.columns) == EXPOSURE_COLUMNS
    assert rows["delivery_id"].is_unique
    assert frames.exposures["exposure_id"].is_unique
    assert rows[["store_id", "customer_id", "zone_id", "ordered_at", "status"]].notna().all().all()
    done = rows[rows["status"] == "delivered"]
    steps = done[["ordered_at", "assigned_at", "picked_up_at", "delivered_at"]].to_numpy()
    assert (steps[:, 1:] >= steps[:, :-1]).all()
    cancelled = rows[rows["status"] == "cancelled"]
    assert (cancelled["cancelled_at"] >= cancelled["ordered_at"]).all()
    assert cancelled["delivered_at"].isna().all()
    assert cancelled["fee_krw"].isna().all()
    assert (rows["courier_id"].isna() == rows["assigned_at"].isna()).all()


def test_every_row_belongs_to_the_business_date_it_is_made_for(city: City):
    for day in (city.dates[0], city.dates[-1]):
        frames = city.day(day)
        for instant in (*frames.deliveries["ordered_at"].iloc[[0, -1]], *frames.exposures["exposed_at"].iloc[[0, -1]]):
            assert city.business_day.date_of(instant.to_pydatetime()) == day
        assert frames.deliveries["delivered_at"].max() < city.business_day.starts_at(day + timedelta(days=1))


def test_the_same_seed_gives_the_same_city_and_another_seed_another():
    day = date(2026, 3, 5)
    first, again, other = (City(seed=seed, days=25, size=SMALL).day(day) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.deliveries, again.deliveries)
    pd.testing.assert_frame_equal(first.exposures, again.exposures)
    assert not first.deliveries["ordered_at"].head(50).equals(other.deliveries["ordered_at"].head(50))


def test_dates_before_the_experiments_have_deliveries_only_and_change_nothing_later():
    without, with_before = City(days=28, size=SMALL), City(days=42, size=SMALL)
    before = with_before.day(date(2026, 2, 20))
    assert len(before.deliveries) > 200
    assert before.exposures.empty
    for day in without.dates[:5]:
        pd.testing.assert_frame_equal(without.day(day).deliveries, with_before.day(day).deliveries)
        pd.testing.assert_frame_equal(without.day(day).exposures, with_before.day(day).exposures)


def test_some_units_have_orders_on_their_exposure_day_before_it(city: City):
    day = city.dates[1]
    frames = city.day(day)
    dispatch = [
        city.day(d).exposures.query("experiment_id == 'dispatch_ranking'").set_index("unit_id")["exposed_at"] for d in city.dates[:2]
    ]
    fresh = dispatch[1][~dispatch[1].index.isin(dispatch[0].index)]
    exposed_at = frames.deliveries["courier_id"].map(fresh)
    assert (frames.deliveries["ordered_at"] < exposed_at).sum() > 100
    assert (frames.deliveries["ordered_at"] >= exposed_at).sum() > 100
