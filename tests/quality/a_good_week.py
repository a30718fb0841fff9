"""A small, faultless installation on either engine: three experiments, eight dates of feeds, and the marts that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from splitmile.ingest.contract import FEEDS, FeedName
from splitmile.quality import CheckResult
from splitmile.registry import Direction, Metric, MetricKind, Plan, PlannedMetric, Problem, Registry, Role, Variant
from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse

Look = Callable[..., CheckResult]
TODAY = date(2026, 3, 9)
DATES = tuple(TODAY - timedelta(days=back) for back in range(7, -1, -1))
ORDERS_A_DAY = 40
EXPERIMENTS = {"dispatch_ranking": "courier", "eta_banner": "customer", "zone_pricing": "zone"}
# Beside dispatch_ranking in its layer: in the marts only, for the feeds are judged without layers.
NEIGHBOURS = {"route_order": "courier", "dispatch_holdout": "courier"}
IN_LAYER, ITS_HOLDOUT = ("dispatch_ranking", "route_order"), "dispatch_holdout"


def registry() -> Registry:
    """Three running experiments, and a fourth whose file is broken."""
    metric = Metric("late_rate", "Late", "Late deliveries.", MetricKind.ratio, "late_orders", "delivered_orders", Direction.decrease, "%")
    plans = tuple(
        Plan(
            experiment_id=experiment_id,
            title=experiment_id,
            owner="a@example.com",
            service="dispatch",
            hypothesis="It gets better.",
            unit_type=unit_type,
            variants=(Variant("current", 0.5, is_control=True), Variant("new", 0.5, is_control=False)),
            start_date=date(2026, 3, 1),
            end_date=date(2026, 3, 31),
            metrics=(PlannedMetric(metric, Role.primary, minimum_effect=0.01),),
            alpha=0.05,
            planned_units=100,
        )
        for experiment_id, unit_type in EXPERIMENTS.items()
    )
    return Registry(plans, (Problem("experiments/broken.yaml", 3, "broken", "no control"),))


def load_feeds(warehouse: Warehouse, settings: Settings, dates: tuple[date, ...] = DATES) -> None:
    """Deliveries and exposures of the dates: every twentieth order is cancelled, every unit is exposed and orders every day."""
    for feed, row in (("deliveries", _delivery), ("exposures", _exposure)):
        units = EXPERIMENTS if feed == "exposures" else ("",)
        rows = [row(settings, day, i, unit) for day in dates for unit in units for i in range(ORDERS_A_DAY)]
        values = ", ".join(f"({', '.join(map(_literal, row.values()))})" for row in rows)
        warehouse.execute(f"insert into landing.{feed} ({', '.join(rows[0])}) values {values}")


def again(feed: FeedName, which: str, **changes: str) -> str:
    """The statement that inserts the chosen rows of a feed once more, with other values in some columns."""
    columns = [column.name for column in FEEDS[feed].columns] + list(_provenance(TODAY, 0))
    values = ", ".join(changes.get(column, column) for column in columns)
    return f"insert into landing.{feed} ({', '.join(columns)}) select {values} from landing.{feed} where {which}"


def _delivery(settings: Settings, day: date, i: int, _: str) -> Row:
    ordered_at = settings.business_day.starts_at(day).replace(tzinfo=None) + timedelta(minutes=30 * i)
    is_cancelled = i % 20 == 0
    return {
        "delivery_id": f"d-{day}-{i}",
        "courier_id": None if is_cancelled else f"c{i}",
        "store_id": f"s{i % 5}",
        "customer_id": f"u{i}",
        "zone_id": f"z{i}",
        "ordered_at": ordered_at,
        "assigned_at": ordered_at + timedelta(seconds=60),
        "picked_up_at": ordered_at + timedelta(seconds=600),
        "delivered_at": None if is_cancelled else ordered_at + timedelta(seconds=1500),
        "promised_at": ordered_at + timedelta(seconds=2400),
        "cancelled_at": ordered_at + timedelta(seconds=900) if is_cancelled else None,
        "status": "cancelled" if is_cancelled else "delivered",
        "distance_m": 1000 + i,
        "fee_krw": 3000 + i,
        **_provenance(day, i),
    }


def _exposure(settings: Settings, day: date, i: int, experiment_id: str) -> Row:
    unit_type = EXPERIMENTS[experiment_id]
    return {
        "exposure_id": f"{experiment_id}-{day}-{i}",
        "experiment_id": experiment_id,
        "variant": "new" if i % 2 else "current",
        "unit_type": unit_type,
        "unit_id": {"courier": "c", "customer": "u", "zone": "z"}[unit_type] + str(i),
        "exposed_at": settings.business_day.starts_at(day).replace(tzinfo=None) + timedelta(minutes=30 * i),
        "attributes": None,
        **_provenance(day, i),
    }


def _provenance(day: date, i: int) -> Row:
    return {"partition_date": day, "object_number": 1, "line_number": i + 1}


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case datetime():
            return f"timestamp '{value}'"
        case date():
            return f"date '{value}'"
        case str():
            return f"'{value}'"
        case _:
            return str(value)


def build_marts(warehouse: Warehouse) -> None:
    """The registry's tables and the marts as of `TODAY`, in the schema that dbt gives them."""
    for schema in ("staging", "marts"):
        warehouse.execute(f"create schema if not exists {schema}")
    for experiment_id, unit_type in (EXPERIMENTS | NEIGHBOURS).items():
        layer = "'dispatch', 0.45" if experiment_id in IN_LAYER else "null, null"
        holdout_of = "'dispatch'" if experiment_id == ITS_HOLDOUT else "null"
        warehouse.execute(
            f"""insert into registry.experiments values ('{experiment_id}', 't', 'o', 's', 'h', '{unit_type}', 'current',
                date '2026-03-01', date '2026-03-31', 0.05, 100, null, null, null, null, {layer}, {holdout_of}, false, 'd',
                'r', timestamp '2026-03-01 00:00:00')"""
        )
        warehouse.execute(
            f"insert into registry.variants values ('{experiment_id}', 'current', 0.5, true), ('{experiment_id}', 'new', 0.5, false)"
        )
        warehouse.execute(
            f"insert into registry.experiment_metrics values ('{experiment_id}', 'late_rate', 'primary', null, 0.01, 'ratio', null)"
        )
    _assign_units(warehouse)
    business_date = warehouse.business_date_sql("ordered_at")
    warehouse.execute(f"create table staging.stg_deliveries as select *, {business_date} as business_date from landing.deliveries")
    units = " union all ".join(
        f"select '{unit_type}' as unit_type, {unit_type}_id as unit_id, business_date, count(*) as orders, "
        f"sum(case when status = 'delivered' then 1 else 0 end) as delivered_orders "
        f"from staging.stg_deliveries where {unit_type}_id is not null group by {unit_type}_id, business_date"
        for unit_type in ("courier", "store", "customer", "zone")
    )
    warehouse.execute(f"create table marts.unit_days as {units}")
    warehouse.execute(
        f"""create table marts.experiment_exposures_daily as
            select experiment_id, variant, date '{DATES[0]}' as business_date, cast(20 as bigint) as exposed_units,
                cast(0 as bigint) as contaminated_units from registry.variants
            union all select experiment_id, variant, date '{TODAY}', 2, 1 from registry.variants
            union all select experiment_id, variant, date '{TODAY + timedelta(days=1)}', 5, 0 from registry.variants"""
    )
    warehouse.execute(
        "create table marts.experiment_quantiles (experiment_id varchar(128), variant varchar(128), metric varchar(128), as_of_date date, "
        "units bigint)"
    )
    warehouse.execute(
        f"""create table marts.experiment_moments as
            select experiment_id, variant, 'late_rate' as metric, 'all' as segment, date '{TODAY}' as as_of_date,
                cast(21 as bigint) as units,
                cast(30 as decimal(38, 0)) as sum_numerator, cast(190 as decimal(38, 0)) as sum_denominator,
                cast(90 as decimal(38, 0)) as sum_numerator_squared, cast(300 as decimal(38, 0)) as sum_numerator_denominator,
                cast(1900 as decimal(38, 0)) as sum_denominator_squared,
                cast(20 as decimal(38, 0)) as sum_covariate_numerator, cast(180 as decimal(38, 0)) as sum_covariate_denominator,
                cast(50 as decimal(38, 0)) as sum_covariate_numerator_squared,
                cast(200 as decimal(38, 0)) as sum_covariate_numerator_denominator,
                cast(1700 as decimal(38, 0)) as sum_covariate_denominator_squared,
                cast(60 as decimal(38, 0)) as sum_numerator_covariate_numerator,
                cast(280 as decimal(38, 0)) as sum_numerator_covariate_denominator,
                cast(190 as decimal(38, 0)) as sum_denominator_covariate_numerator,
                cast(1750 as decimal(38, 0)) as sum_denominator_covariate_denominator
            from registry.variants"""
    )


def _assign_units(warehouse: Warehouse) -> None:
    """`marts.experiment_units` as far as layers need it: the first couriers rank, the next order routes, the last are held out."""
    units = [
        *(("dispatch_ranking", "new" if i % 2 else "current", i) for i in range(20)),
        *(("route_order", "new" if i % 2 else "current", i) for i in range(20, 40)),
        *(("dispatch_holdout", "new" if i < 40 else "current", i) for i in range(30, 50)),
    ]
    warehouse.execute(
        """create table marts.experiment_units (
            experiment_id varchar(128), unit_type varchar(32), unit_id varchar(128), variant varchar(128), assigned_at timestamp,
            exposure_date date, contamination_date date, is_excluded boolean)"""
    )
    values = ", ".join(
        f"('{experiment_id}', 'courier', 'c{i}', '{variant}', timestamp '2026-03-02 03:00:00', date '2026-03-02', null, false)"
        for experiment_id, variant, i in units
    )
    warehouse.execute(f"insert into marts.experiment_units values {values}")
