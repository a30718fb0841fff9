"""The views for analysts: one per experiment of the registry, made again only when it would be another one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from redshift_target import ENGINES
from splitmile.settings import Settings
from splitmile.transform import build_marts
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse

FIRST, SECOND, MUCH_LATER = date(2026, 3, 2), date(2026, 3, 3), date(2026, 4, 20)


@dataclass(frozen=True)
class Place:
    """Two couriers, each in two experiments from the first date on, with a delivery of one of them a day; and a zone that switches."""

    settings: Settings
    access: RedshiftAccess | None

    def build(self, day: date) -> None:
        build_marts(self.settings, day, self.access)

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        with open_warehouse(self.settings, self.access) as warehouse:
            return warehouse.fetch(sql)

    def execute(self, sql: str) -> None:
        with open_warehouse(self.settings, self.access) as warehouse:
            warehouse.execute(sql)

    def views(self) -> set[str]:
        """The experiments' views; two of the models are views as well."""
        query = (
            "select c.relname as name from pg_class c join pg_namespace n on c.relnamespace = n.oid "
            "where n.nspname = 'marts' and c.relkind = 'v'"
        )
        return {row["name"] for row in self.fetch(query)} - {"experiment_unit_metrics", "experiment_unit_days"}

    def times_made(self, view: str) -> int:
        """How often dbt has created a view."""
        log = (self.settings.dbt_target_dir / "dbt.log").read_text()
        return len(re.findall(rf'create view "\w+"\."marts"\."{view}" as', log))


def _register(warehouse: Warehouse, experiment_id: str, last: date, metrics: tuple[str, ...], *, is_switchback: bool = False) -> None:
    experiment = {
        "experiment_id": experiment_id,
        "title": "t",
        "owner": "o",
        "service": "s",
        "hypothesis": "h",
        "unit_type": "zone" if is_switchback else "courier",
        "control_variant": "a",
        "start_date": FIRST,
        "end_date": last,
        "alpha": 0.05,
        "planned_units": 2,
        "is_switchback": is_switchback,
        "definition": "d",
        "revision": "r",
        "synced_at": datetime.combine(FIRST, time()),
    }
    warehouse.append("registry.experiments", [experiment])
    variants = [{"experiment_id": experiment_id, "variant": v, "planned_share": 0.5, "is_control": v == "a"} for v in "ab"]
    warehouse.append("registry.variants", variants)
    kinds = {metric: "quantile" if metric == "delivery_time_p90" else "ratio" for metric in metrics}
    planned = [{"experiment_id": experiment_id, "metric": metric, "role": "primary", "kind": kind} for metric, kind in kinds.items()]
    warehouse.append("registry.experiment_metrics", planned)


def _schedule(warehouse: Warehouse) -> None:
    """One zone, whose business date ends within the fourth of five windows of two hours; half an hour of burn-in after each switch."""
    windows = []
    for number, variant in enumerate("aabba"):
        starts_at = datetime.combine(FIRST, time(13)) + timedelta(hours=2 * number)
        window = {"experiment_id": "zones", "zone_id": "z", "window_number": number, "variant": variant, "starts_at": starts_at}
        burn_in = timedelta(minutes=30 if number in (0, 2, 4) else 0)
        windows.append(window | {"ends_at": starts_at + timedelta(hours=2), "counts_from": starts_at + burn_in})
    warehouse.append("registry.switchback_windows", windows)


def _ordered(warehouse: Warehouse, minutes: tuple[int, ...]) -> None:
    """Orders of the zone, all by rider-a, so many minutes after the first window began; those of odd minutes are cancelled."""
    for number, minute in enumerate(minutes):
        ordered_at = datetime.combine(FIRST, time(13)) + timedelta(minutes=minute)
        delivery = {"delivery_id": f"z{number}", "courier_id": "rider-a", "store_id": "s", "zone_id": "z", "ordered_at": ordered_at}
        status = "cancelled" if minute % 2 else "delivered"
        ended = {"status": status, f"{status}_at": ordered_at + timedelta(minutes=20)}
        origin = {"partition_date": FIRST, "object_number": 2, "line_number": number}
        warehouse.append("landing.deliveries", [delivery | ended | origin])


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def place(settings: Settings, access: RedshiftAccess | None) -> Place:
    origin = {"partition_date": FIRST, "object_number": 1}
    with open_warehouse(settings, access) as warehouse:
        _register(warehouse, "short", FIRST, ("orders", "cancellation_rate"))
        _register(warehouse, "long", MUCH_LATER, ("orders",))
        _register(warehouse, "waiting", SECOND, ("delivery_time_p90",))
        _register(warehouse, "zones", SECOND, ("active_units", "cancellation_rate", "orders"), is_switchback=True)
        _schedule(warehouse)
        # In the burn-in, after it, twice in window 1, none in 2, in 3 before the business date ends, and in 4.
        _ordered(warehouse, (29, 30, 130, 239, 400, 511))
        for experiment_id, units in (("short", "courier"), ("long", "courier"), ("waiting", "rider")):
            exposures = [
                {
                    "exposure_id": f"{experiment_id}-{variant}",
                    "experiment_id": experiment_id,
                    "variant": variant,
                    "unit_type": "courier",
                    "unit_id": f"{units}-{variant}",
                    "exposed_at": datetime.combine(FIRST, time(1)),
                    "line_number": 1,
                    **origin,
                }
                for variant in "ab"
            ]
            warehouse.append("landing.exposures", exposures)
        for number, day in enumerate((FIRST, SECOND, MUCH_LATER)):
            delivery = {
                "delivery_id": f"d{number}",
                "courier_id": "courier-a",
                "store_id": "s",
                "ordered_at": datetime.combine(day, time(3)),
                "cancelled_at": datetime.combine(day, time(3)) + timedelta(minutes=5),
                "status": "cancelled",
                "line_number": number,
                **origin,
            }
            warehouse.append("landing.deliveries", [delivery])
            change = {"feed": "deliveries", "business_date": day, "load_id": "l", "changed_at": datetime.combine(day, time(6))}
            warehouse.append("ops.changed_dates", [change])
    return Place(settings, access)


def _assert_that_windows_are_shown_once_they_are_over(place: Place, numbers: list[int]) -> None:
    begun = datetime.combine(FIRST, time(13))
    rows = place.fetch("select * from marts.experiment_zones order by window_number")
    assert rows[0] == {
        "zone_id": "z",
        "window_number": 0,
        "variant": "a",
        "starts_at": begun,
        "counts_from": begun + timedelta(minutes=30),
        "ends_at": begun + timedelta(hours=2),
        "as_of_date": FIRST if len(numbers) == 3 else SECOND,
        "burn_in_orders": 1,
        "active_units_numerator": 1,
        "active_units_denominator": 1,
        "cancellation_rate_numerator": 0,
        "cancellation_rate_denominator": 1,
        "orders_numerator": 1,
        "orders_denominator": 0.75,
    }
    shown = (
        "orders_numerator",
        "orders_denominator",
        "cancellation_rate_numerator",
        "cancellation_rate_denominator",
        "active_units_numerator",
    )
    expected = [(1, 0.75, 0, 1, 1), (2, 1, 1, 2, 1), (0, 0.75, 0, 0, 0), (1, 1, 0, 1, 1), (1, 0.75, 1, 1, 0)]
    assert [tuple(row[name] for name in shown) for row in rows] == [expected[number] for number in numbers]


def test_views_follow_the_registry(place: Place) -> None:
    place.build(FIRST)
    assert place.views() == {"experiment_short", "experiment_long", "experiment_waiting", "experiment_zones"}
    _assert_that_windows_are_shown_once_they_are_over(place, [0, 1, 2])
    expected = {
        "unit_id": "courier-a",
        "variant": "a",
        "exposure_date": FIRST,
        "as_of_date": FIRST,
        "cancellation_rate_numerator": 1,
        "cancellation_rate_denominator": 1,
        "orders_numerator": 1,
        "orders_denominator": 1,
    }
    idle = {
        "unit_id": "courier-b",
        "variant": "b",
        "cancellation_rate_numerator": 0,
        "cancellation_rate_denominator": 0,
        "orders_numerator": 0,
    }
    assert place.fetch("select * from marts.experiment_short order by unit_id") == [expected, {**expected, **idle}]
    # Nothing is added up of a quantile, and its units are there all the same.
    quantile = {name: expected[name] for name in ("variant", "exposure_date", "as_of_date")}
    assert place.fetch("select * from marts.experiment_waiting order by unit_id") == [
        {**quantile, "unit_id": "rider-a", "delivery_time_p90_observations": 3},
        {**quantile, "unit_id": "rider-b", "variant": "b", "delivery_time_p90_observations": 0},
    ]

    # Another metric: the view of `long` has other columns. Nothing new of `short`: its view stays, though its tables were replaced.
    place.execute(
        "insert into registry.experiment_metrics (experiment_id, metric, role, kind) "
        "values ('long', 'cancellation_rate', 'primary', 'ratio')"
    )
    place.build(SECOND)
    assert (place.times_made("experiment_short"), place.times_made("experiment_zones")) == (1, 1)
    _assert_that_windows_are_shown_once_they_are_over(place, [0, 1, 2, 3, 4])
    assert place.times_made("experiment_long") == 2
    rows = place.fetch("select as_of_date, cancellation_rate_numerator as n from marts.experiment_long where variant = 'a'")
    assert rows == [{"as_of_date": SECOND, "n": 2}]

    # Out of the registry, out of the schema. An experiment that is over keeps its last rows, however old.
    place.execute("delete from registry.experiments where experiment_id in ('long', 'waiting', 'zones')")
    place.build(MUCH_LATER)
    assert place.views() == {"experiment_short"}
    assert place.fetch("select as_of_date, orders_numerator as n from marts.experiment_short where variant = 'a'") == [
        {"as_of_date": FIRST, "n": 1}
    ]
