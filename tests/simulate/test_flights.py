from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from splitmile.errors import FeedError
from splitmile.simulate import Flights
from splitmile.simulate.demo_feed import DELIVERY_COLUMNS
from splitmile.simulate.flights import airport_timezones, as_deliveries, read_flights


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    """All flights of 2013 with the feed's instants beside them."""
    flights = read_flights(date(2013, 1, 1), date(2013, 12, 31))
    rows = as_deliveries(flights, airport_timezones())
    return pd.concat([flights, rows.drop(columns=["zone_id"])], axis=1)


def one_flight(**changes: object) -> pd.DataFrame:
    sound = {
        "year": 2013, "month": 2, "day": 3, "dep_time": 2005.0, "sched_dep_time": 2000, "dep_delay": 5.0, "arr_time": 2320.0,
        "sched_arr_time": 2330, "arr_delay": -10.0, "carrier": "UA", "flight": 1, "tailnum": "N1", "origin": "EWR", "dest": "LAX",
        "air_time": 340.0, "distance": 2454,
    }  # fmt: skip
    return pd.DataFrame([sound | changes])


def deliver(**changes: object) -> pd.Series:
    return as_deliveries(one_flight(**changes), airport_timezones()).iloc[0]


def test_arrivals_are_in_the_time_of_the_destination():
    row = deliver()
    assert row["promised_at"] == datetime(2013, 2, 4, 7, 30, tzinfo=UTC)
    assert row["delivered_at"] == datetime(2013, 2, 4, 7, 20, tzinfo=UTC)
    assert row["picked_up_at"] == datetime(2013, 2, 4, 1, 5, tzinfo=UTC)
    assert row["ordered_at"] == datetime(2013, 2, 4, 0, 0, tzinfo=UTC)
    assert row["distance_m"] == 3_949_330


def test_a_scheduled_arrival_after_midnight_is_on_the_next_day():
    assert deliver(sched_arr_time=15)["promised_at"] == datetime(2013, 2, 4, 8, 15, tzinfo=UTC)


def test_a_destination_outside_the_table_of_airports_has_its_time_zone_all_the_same():
    assert deliver(dest="SJU", sched_arr_time=30)["promised_at"] == datetime(2013, 2, 4, 4, 30, tzinfo=UTC)


def test_an_unknown_destination_is_named():
    with pytest.raises(FeedError, match="no tzone for ZZZ"):
        deliver(dest="ZZZ")


def test_a_flight_that_did_not_leave_is_cancelled():
    row = deliver(dep_time=np.nan, dep_delay=np.nan, arr_time=np.nan, arr_delay=np.nan, tailnum=None)
    assert row["status"] == "cancelled"
    assert pd.isna(row["courier_id"])
    assert row[["assigned_at", "picked_up_at", "delivered_at"]].isna().all()
    assert row["cancelled_at"] == datetime(2013, 2, 4, 1, 0, tzinfo=UTC)


def test_a_flight_that_left_and_did_not_arrive_has_failed():
    row = deliver(arr_delay=np.nan)
    assert row["status"] == "failed"
    assert pd.isna(row["delivered_at"])


def test_all_year_the_time_under_way_is_the_air_time_and_a_taxi(year: pd.DataFrame):
    done = year[year["status"] == "delivered"]
    taxi = (done["delivered_at"] - done["picked_up_at"]).dt.total_seconds() / 60 - done["air_time"]
    assert len(done) == 327_346
    assert taxi.min() >= 5
    assert taxi.max() < 240
    assert taxi.median() == 28


def test_all_year_the_arrival_has_the_local_time_that_the_data_say(year: pd.DataFrame):
    done = year[year["status"] == "delivered"]
    zones = done["dest"].map(airport_timezones())
    agree = sum(
        int((local.dt.hour * 100 + local.dt.minute == done.loc[index, "arr_time"] % 2400).sum())
        for zone, index in zones.groupby(zones).groups.items()
        for local in [done.loc[index, "delivered_at"].dt.tz_convert(zone)]
    )
    assert agree == len(done) - 1  # one flight landed in the hour that the change to summer time skipped; the data give 02:03 for it


def test_all_year_no_flight_leaves_before_its_boarding_opens_and_no_id_is_given_twice(year: pd.DataFrame):
    assert (year["picked_up_at"].dropna() >= year["ordered_at"][year["picked_up_at"].notna()]).all()
    assert year["delivery_id"].is_unique


def test_february_is_complete(flights: Flights):
    rows = pd.concat([flights.day(day).deliveries for day in flights.dates], ignore_index=True)
    assert tuple(rows.columns) == DELIVERY_COLUMNS
    assert rows["status"].value_counts().to_dict() == {"delivered": 23_611, "cancelled": 1_261, "failed": 79}
    for day in (flights.dates[0], flights.dates[-1]):
        instants = flights.day(day).deliveries["ordered_at"]
        assert {flights.business_day.date_of(instant.to_pydatetime()) for instant in instants} == {day}


def test_an_aircraft_always_has_the_same_variant(flights: Flights):
    rows = pd.concat([flights.day(day).exposures for day in flights.dates], ignore_index=True)
    assert (rows.groupby(["experiment_id", "unit_id"])["variant"].nunique() == 1).all()
    assert rows["exposure_id"].is_unique


def test_a_date_past_midnight_belongs_to_the_business_date_before():
    july = Flights(first_date=date(2013, 7, 26), days=1).day(date(2013, 7, 26)).deliveries
    late = july["ordered_at"].max()
    assert late == datetime(2013, 7, 27, 4, 6, tzinfo=UTC)
    assert Flights.business_day.date_of(late.to_pydatetime()) == date(2013, 7, 26)


def test_dates_outside_the_data_are_refused():
    with pytest.raises(FeedError, match=r"asks for 2014-01-01; expected dates of 2013"):
        Flights(first_date=date(2013, 12, 31) - timedelta(days=1), days=3)
