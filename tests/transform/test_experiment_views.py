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
    """A warehouse with two couriers, each in both experiments from the first date on, and a delivery of one of them a day."""

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


def _register(warehouse: Warehouse, experiment_id: str, last: date, metrics: tuple[str, ...]) -> None:
    experiment = {
        "experiment_id": experiment_id,
        "title": "t",
        "owner": "o",
        "service": "s",
        "hypothesis": "h",
        "unit_type": "courier",
        "control_variant": "a",
        "start_date": FIRST,
        "end_date": last,
        "alpha": 0.05,
        "planned_units": 2,
        "is_switchback": False,
        "definition": "d",
        "revision": "r",
        "synced_at": datetime.combine(FIRST, time()),
    }
    warehouse.append("registry.experiments", [experiment])
    variants = [{"experiment_id": experiment_id, "variant": v, "planned_share": 0.5, "is_control": v == "a"} for v in "ab"]
    warehouse.append("registry.variants", variants)
    planned = [{"experiment_id": experiment_id, "metric": metric, "role": "primary", "kind": "ratio"} for metric in metrics]
    warehouse.append("registry.experiment_metrics", planned)


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
        for experiment_id in ("short", "long"):
            exposures = [
                {
                    "exposure_id": f"{experiment_id}-{variant}",
                    "experiment_id": experiment_id,
                    "variant": variant,
                    "unit_type": "courier",
                    "unit_id": f"courier-{variant}",
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


def test_views_follow_the_registry(place: Place) -> None:
    place.build(FIRST)
    assert place.views() == {"experiment_short", "experiment_long"}
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

    # Another metric: the view of `long` has other columns. Nothing new of `short`: its view stays, though its tables were replaced.
    place.execute(
        "insert into registry.experiment_metrics (experiment_id, metric, role, kind) "
        "values ('long', 'cancellation_rate', 'primary', 'ratio')"
    )
    place.build(SECOND)
    assert place.times_made("experiment_short") == 1
    assert place.times_made("experiment_long") == 2
    rows = place.fetch("select as_of_date, cancellation_rate_numerator as n from marts.experiment_long where variant = 'a'")
    assert rows == [{"as_of_date": SECOND, "n": 2}]

    # Out of the registry, out of the schema. An experiment that is over keeps its last rows, however old.
    place.execute("delete from registry.experiments where experiment_id = 'long'")
    place.build(MUCH_LATER)
    assert place.views() == {"experiment_short"}
    assert place.fetch("select as_of_date, orders_numerator as n from marts.experiment_short where variant = 'a'") == [
        {"as_of_date": FIRST, "n": 1}
    ]
