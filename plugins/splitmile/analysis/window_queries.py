"""Queries that give the sums of a switchback experiment's windows again, from switchback_window_days and from the deliveries.

They are made for a person to paste, so they have literals in the place of parameters; they run on DuckDB and Redshift alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from splitmile.analysis.reproduction import literal
from splitmile.registry.plan import Metric, MetricKind, Plan

_SINCE = ("counts_from", "starts_at")


def values_query(plan: Plan, metric: Metric, as_of: date, over_before: datetime) -> str:
    """A row for each window that is over, by zone and number, with its numerator and denominator from switchback_window_days.

    Args:
        plan: Of a switchback experiment.
        metric: One of its metrics.
        as_of: The business date.
        over_before: When it ends, in UTC.
    """
    return f"""with {_window_values(plan, metric, over_before, _from_window_days(plan, metric, as_of))}
select * from window_values
order by zone_id, window_number"""


def sums_query(plan: Plan, metric: Metric, as_of: date, over_before: datetime, expressions: Mapping[str, str], source: str) -> str:
    """The windows of each variant that count, added up.

    Args:
        plan: Of a switchback experiment.
        metric: One of its metrics.
        as_of: The business date.
        over_before: When it ends, in UTC.
        expressions: SQL over one delivery, by measure.
        source: `switchback_window_days` or `deliveries`.
    """
    sums = _from_deliveries(plan, metric, as_of, expressions) if source == "deliveries" else _from_window_days(plan, metric, as_of)
    return f"""with {_window_values(plan, metric, over_before, sums)}
select
    variant,
    count(*) as windows,
    sum(numerator) as sum_numerator,
    sum(denominator) as sum_denominator
from window_values
where denominator > 0
group by variant
order by variant"""


def measures_of(metric: Metric) -> list[str]:
    """The measures of a metric, each once."""
    return list(dict.fromkeys(name for name in (metric.numerator, metric.denominator) if name))


def _window_values(plan: Plan, metric: Metric, over_before: datetime, sums: str) -> str:
    """The CTEs up to `window_values`: a row a window that is over."""
    numerator, denominator = _parts(metric)
    return f"""windows as (
    select *
    from staging.stg_switchback_windows
    where
        experiment_id = {literal(plan.experiment_id)}
        and ends_at <= {literal(over_before)}
),
sums as (
{sums}
),
window_values as (
    select
        windows.zone_id,
        windows.window_number,
        windows.variant,
        windows.starts_at,
        windows.counts_from,
        windows.ends_at,
        {numerator} as numerator,
        {denominator} as denominator
    from windows
    left join sums
        on
            windows.zone_id = sums.zone_id
            and windows.window_number = sums.window_number
)"""


def _from_window_days(plan: Plan, metric: Metric, as_of: date) -> str:
    columns = ",\n        ".join(["zone_id", "window_number", *(f"sum({name}) as {name}" for name in measures_of(metric))])
    return f"""    select
        {columns}
    from marts.switchback_window_days
    where
        experiment_id = {literal(plan.experiment_id)}
        and business_date between {literal(plan.start_date)} and {literal(as_of)}
    group by zone_id, window_number"""


def _from_deliveries(plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str]) -> str:
    values = ",\n            ".join(["zone_id", "ordered_at", *(f"{expressions[name]} as {name}" for name in measures_of(metric))])
    columns = [f"sum(cast(deliveries.{name} as bigint)) as {name}" for name in measures_of(metric)]
    shown = ",\n        ".join(["windows.zone_id", "windows.window_number", *columns])
    return f"""    select
        {shown}
    from windows
    inner join (
        select
            {values}
        from intermediate.int_deliveries_timed
        where business_date between {literal(plan.start_date)} and {literal(as_of)}
    ) as deliveries
        on
            windows.zone_id = deliveries.zone_id
            and windows.counts_from <= deliveries.ordered_at
            and windows.ends_at > deliveries.ordered_at
    group by windows.zone_id, windows.window_number"""


def _parts(metric: Metric) -> tuple[str, str]:
    """Numerator and denominator of a window as SQL; of a mean the denominator is the share of the window that the burn-in leaves."""
    numerator = f"coalesce(sums.{metric.numerator}, 0)"
    if metric.denominator is not None:
        return numerator, f"coalesce(sums.{metric.denominator}, 0)"
    if metric.kind is MetricKind.proportion:
        return f"case when {numerator} > 0 then 1 else 0 end", "1"
    counted, whole = (f"(extract(epoch from windows.ends_at) - extract(epoch from windows.{since}))" for since in _SINCE)
    return numerator, f"cast({counted} as double precision) / {whole}"
