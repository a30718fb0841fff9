"""A delivery city with a seed: people, orders, and experiments whose truth is known.

Couriers take any number of orders at once; there are no queues, so treatments act on the rows they are planted in and nothing else.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from splitmile.object_store import ObjectStore
from splitmile.settings import BusinessDay, Settings
from splitmile.simulate.demo_feed import DayFrames, PlantedTruth
from splitmile.simulate.exposures import ExposureLog
from splitmile.simulate.feeds import write_partitions
from splitmile.simulate.irregularities import as_received
from splitmile.simulate.orders import draw_orders, settle
from splitmile.simulate.population import CitySize, draw_population
from splitmile.simulate.truths import EXPERIMENTS, planted_truths

LAST_DATE = date(2026, 3, 29)
DAYS = 28


class City:
    """The demo's delivery city; the same seed gives the same bytes on every machine with the same library versions.

    Each date has its own random stream, so earlier dates can be added and a date stays what it was.
    """

    name = "city"
    business_day = BusinessDay(timezone="Asia/Seoul", cutover_hour=5)
    experiments_dir = Path("experiments")

    def __init__(
        self,
        seed: int = 2023,
        last_date: date = LAST_DATE,
        days: int = DAYS,
        size: CitySize | None = None,
    ) -> None:
        """Describe a city; nothing is drawn before the first day is asked for.

        Args:
            seed: Seed of everything, not negative.
            last_date: Last business date.
            days: Business dates, the last one counted. Dates before the first experiment have deliveries only.
            size: How many of each; the default is the demo's.
        """
        self.seed = seed
        self.size = size or CitySize()
        self.dates = tuple(last_date - timedelta(days=back) for back in reversed(range(days)))

    @property
    def truths(self) -> tuple[PlantedTruth, ...]:
        """What was planted, one a treatment."""
        return planted_truths()

    def day(self, business_date: date) -> DayFrames:
        """What truly happened on a date."""
        return self._history[business_date]

    def write_day(self, store: ObjectStore, settings: Settings, business_date: date) -> tuple[str, ...]:
        """Put one date's partitions of both feeds, with all that goes wrong in a real feed; returns the keys."""
        received = as_received(lambda day: self._stream(day, 1), self._history, business_date)
        return write_partitions(store, settings, self.business_day, business_date, received)

    @cached_property
    def _history(self) -> dict[date, DayFrames]:
        population = draw_population(np.random.default_rng([self.seed, 0]), self.size)
        log = ExposureLog(EXPERIMENTS, population, self.business_day)
        history = {}
        for business_date in self.dates:
            orders = draw_orders(self._stream(business_date, 0), population, self.size, business_date, self._midnight(business_date))
            exposures = log.expose(self._stream(business_date, 2), orders)
            log.apply_effects(orders)
            history[business_date] = DayFrames(exposures, settle(orders, population))
        return history

    def _stream(self, business_date: date, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, business_date.toordinal(), purpose])

    def _midnight(self, business_date: date) -> int:
        local = datetime.combine(business_date, time(), ZoneInfo(self.business_day.timezone))
        return int(local.astimezone(UTC).timestamp())
