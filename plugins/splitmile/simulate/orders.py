"""One business date of orders, drawn at once: who, when, how long each step takes, and what becomes of it.

Orders stay arrays, with units as indexes, until the treatments have acted on them; `settle` then makes the feed's rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitmile.simulate.population import CitySize, Floats, Integers, Population
from splitmile.simulate.truths import Lever

CONFIRM, APPROACH, WAIT, DRIVE = range(4)

_WEEK = (0.92, 0.93, 0.96, 1.00, 1.09, 1.12, 0.98)
_FIRST_HOUR, _LAST_HOUR = 6.5, 25.5
_LONGEST_SECONDS = 3.4 * 3600
_CANCELLATION = 0.032
_FAILURE = 0.006


@dataclass(slots=True)
class Orders:
    """The orders of one business date in the order of their instants; every array has one entry an order.

    Attributes:
        business_date: The date.
        courier, store, customer, zone: Indexes into the population.
        ordered_at: Seconds since 1970, UTC.
        steps: Seconds to confirm, to reach the pick-up point, to wait there, to drive; shape (orders, 4).
        distance: Metres.
        promised_seconds: Promised time from the order to the door.
        cancellation_chance: Chance that the order is cancelled.
        fate: A uniform number; the order is cancelled where it lies below the chance.
        failure: A uniform number; the delivery fails where it lies below the share of failures.
        cancelled_part: How far the order had come when it was cancelled: 0 at once, 1 just before the pick-up.
    """

    business_date: date
    courier: Integers
    store: Integers
    customer: Integers
    zone: Integers
    ordered_at: Integers
    steps: Floats
    distance: Floats
    promised_seconds: Floats
    cancellation_chance: Floats
    fate: Floats
    failure: Floats
    cancelled_part: Floats

    def units(self, unit_type: str) -> Integers:
        """Index of each order's unit of a type."""
        return {"courier": self.courier, "store": self.store, "customer": self.customer, "zone": self.zone}[unit_type]

    def apply(self, lever: Lever, factor: float, where: NDArray[np.bool_]) -> None:
        """Let a treatment act on some of the orders."""
        match lever:
            case Lever.durations:
                self.steps[where] *= factor
            case Lever.pickup:
                self.steps[where, APPROACH:DRIVE] *= factor
            case Lever.cancellation:
                self.cancellation_chance[where] *= factor
            case Lever.distance:
                self.distance[where] *= factor


def draw_orders(rng: np.random.Generator, population: Population, size: CitySize, business_date: date, midnight: int) -> Orders:
    """Draw one business date; `midnight` is its local 00:00 in seconds since 1970.

    The steps have the medians and tails of a real courier service: docs/simulation.md compares them.
    """
    n = int(rng.poisson(size.daily_orders * _WEEK[business_date.weekday()]))
    hours = np.sort(_hours(rng, n))
    customer = rng.choice(size.customers, n, p=population.customer_weight)
    store = rng.choice(size.stores, n, p=population.store_weight)
    zone = population.customer_zone[customer]
    courier = _couriers(rng, population, n)

    busy = 1 + 0.10 * (_bump(hours, 12.3, 1.1) + _bump(hours, 18.8, 1.3))
    weather = rng.lognormal(0, 0.03)
    pace = population.courier_pace[courier] * busy * weather
    distance = np.clip(rng.lognormal(np.log(7_700), 0.58, n), 400, 45_000)

    # Most orders are confirmed within two minutes; one in four has to be offered again, and some for long.
    again = rng.random(n) < 0.25
    confirm = np.where(again, rng.lognormal(np.log(10.0), 1.0, n), rng.lognormal(np.log(0.95), 0.5, n))
    approach = rng.gamma(1.35, 9.9, n)
    wait = 1 + rng.gamma(1.05, 9.9, n) * population.store_pace[store]
    drive = 3.6 + 3.0 * (distance / 1000) ** 0.9 * rng.lognormal(0, 0.42, n) * population.zone_pace[zone]
    steps = 60 * np.column_stack([confirm, approach, wait, drive]) * pace[:, None]
    total = steps.sum(axis=1)
    steps *= np.minimum(1, _LONGEST_SECONDS / total)[:, None]

    expected = 39.0 + 2.6 * (distance / 1000)
    return Orders(
        business_date=business_date,
        courier=courier,
        store=store,
        customer=customer,
        zone=zone,
        ordered_at=np.asarray(midnight + np.rint(hours * 3600), dtype=np.int64),
        steps=steps,
        distance=distance,
        promised_seconds=300 * np.ceil(expected * 1.30 / 5),
        cancellation_chance=_CANCELLATION * population.store_cancellation[store],
        fate=rng.random(n),
        failure=rng.random(n),
        cancelled_part=rng.random(n),
    )


def settle(orders: Orders, population: Population) -> pd.DataFrame:
    """The feed's rows of the orders, once every treatment has acted.

    An order cancelled before it was confirmed has no courier; one cancelled at all has no fee.
    """
    n = len(orders.ordered_at)
    ordered = orders.ordered_at
    seconds = np.rint(orders.steps).astype(np.int64)
    assigned = ordered + seconds[:, CONFIRM]
    picked_up = assigned + seconds[:, APPROACH] + seconds[:, WAIT]
    delivered = picked_up + np.maximum(seconds[:, DRIVE], 1)

    cancelled = orders.fate < orders.cancellation_chance
    failed = ~cancelled & (orders.failure < _FAILURE)
    # A third of the cancellations come while no courier has confirmed yet.
    unassigned = cancelled & (orders.cancelled_part < 1 / 3)
    later = np.clip((orders.cancelled_part - 1 / 3) * 1.5, 0, 1)
    cancelled_at = np.where(
        unassigned,
        ordered + np.floor(3 * orders.cancelled_part * seconds[:, CONFIRM]).astype(np.int64),
        assigned + np.floor(later * (picked_up - assigned)).astype(np.int64),
    )
    distance = np.rint(orders.distance).astype(np.int64)
    night = (ordered - orders.ordered_at.min()) > 15.5 * 3600
    fee = 100 * np.rint((3_000 + 0.55 * np.maximum(distance - 1_500, 0) + 800 * night) / 100).astype(np.int64)

    def text(names: NDArray[np.object_], codes: Integers, absent: NDArray[np.bool_] | None = None) -> NDArray[np.object_]:
        values = names[codes]
        if absent is not None:
            values[absent] = None
        return values

    status = np.full(n, "delivered", dtype=object)
    status[cancelled] = "cancelled"
    status[failed] = "failed"
    identifier = f"D{orders.business_date:%Y%m%d}-"
    return pd.DataFrame(
        {
            "delivery_id": np.array([f"{identifier}{i:05d}" for i in range(n)], dtype=object),
            "courier_id": text(population.couriers, orders.courier, unassigned),
            "store_id": text(population.stores, orders.store),
            "customer_id": text(population.customers, orders.customer),
            "zone_id": text(population.zones, orders.zone),
            "ordered_at": instants(ordered),
            "assigned_at": instants(assigned, ~unassigned),
            "picked_up_at": instants(picked_up, ~cancelled),
            "delivered_at": instants(delivered, ~cancelled & ~failed),
            "promised_at": instants(ordered + orders.promised_seconds.astype(np.int64)),
            "cancelled_at": instants(cancelled_at, cancelled),
            "status": status,
            "distance_m": pd.array(distance, dtype="Int64"),
            "fee_krw": pd.array(np.where(cancelled, 0, fee), dtype="Int64"),
        }
    ).assign(fee_krw=lambda rows: rows["fee_krw"].mask(cancelled))


def instants(seconds: Integers, present: NDArray[np.bool_] | None = None) -> pd.Series:
    """Seconds since 1970 as UTC instants; absent where `present` is false."""
    values = seconds.astype("datetime64[s]")
    if present is not None:
        values = np.where(present, values, np.datetime64("NaT", "s"))
    return pd.Series(values).dt.tz_localize("UTC")


def _hours(rng: np.random.Generator, n: int) -> Floats:
    """Local hours of orders: noon, evening, and a broad day beneath; past 24 is after midnight."""
    kind = rng.choice(3, n, p=[0.30, 0.40, 0.30])
    hours = rng.normal(np.array([12.3, 18.8, 15.5])[kind], np.array([1.1, 1.3, 4.2])[kind])
    outside = (hours < _FIRST_HOUR) | (hours >= _LAST_HOUR)
    return np.where(outside, rng.uniform(10, 22, n), hours)


def _couriers(rng: np.random.Generator, population: Population, n: int) -> Integers:
    """A courier for each order, from those at work today."""
    working = np.flatnonzero(rng.random(len(population.couriers)) < population.courier_activity)
    capacity = population.courier_capacity[working]
    return rng.choice(working, n, p=capacity / capacity.sum())


def _bump(hours: Floats, centre: float, width: float) -> Floats:
    return np.exp(-0.5 * ((hours - centre) / width) ** 2)
