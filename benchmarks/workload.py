"""Workload W: the feeds of a delivery company of any size, as Parquet in the feeds' own contract, and its experiments.

The same seed gives the same rows. A day is drawn with arrays and hangs on its number only, so days can be written in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from splitmile.settings import BusinessDay

FIRST_DATE = date(2026, 1, 5)
METRICS = ("delivery_time", "deliveries_per_unit", "late_rate", "cancellation_rate", "revenue_per_unit", "delivery_time_p90")
"""Of every experiment: three ratios, the first of them with its fourteen days before exposure, two means and a quantile."""

_VARIANTS = ("current", "changed", "changed_more")
_VEHICLES = ("bike", "car", "walk")
_STATUSES = ("delivered", "cancelled", "failed")
_IN_THOUSAND = (940, 45, 15)
_OPENING_SECONDS, _OPEN_SECONDS = 3 * 3600, 17 * 3600
_HEXADECIMAL = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment of the workload; the first and last day are counted from 1."""

    experiment_id: str
    unit_type: str
    variants: int
    first_day: int
    last_day: int

    @property
    def variant_names(self) -> tuple[str, ...]:
        """The control first."""
        return _VARIANTS[: self.variants]


@dataclass(frozen=True)
class Workload:
    """How large the company is, and what it tries.

    Attributes:
        days: Business dates, the first being `FIRST_DATE`.
        deliveries: Of a day.
        couriers, stores, zones: Units; of couriers and stores some are busier than others.
        trials: The experiments. All units of their type take part, each exposed anew on every day that it is active.
        contaminated_share: Of an experiment's units that meet another variant within three weeks of its start.
        seed: Of everything.
    """

    days: int
    deliveries: int
    couriers: int
    stores: int
    zones: int
    trials: tuple[Trial, ...] = field(repr=False)
    contaminated_share: float = 0.01
    seed: int = 7

    def date(self, day: int) -> date:
        """The business date of a day, counted from 1."""
        return FIRST_DATE + timedelta(days=day - 1)

    def day_deliveries(self, day: int) -> pa.Table:
        """One day's deliveries in the order of their instants."""
        rng = np.random.default_rng([self.seed, day, 0])
        n = self.deliveries
        ordered, courier, store = self._orders(day)
        assigned = 20 + rng.integers(0, 200, n)
        picked_up = assigned + np.rint(rng.gamma(4, 120, n)).astype(np.int64)
        delivered = picked_up + np.rint(rng.lognormal(6.7, 0.45, n) * self._pace[courier]).astype(np.int64)
        promised = 60 * rng.integers(25, 45, n)
        status = rng.choice(len(_STATUSES), n, p=[share / 1000 for share in _IN_THOUSAND])
        is_delivered, is_cancelled = status == 0, status == 1
        return pa.table(
            {
                "delivery_id": _identifiers(rng, n),
                "courier_id": _taken(self._names("courier"), courier),
                "store_id": _taken(self._names("store"), store),
                "customer_id": pa.nulls(n, pa.string()),
                "zone_id": _taken(self._names("zone"), store % self.zones),
                "ordered_at": _instants(ordered),
                "assigned_at": _instants(ordered + assigned),
                "picked_up_at": _instants(ordered + picked_up, is_delivered),
                "delivered_at": _instants(ordered + delivered, is_delivered),
                "promised_at": _instants(ordered + promised),
                "cancelled_at": _instants(ordered + assigned + 60, is_cancelled),
                "status": _taken(_STATUSES, status),
                "distance_m": pa.array(300 + rng.integers(0, 5000, n)),
                "fee_krw": pa.array(2500 + 100 * rng.integers(0, 40, n)),
            }
        )

    def day_exposures(self, day: int) -> pa.Table:
        """One day's exposures: each unit of each experiment that is under way, a minute before its first order."""
        ordered, courier, store = self._orders(day)
        of_type = {"courier": courier, "store": store}
        seen = {unit_type: np.unique(units, return_index=True) for unit_type, units in of_type.items()}
        rng = np.random.default_rng([self.seed, day, 1])
        parts = []
        for at, trial in enumerate(self.trials):
            if not trial.first_day <= day <= trial.last_day:
                continue
            units, first_order = seen[trial.unit_type]
            n = len(units)
            assignment, switch_day = self._assignments[at]
            variant = (assignment[units] + (day >= switch_day[units])) % trial.variants
            parts.append(
                pa.table(
                    {
                        "exposure_id": _identifiers(rng, n),
                        "experiment_id": _taken((trial.experiment_id,), np.zeros(n, dtype=np.int64)),
                        "variant": _taken(trial.variant_names, variant),
                        "unit_type": _taken((trial.unit_type,), np.zeros(n, dtype=np.int64)),
                        "unit_id": _taken(self._names(trial.unit_type), units),
                        "exposed_at": _instants(ordered[first_order] - 60),
                        "attributes": _taken(tuple(f'{{"vehicle": "{vehicle}"}}' for vehicle in _VEHICLES), units % len(_VEHICLES)),
                    }
                )
            )
        return pa.concat_tables([_EXPOSURES.empty_table(), *parts])

    def write_days(self, folder: Path, days: Sequence[int]) -> None:
        """A file a feed and day, below a folder a feed."""
        for feed, drawn in (("deliveries", self.day_deliveries), ("exposures", self.day_exposures)):
            (folder / feed).mkdir(parents=True, exist_ok=True)
            for day in days:
                pq.write_table(drawn(day), self.file(folder, feed, day), compression="zstd", row_group_size=122_880)

    def file(self, folder: Path, feed: str, day: int) -> Path:
        """Where `write_days` puts a day of a feed."""
        return folder / feed / f"{self.date(day)}.parquet"

    def write_experiments(self, folder: Path, metrics: Sequence[str] = METRICS) -> None:
        """A registry file an experiment."""
        folder.mkdir(parents=True, exist_ok=True)
        primary, *secondary = metrics
        for trial in self.trials:
            shares = ", ".join(f"{name}: 1/{trial.variants}" for name in trial.variant_names)
            (folder / f"{trial.experiment_id}.yaml").write_text(
                f"""\
id: {trial.experiment_id}
title: {trial.experiment_id}
owner: team@example.com
service: dispatch
hypothesis: Nothing changes; the seconds are counted.
unit: {trial.unit_type}
control: {trial.variant_names[0]}
variants: {{{shares}}}
start: {self.date(trial.first_day)}
end: {self.date(trial.last_day)}
planned_units: {self.couriers if trial.unit_type == "courier" else self.stores}
metrics:
  primary:
    - {{metric: {primary}, minimum_effect: 0.01}}
  secondary:
{"".join(f"    - {{metric: {metric}}}{chr(10)}" for metric in secondary)}"""
            )

    def _orders(self, day: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Seconds since the epoch in order, and whose orders they are: couriers and stores by number."""
        rng = np.random.default_rng([self.seed, day, 2])
        opening = int(BusinessDay().starts_at(self.date(day)).timestamp()) + _OPENING_SECONDS
        ordered = np.sort(opening + rng.integers(0, _OPEN_SECONDS, self.deliveries))
        return ordered, self._drawn(rng, self._courier_shares), self._drawn(rng, self._store_shares)

    def _drawn(self, rng: np.random.Generator, shares: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.minimum(np.searchsorted(shares, rng.random(self.deliveries)), len(shares) - 1).astype(np.int64)

    def _names(self, unit_type: str) -> pa.Array:
        count = {"courier": self.couriers, "store": self.stores, "zone": self.zones}[unit_type]
        return pa.array([f"{unit_type}-{unit:06d}" for unit in range(count)])

    @cached_property
    def _courier_shares(self) -> NDArray[np.float64]:
        return _cumulative(np.random.default_rng([self.seed, 1]).lognormal(0, 0.5, self.couriers))

    @cached_property
    def _store_shares(self) -> NDArray[np.float64]:
        return _cumulative(np.random.default_rng([self.seed, 2]).lognormal(0, 0.8, self.stores))

    @cached_property
    def _pace(self) -> NDArray[np.float64]:
        return np.random.default_rng([self.seed, 3]).lognormal(0, 0.15, self.couriers)

    @cached_property
    def _assignments(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """By experiment: each unit's variant, and the day from which on it meets the next one, for most none."""
        found = []
        for at, trial in enumerate(self.trials):
            rng = np.random.default_rng([self.seed, 4, at])
            n = self.couriers if trial.unit_type == "courier" else self.stores
            switch_day = np.where(rng.random(n) < self.contaminated_share, trial.first_day + rng.integers(1, 20, n), self.days + 1)
            found.append((rng.integers(0, trial.variants, n), switch_day))
        return found


def staggered_trials(experiments: int, days: int, first_day: int, last_first_day: int) -> tuple[Trial, ...]:
    """Experiments that begin one after the other: four of five on couriers, one on stores; each third with three variants."""
    starts = np.linspace(first_day, last_first_day, experiments).round().astype(int)
    return tuple(
        Trial(f"trial_{at:03d}", "store" if at % 5 == 4 else "courier", 3 if at % 3 == 2 else 2, int(start), days)
        for at, start in enumerate(starts)
    )


# Without a time zone it is UTC by the contract, and the engines' cheapest type.
_INSTANT = pa.timestamp("us")
_EXPOSURES = pa.schema(
    [
        (name, _INSTANT if name == "exposed_at" else pa.string())
        for name in ("exposure_id", "experiment_id", "variant", "unit_type", "unit_id", "exposed_at", "attributes")
    ]
)


def _cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.cumsum(weights) / weights.sum()


def _taken(names: Sequence[str] | pa.Array, at: NDArray[np.int64]) -> pa.Array:
    return pa.array(names).take(pa.array(at))


def _instants(seconds: NDArray[np.int64], is_known: NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(seconds * 1_000_000, _INSTANT, mask=None if is_known is None else ~is_known)


def _identifiers(rng: np.random.Generator, n: int) -> pa.Array:
    """Random identifiers of 16 hexadecimal digits, as those of real feeds are random."""
    drawn = np.frombuffer(rng.bytes(8 * n), dtype=np.uint8)
    digits = _HEXADECIMAL[np.stack([drawn >> 4, drawn & 15], axis=1).ravel()]
    offsets = np.arange(0, 16 * n + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))
