from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import pytest

from splitmile.calibration import Feed, city_feed
from splitmile.simulate import City
from splitmile.simulate.population import CitySize


@pytest.fixture(scope="session")
def small_feed() -> Feed:
    """A city of 240 couriers that no experiment has touched: 28 days before, 60 days of the run."""
    size = CitySize(couriers=240, stores=40, customers=600, zones=8, daily_orders=700)
    return city_feed(City(last_date=date(2026, 3, 1), days=88, size=size))


@pytest.fixture(scope="session")
def short_feed(small_feed: Feed) -> Feed:
    """Its first eight days."""
    is_used = small_feed.day < 8
    units, unit = np.unique(small_feed.unit[is_used], return_inverse=True)
    covariates, places = small_feed.covariates, small_feed.places
    assert covariates is not None
    assert places is not None
    assert small_feed.stratum is not None
    return dataclasses.replace(
        small_feed,
        units=units.size,
        unit=unit,
        value=small_feed.value[is_used],
        day=small_feed.day[is_used],
        covariates=dataclasses.replace(covariates, numerator=covariates.numerator[units], denominator=covariates.denominator[units]),
        stratum=small_feed.stratum[units],
        places=dataclasses.replace(places, zone=places.zone[is_used], minute=places.minute[is_used]),
    )
