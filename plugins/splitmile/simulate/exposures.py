"""When a unit of the city meets its variant, what is logged of it, and on which orders the variant then acts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitmile.settings import BusinessDay
from splitmile.simulate.assignment import assign, hashed_uniforms
from splitmile.simulate.demo_feed import EXPOSURE_COLUMNS
from splitmile.simulate.orders import Orders, instants
from splitmile.simulate.population import Integers, Names, Population
from splitmile.simulate.switchbacks import ZoneSchedule
from splitmile.simulate.truths import PlantedExperiment

_NEVER = np.iinfo(np.int64).max
_SHORTEST_LEAD, _LONGEST_LEAD = 15, 240
_LOGGED_AGAIN = 0.15
_APP_VERSIONS = ("7.2.0", "7.2.1", "7.3.0")


class _Arm:
    """One experiment's units: their variants, when they may enter, when they did."""

    def __init__(self, experiment: PlantedExperiment, population: Population, business_day: BusinessDay) -> None:
        salt = experiment.experiment_id
        self.experiment = experiment
        self.names: Names = population.names(experiment.unit_type)
        self.variant: Integers = assign(salt, self.names, tuple(experiment.shares.values()))
        opens = int(business_day.starts_at(experiment.start).timestamp())
        self.eligible_at: Integers = opens + np.floor(hashed_uniforms(f"{salt}/ramp", self.names) * experiment.ramp_days * 86_400).astype(
            np.int64
        )
        self.exposed_at: Integers = np.full(len(self.names), _NEVER)
        self.is_lost = self._lost(population)
        self.is_contaminated = hashed_uniforms(f"{salt}/contaminated", self.names) < experiment.contaminated_share

    def _lost(self, population: Population) -> NDArray[np.bool_]:
        """Couriers of the treatment, the slow ones likelier: old phones lose the exposure, and old phones are slow."""
        lost = np.zeros(len(self.names), dtype=bool)
        treated = np.flatnonzero(self.variant != 0)
        count = round(self.experiment.lost_share * len(treated))
        if count:
            slowness = population.courier_pace[treated] * (
                1 + hashed_uniforms(f"{self.experiment.experiment_id}/lost", self.names[treated])
            )
            lost[treated[np.argsort(-slowness)[:count]]] = True
        return lost


class ExposureLog:
    """The exposures of all experiments, day after day in the order of the dates."""

    def __init__(self, experiments: Sequence[PlantedExperiment], population: Population, business_day: BusinessDay) -> None:
        """Assign every unit in every experiment."""
        self._arms = [_Arm(experiment, population, business_day) for experiment in experiments if experiment.switchback is None]
        self._schedules = [
            ZoneSchedule(experiment, experiment.switchback, population, business_day)
            for experiment in experiments
            if experiment.switchback is not None
        ]

    def expose(self, rng: np.random.Generator, orders: Orders) -> pd.DataFrame:
        """Expose the units that become active, and return the day's log.

        A unit is exposed shortly before its first order after it became eligible. Later exposures of the same unit are logged
        on some of its days; a contaminated unit then meets another variant. The zones of a switchback are exposed in each window.
        """
        frames = [self._expose(rng, arm, orders) for arm in self._arms if _is_running(arm.experiment, orders)]
        frames += [schedule.expose(orders) for schedule in self._schedules if _is_running(schedule.experiment, orders)]
        if not frames:
            return pd.DataFrame({column: [] for column in EXPOSURE_COLUMNS}).astype({"exposed_at": "datetime64[s, UTC]"})
        return pd.concat(frames, ignore_index=True).sort_values(["exposed_at", "exposure_id"], ignore_index=True)

    def apply_effects(self, orders: Orders) -> None:
        """Let every variant act on the orders placed since its unit's exposure, or in its windows."""
        for arm in self._arms:
            if not _is_running(arm.experiment, orders):
                continue
            units = orders.units(arm.experiment.unit_type)
            is_exposed = orders.ordered_at >= arm.exposed_at[units]
            for treatment, factors in arm.experiment.effects.items():
                where = is_exposed & (arm.variant[units] == arm.experiment.variants.index(treatment))
                for lever, factor in factors.items():
                    orders.apply(lever, factor, where)
        for schedule in self._schedules:
            for factors in schedule.experiment.effects.values():
                for lever, factor in factors.items():
                    orders.apply(lever, factor, schedule.is_treated(orders))

    def _expose(self, rng: np.random.Generator, arm: _Arm, orders: Orders) -> pd.DataFrame:
        units = orders.units(arm.experiment.unit_type)
        known = np.unique(units[arm.exposed_at[units] != _NEVER])
        open_orders = np.flatnonzero((arm.exposed_at[units] == _NEVER) & (orders.ordered_at >= arm.eligible_at[units]))
        fresh, first = np.unique(units[open_orders], return_index=True)
        arm.exposed_at[fresh] = orders.ordered_at[open_orders[first]] - rng.integers(_SHORTEST_LEAD, _LONGEST_LEAD, len(fresh))

        again = known[arm.is_contaminated[known] | (rng.random(len(known)) < _LOGGED_AGAIN)]
        today, opening = np.unique(units, return_index=True)
        seen_at = orders.ordered_at[opening[np.searchsorted(today, again)]] - rng.integers(_SHORTEST_LEAD, _LONGEST_LEAD, len(again))
        variant = arm.variant[again]
        variant = np.where(arm.is_contaminated[again], (variant + 1) % len(arm.experiment.variants), variant)

        who = np.concatenate([fresh, again])
        rows = pd.DataFrame(
            {
                "exposure_id": [f"{arm.experiment.experiment_id}-{orders.business_date:%Y%m%d}-{name}" for name in arm.names[who]],
                "experiment_id": arm.experiment.experiment_id,
                "variant": np.array(arm.experiment.variants, dtype=object)[np.concatenate([arm.variant[fresh], variant])],
                "unit_type": arm.experiment.unit_type,
                "unit_id": arm.names[who],
                "exposed_at": instants(np.concatenate([arm.exposed_at[fresh], seen_at])),
                "attributes": _attributes(rng, arm.experiment.unit_type, len(who)),
            }
        )
        logged: pd.DataFrame = rows.loc[~arm.is_lost[who]]
        return logged


def _is_running(experiment: PlantedExperiment, orders: Orders) -> bool:
    return experiment.start <= orders.business_date <= experiment.end


def _attributes(rng: np.random.Generator, unit_type: str, n: int) -> Names:
    """What the app says beside the exposure; zones have no app."""
    if unit_type == "zone":
        return np.full(n, None, dtype=object)
    texts = np.array([json.dumps({"app_version": version}) for version in _APP_VERSIONS], dtype=object)
    return texts[rng.choice(len(texts), n, p=[0.2, 0.5, 0.3])]
