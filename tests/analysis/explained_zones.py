"""A switchback of three zones with random deliveries in tables such as dbt makes, and every figure counted again in plain Python."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from analysis.explained_town import make_table
from analysis.switchback_plans import DESIGN, END, START, a_switchback
from splitmile.analysis.switchback import analyze_switchback
from splitmile.results.codec import to_json
from splitmile.results.rows import flat_rows
from splitmile.settings import Settings
from splitmile.transform.switchback_schedule import schedule_rows
from splitmile.warehouse import Warehouse

BURN_IN = timedelta(minutes=10)
PLAN = a_switchback(burn_in_minutes=10)
FIRST_WINDOW = DESIGN.start.replace(tzinfo=None)
EXPRESSIONS = {
    "delivery_seconds": "delivery_seconds",
    "delivered_orders": "is_delivered",
    "orders": "1",
    "cancelled_orders": "case when is_delivered = 0 then 1 else 0 end",
}
EMPTY = "east", 3
"""A window without an order."""


@dataclass(frozen=True)
class ZoneDelivery:
    delivery_id: str
    zone: str
    ordered_at: datetime
    is_delivered: int
    delivery_seconds: int | None

    @property
    def measures(self) -> Mapping[str, int]:
        return {
            "delivery_seconds": self.delivery_seconds or 0,
            "delivered_orders": self.is_delivered,
            "orders": 1,
            "cancelled_orders": 1 - self.is_delivered,
        }

    @property
    def window(self) -> int:
        return (self.ordered_at - FIRST_WINDOW) // timedelta(hours=1)

    @property
    def business_date(self) -> date:
        return START if self.window < 8 else END


class Zones:
    """The deliveries, and what they come to."""

    def __init__(self) -> None:
        random_numbers = random.Random(20260302)
        self.arms = {
            (zone, window): ("off", "on")[arm]
            for zone, arms in zip(DESIGN.zones, DESIGN.draw().tolist(), strict=True)
            for window, arm in enumerate(arms)
        }
        drawn = [
            ZoneDelivery(
                f"d{number}",
                random_numbers.choice((*DESIGN.zones, "west")),
                FIRST_WINDOW + timedelta(seconds=random_numbers.randrange(12 * 3600)),
                is_delivered := int(random_numbers.random() < 0.9),
                random_numbers.randrange(600, 4000) if is_delivered else None,
            )
            for number in range(700)
        ]
        self.deliveries = [each for each in drawn if (each.zone, each.window) != EMPTY]

    def counts_from(self, zone: str, window: int) -> datetime:
        """Where the burn-in of a window ends."""
        starts_at = FIRST_WINDOW + timedelta(hours=window)
        is_switch = window == 0 or self.arms[zone, window] != self.arms[zone, window - 1]
        return starts_at + BURN_IN if is_switch else starts_at

    def of(self, zone: str, window: int) -> list[ZoneDelivery]:
        """All deliveries of a window, those of the burn-in too."""
        own = [each for each in self.deliveries if (each.zone, each.window) == (zone, window)]
        return sorted(own, key=lambda each: (each.ordered_at, each.delivery_id))

    def counted(self, zone: str, window: int) -> list[ZoneDelivery]:
        """Those after the burn-in."""
        return [each for each in self.of(zone, window) if each.ordered_at >= self.counts_from(zone, window)]

    def values(self, metric: str, windows: int) -> dict[tuple[str, int], tuple[int, float]]:
        """Numerator and denominator of the first windows of each zone."""
        found = {}
        for zone, window in self.arms:
            if window >= windows:
                continue
            rows = [each.measures for each in self.counted(zone, window)]
            share = 1 - (self.counts_from(zone, window) - FIRST_WINDOW - timedelta(hours=window)) / timedelta(hours=1)
            found[zone, window] = {
                "delivery_time": (sum(row["delivery_seconds"] for row in rows), sum(row["delivered_orders"] for row in rows)),
                "orders": (len(rows), share),
                "cancelled": (int(any(row["cancelled_orders"] for row in rows)), 1),
            }[metric]
        return found

    def sums(self, metric: str, windows: int) -> dict[str, tuple[int, int, float]]:
        """Windows that count, their numerators and their denominators, by variant."""
        values = self.values(metric, windows)
        found = {}
        for variant in ("off", "on"):
            own = [parts for place, parts in values.items() if self.arms[place] == variant and parts[1]]
            found[variant] = len(own), sum(above for above, _ in own), sum(below for _, below in own)
        return found

    def build(self, warehouse: Warehouse) -> None:
        """The tables that explain reads; every window has an exposure, that of north/2 is of the other variant."""
        for schema in ("staging", "intermediate", "marts"):
            warehouse.execute(f"create schema if not exists {schema}")
        name, key = "varchar(64)", {"experiment_id": "varchar(64)"}
        scheduled = {"zone_id": name, "window_number": "integer", "starts_at": "timestamp", "ends_at": "timestamp"}
        scheduled |= {"counts_from": "timestamp", "variant": name}
        make_table(warehouse, "staging.stg_switchback_windows", key | scheduled, list(schedule_rows(PLAN)))
        make_table(
            warehouse,
            "staging.stg_exposures",
            key | {"unit_type": name, "unit_id": name, "variant": name, "exposed_at": "timestamp"},
            [
                {
                    "experiment_id": "e",
                    "unit_type": "zone",
                    "unit_id": zone,
                    "exposed_at": FIRST_WINDOW + timedelta(hours=window),
                    "variant": {"off": "on", "on": "off"}[variant] if (zone, window) == ("north", 2) else variant,
                }
                for (zone, window), variant in self.arms.items()
            ],
        )
        delivered = {"delivery_id": name, "zone_id": name, "ordered_at": "timestamp", "business_date": "date"}
        delivered |= {"is_delivered": "int", "delivery_seconds": "bigint"}
        rows = [
            {"zone_id": each.zone} | {column: getattr(each, column) for column in delivered if column != "zone_id"}
            for each in self.deliveries
        ]
        make_table(warehouse, "intermediate.int_deliveries_timed", delivered, rows)
        columns = key | {"zone_id": name, "window_number": "integer", "variant": name, "business_date": "date", "burn_in_orders": "bigint"}
        summed = []
        for (zone, window), variant in self.arms.items():
            everything, kept = self.of(zone, window), [each.measures for each in self.counted(zone, window)]
            if everything:
                summed.append(
                    dict(zip(columns, ("e", zone, window, variant, everything[0].business_date, len(everything) - len(kept)), strict=True))
                    | {measure: sum(row[measure] for row in kept) for measure in EXPRESSIONS}
                )
        make_table(warehouse, "marts.switchback_window_days", columns | dict.fromkeys(EXPRESSIONS, "bigint"), summed)
        counts = dict.fromkeys(("exposures", "violations", "outside"), "bigint")
        make_table(warehouse, "marts.switchback_exposures_daily", key | {"business_date": "date"} | counts, [])


def publish(warehouse: Warehouse, settings: Settings, as_of: date) -> None:
    """The results as of a date, as a run would write them."""
    card = analyze_switchback(warehouse, settings, PLAN, as_of, "r")
    computation = {"computation_id": f"{as_of}", "computed_at": FIRST_WINDOW + timedelta(days=2)}
    warehouse.append("results.experiment_results", [computation | row for row in flat_rows(card)])
    written = {"experiment_id": "e", "as_of_date": as_of, "content_hash": "h", "decision": "ship", "scorecard": to_json(card)}
    warehouse.append("results.scorecards", [computation | written])
