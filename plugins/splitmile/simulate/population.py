"""Who lives in the city: couriers, stores, customers and zones with lasting differences between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Names = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class CitySize:
    """How big the city is; `daily_orders` is the mean over the week."""

    couriers: int = 2_400
    stores: int = 250
    customers: int = 6_000
    zones: int = 30
    daily_orders: int = 9_000


@dataclass(frozen=True, slots=True)
class Population:
    """The units; every array has one entry a unit.

    Attributes:
        courier_pace: Factor on all steps of a courier's deliveries.
        courier_activity: Chance to work on a day.
        courier_capacity: Weight in the draw of a courier for an order.
        store_pace: Factor on the waiting step.
        store_cancellation: Factor on the chance of a cancellation.
        store_weight, customer_weight: Weight in the draw for an order.
        customer_zone: Index of the zone a customer lives in.
        zone_pace: Factor on the driving step.
    """

    couriers: Names
    stores: Names
    customers: Names
    zones: Names
    courier_pace: Floats
    courier_activity: Floats
    courier_capacity: Floats
    store_pace: Floats
    store_cancellation: Floats
    store_weight: Floats
    customer_weight: Floats
    customer_zone: Integers
    zone_pace: Floats

    def names(self, unit_type: str) -> Names:
        """Identifiers of all units of a type."""
        return {"courier": self.couriers, "store": self.stores, "customer": self.customers, "zone": self.zones}[unit_type]


# Spread of the courier's lasting pace. With steps as in `orders`, it gives an intraclass correlation of
# delivery seconds near 0.10, what couriers of a real city show.
COURIER_SPREAD = 0.155


def draw_population(rng: np.random.Generator, size: CitySize) -> Population:
    """Draw the units of a city."""

    def lognormal(spread: float, n: int) -> Floats:
        # The mean is 1, so that a spread moves no total.
        return rng.lognormal(-(spread**2) / 2, spread, n)

    return Population(
        couriers=_identifiers("C", size.couriers),
        stores=_identifiers("S", size.stores),
        customers=_identifiers("U", size.customers),
        zones=_identifiers("Z", size.zones),
        courier_pace=lognormal(COURIER_SPREAD, size.couriers),
        courier_activity=rng.beta(4, 2.5, size.couriers),
        courier_capacity=lognormal(0.5, size.couriers),
        store_pace=lognormal(0.12, size.stores),
        store_cancellation=lognormal(0.12, size.stores),
        store_weight=_shares(lognormal(0.8, size.stores)),
        customer_weight=_shares(lognormal(0.9, size.customers)),
        customer_zone=rng.integers(0, size.zones, size.customers),
        zone_pace=lognormal(0.05, size.zones),
    )


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares


def _identifiers(letter: str, n: int) -> Names:
    return np.array([f"{letter}{i:0{len(str(n))}d}" for i in range(1, n + 1)], dtype=object)
