"""A small, faultless installation: three experiments, eight dates of feeds, and the marts that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from splitmile.quality import CheckResult
from splitmile.registry import Direction, Metric, MetricKind, Plan, PlannedMetric, Problem, Registry, Role, Variant
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

Look = Callable[..., CheckResult]
TODAY = date(2026, 3, 9)
DATES = tuple(TODAY - timedelta(days=back) for back in range(7, -1, -1))
ORDERS_A_DAY = 40
EXPERIMENTS = {"dispatch_ranking": "courier", "eta_banner": "customer", "zone_pricing": "zone"}


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
    for day in dates:
        start = settings.business_day.starts_at(day).replace(tzinfo=None)
        provenance = f"cast('{day}' as date), 'feeds/{day}', 'etag', i + 1, 'load'"
        warehouse.execute(
            f"""
            insert into raw.deliveries
            select 'd-{day}-' || i, case when i % 20 > 0 then 'c' || i end, 's' || i % 5, 'u' || i, 'z' || i,
                t, t + interval 60 second, t + interval 600 second, case when i % 20 > 0 then t + interval 1500 second end,
                t + interval 2400 second, case when i % 20 = 0 then t + interval 900 second end,
                case when i % 20 = 0 then 'cancelled' else 'delivered' end, 1000 + i, 3000 + i, {provenance}
            from (select i, cast(? as timestamp) + to_minutes(i * 30) as t from range({ORDERS_A_DAY}) as orders (i))""",
            (start,),
        )
        for experiment_id, unit_type in EXPERIMENTS.items():
            prefix = {"courier": "c", "customer": "u", "zone": "z"}[unit_type]
            warehouse.execute(
                f"""
                insert into raw.exposures
                select '{experiment_id}-{day}-' || i, '{experiment_id}', case when i % 2 = 0 then 'current' else 'new' end, '{unit_type}',
                    '{prefix}' || i, cast(? as timestamp) + to_minutes(i * 30), null, {provenance}
                from range({ORDERS_A_DAY}) as units (i)""",
                (start,),
            )


def build_marts(warehouse: Warehouse) -> None:
    """The registry's tables and the marts as of `TODAY`, in the schema that dbt gives them."""
    for schema in ("staging", "marts"):
        warehouse.execute(f"create schema if not exists {schema}")
    for experiment_id, unit_type in EXPERIMENTS.items():
        warehouse.execute(
            f"""insert into registry.experiments values ('{experiment_id}', 't', 'o', 's', 'h', '{unit_type}', 'current',
                date '2026-03-01', date '2026-03-31', 0.05, 100, 'r', timestamp '2026-03-01 00:00:00')"""
        )
        warehouse.execute(
            f"insert into registry.variants values ('{experiment_id}', 'current', 0.5, true), ('{experiment_id}', 'new', 0.5, false)"
        )
        warehouse.execute(f"insert into registry.experiment_metrics values ('{experiment_id}', 'late_rate', 'primary', null, 0.01)")
    business_date = warehouse.business_date_sql("ordered_at")
    warehouse.execute(f"create table staging.stg_deliveries as select *, {business_date} as business_date from raw.deliveries")
    units = " union all ".join(
        f"select '{unit_type}' as unit_type, {unit_type}_id as unit_id, business_date, count(*) as orders, "
        f"sum(case when status = 'delivered' then 1 else 0 end) as delivered_orders "
        f"from staging.stg_deliveries where {unit_type}_id is not null group by all"
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
        f"""create table marts.experiment_moments as
            select experiment_id, variant, 'late_rate' as metric, 'all' as segment, date '{TODAY}' as as_of_date,
                cast(21 as bigint) as units,
                cast(30 as decimal(38, 0)) as sum_numerator, cast(190 as decimal(38, 0)) as sum_denominator,
                cast(90 as decimal(38, 0)) as sum_numerator_squared, cast(300 as decimal(38, 0)) as sum_numerator_denominator,
                cast(1900 as decimal(38, 0)) as sum_denominator_squared
            from registry.variants"""
    )
