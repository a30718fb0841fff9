"""A switchback experiment of the city: zones that change variant from window to window by a schedule drawn beforehand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitmile.settings import BusinessDay
from splitmile.simulate.orders import Orders, instants
from splitmile.simulate.population import Integers, Names, Population
from splitmile.simulate.truths import PlantedExperiment
from splitmile.stats import SwitchbackDesign


class ZoneSchedule:
    """The schedule of one experiment: what is logged of it, and on which orders it acts. Nothing of it is left to chance."""

    def __init__(self, experiment: PlantedExperiment, design: SwitchbackDesign, population: Population, business_day: BusinessDay) -> None:
        """Draw the schedule; zones of the city that are not in the design stay out."""
        self.experiment = experiment
        self._design = design
        self._arms = design.draw()
        self._zones: Names = population.names(experiment.unit_type)
        self._business_day = business_day
        place = {zone: row for row, zone in enumerate(design.zones)}
        self._row: Integers = np.array([place.get(zone, -1) for zone in self._zones], dtype=np.int64)

    def expose(self, orders: Orders) -> pd.DataFrame:
        """One exposure a zone and window of the date, at the start of the window."""
        opens, closes = (
            int(self._business_day.starts_at(orders.business_date + timedelta(days=days)).timestamp()) - self._start for days in (0, 1)
        )
        numbers = np.arange(max(-(-opens // self._length), 0), min(-(-closes // self._length), self._design.windows))
        zone, window = (each.ravel() for each in np.meshgrid(np.flatnonzero(self._row >= 0), numbers, indexing="ij"))
        names, variants = self._zones[zone], np.array(self.experiment.variants, dtype=object)
        return pd.DataFrame(
            {
                "exposure_id": [f"{self.experiment.experiment_id}-{number:04d}-{name}" for number, name in zip(window, names, strict=True)],
                "experiment_id": self.experiment.experiment_id,
                "variant": variants[self._arms[self._row[zone], window]],
                "unit_type": self.experiment.unit_type,
                "unit_id": names,
                "exposed_at": instants(self._start + window * self._length),
                "attributes": np.full(len(names), None, dtype=object),
            }
        )

    def is_treated(self, orders: Orders) -> NDArray[np.bool_]:
        """Whether each order is placed in a window of treatment."""
        row, window = self._row[orders.zone], (orders.ordered_at - self._start) // self._length
        is_within = (row >= 0) & (window >= 0) & (window < self._design.windows)
        treated: NDArray[np.bool_] = is_within & (self._arms[row, np.where(is_within, window, 0)] == 1)
        return treated

    @property
    def _start(self) -> int:
        return int(self._design.start.timestamp())

    @property
    def _length(self) -> int:
        """Seconds of a window."""
        return 60 * self._design.window_minutes
