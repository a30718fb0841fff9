"""Feeds of a city of any size, drawn with arrays: the demo's orders, and as many experiments as are wanted."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.cost_model import POPULATIONS, UNIT_TYPE_CYCLE, Workload
from splitmile.object_store import ObjectStore
from splitmile.settings import BusinessDay, Settings
from splitmile.simulate import feeds
from splitmile.simulate.orders import draw_orders, instants, settle
from splitmile.simulate.population import CitySize, draw_population

METRICS = ("late_rate", "deliveries_per_unit", "revenue_per_unit", "deliveries_first_week", "delivery_time_p90", "cancellation_rate")
"""Of every experiment: one of them a quantile, and one of a window of seven days."""
FIRST_DATE = date(2026, 3, 2)
VARIANTS = ("current", "changed")

_AVERAGE_WEEKDAY = date(2026, 3, 5)
_ROWS_AN_OBJECT = 250_000
_ATTRIBUTES = np.array([json.dumps({"app_version": version}) for version in ("7.2.0", "7.2.1", "7.3.0")], dtype=object)


@dataclass(slots=True)
class _Arm:
    """One experiment's units, by their index in the population."""

    experiment_id: str
    unit_type: str
    takes_part: NDArray[np.bool_]
    is_known: NDArray[np.bool_]
    variant: NDArray[np.int8]


class Town:
    """A town with a seed; its days have to be asked for one after the other, since exposure goes on from day to day."""

    def __init__(self, workload: Workload, seed: int = 2023) -> None:
        """Draw the population and who takes part in which experiment."""
        self._seed = seed
        self._workload = workload
        units = {name: max(2, round(found.per_delivery * workload.deliveries)) for name, found in POPULATIONS.items()}
        self._size = CitySize(units["courier"], units["store"], units["customer"], units["zone"], round(workload.deliveries))
        self._population = draw_population(np.random.default_rng([seed, 0]), self._size)
        rng = np.random.default_rng([seed, 1])
        self._arms = [
            _Arm(
                experiment_id,
                unit_type,
                rng.random(units[unit_type]) < workload.traffic_share,
                np.zeros(units[unit_type], dtype=bool),
                rng.integers(0, len(VARIANTS), units[unit_type], dtype=np.int8),
            )
            for experiment_id, unit_type in experiment_ids(workload.experiments)
        ]

    def days(self) -> Iterator[tuple[date, pd.DataFrame, pd.DataFrame]]:
        """Business date, deliveries and exposures, from the first date on without end."""
        business_date = FIRST_DATE
        while True:
            rng = np.random.default_rng([self._seed, business_date.toordinal()])
            midnight = datetime.combine(business_date, time(), ZoneInfo(BusinessDay().timezone)).astimezone(UTC)
            # The demo's weeks have busy and quiet days; a measured day has the size that was asked for, as on the average weekday.
            orders = draw_orders(rng, self._population, self._size, _AVERAGE_WEEKDAY, int(midnight.timestamp()))
            # The orders are in the order of their instants, so the first index of a unit is its first order.
            seen = {unit_type: np.unique(orders.units(unit_type), return_index=True) for unit_type in POPULATIONS}
            exposures = [self._expose(rng, arm, *seen[arm.unit_type], orders.ordered_at) for arm in self._arms]
            deliveries = settle(orders, self._population)
            # Identifiers of real feeds are random, and so are the bytes they take.
            deliveries["delivery_id"] = _identifiers(rng, len(deliveries))
            yield business_date, deliveries, pd.concat(exposures, ignore_index=True)
            business_date += timedelta(days=1)

    def _expose(
        self,
        rng: np.random.Generator,
        arm: _Arm,
        active: NDArray[np.int64],
        first_order: NDArray[np.int64],
        ordered_at: NDArray[np.int64],
    ) -> pd.DataFrame:
        is_logged = arm.takes_part[active] & (~arm.is_known[active] | (rng.random(len(active)) < self._workload.logged_again_share))
        units = active[is_logged]
        arm.is_known[active[arm.takes_part[active]]] = True
        return pd.DataFrame(
            {
                "exposure_id": _identifiers(rng, len(units)),
                "experiment_id": arm.experiment_id,
                "variant": np.array(VARIANTS, dtype=object)[arm.variant[units]],
                "unit_type": arm.unit_type,
                "unit_id": self._population.names(arm.unit_type)[units],
                "exposed_at": instants(ordered_at[first_order[is_logged]] - 60),
                "attributes": _ATTRIBUTES[rng.integers(0, len(_ATTRIBUTES), len(units))],
            }
        )


@cache
def experiment_ids(experiments: int) -> tuple[tuple[str, str], ...]:
    """Identifier and unit type of every experiment."""
    return tuple((f"experiment_{at:04d}", UNIT_TYPE_CYCLE[at % len(UNIT_TYPE_CYCLE)]) for at in range(experiments))


def write_experiments(folder: Path, workload: Workload) -> None:
    """One experiment file each, beginning on the first date."""
    folder.mkdir(parents=True, exist_ok=True)
    primary, *secondary, guardrail = METRICS
    for experiment_id, unit_type in experiment_ids(workload.experiments):
        (folder / f"{experiment_id}.yaml").write_text(
            f"""\
id: {experiment_id}
title: {experiment_id}
owner: team@example.com
service: dispatch
hypothesis: Nothing changes; the rows are counted.
unit: {unit_type}
control: {VARIANTS[0]}
variants: {{{VARIANTS[0]}: 0.5, {VARIANTS[1]}: 0.5}}
start: {FIRST_DATE}
end: {FIRST_DATE + timedelta(days=workload.duration_days - 1)}
planned_units: 1000
metrics:
  primary:
    - {{metric: {primary}, minimum_effect: 0.05}}
  secondary:
{"".join(f"    - {{metric: {metric}}}{chr(10)}" for metric in secondary)}\
  guardrails:
    - {{metric: {guardrail}, margin: 0.10}}
"""
        )


def put_day(store: ObjectStore, settings: Settings, business_date: date, deliveries: pd.DataFrame, exposures: pd.DataFrame) -> None:
    """Both partitions of a date as Parquet, in objects of at most 250,000 rows."""
    for feed, rows, written in (("deliveries", deliveries, feeds.parquet), ("exposures", exposures, parquet)):
        for at, start in enumerate(range(0, len(rows), _ROWS_AN_OBJECT)):
            key = f"{settings.feeds.prefix}/{feed}/date={business_date}/part-{at:05d}.parquet"
            store.put(key, written(rows.iloc[start : start + _ROWS_AN_OBJECT]))


def parquet(rows: pd.DataFrame) -> bytes:
    """Rows of any columns as one Parquet object."""
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), target, compression="zstd")
    return target.getvalue()


def _identifiers(rng: np.random.Generator, n: int) -> NDArray[np.object_]:
    """Random identifiers of 32 hexadecimal digits."""
    digits = rng.bytes(16 * n).hex()
    return np.array([digits[at : at + 32] for at in range(0, 32 * n, 32)], dtype=object)
