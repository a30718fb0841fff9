"""The demo's feeds, drawn once for the tests of this area."""

from __future__ import annotations

import pytest

from splitmile.simulate import City, Flights
from splitmile.simulate.realism import Likeness, measure_likeness


@pytest.fixture(scope="session")
def city() -> City:
    """The demo's city."""
    return City()


@pytest.fixture(scope="session")
def likeness(city: City) -> Likeness:
    """What the city's deliveries look like."""
    return measure_likeness(city)


@pytest.fixture(scope="session")
def flights() -> Flights:
    """February 2013."""
    return Flights()
