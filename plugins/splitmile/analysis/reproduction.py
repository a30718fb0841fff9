"""Queries that give the moments of a metric again, from unit_days and from the deliveries, without the models in between.

They are made for a person to paste, so they have literals in the place of parameters; they run on DuckDB and Redshift alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import combinations_with_replacement

from splitmile.registry.plan import Metric, MetricKind, Plan

PARTS = ("numerator", "denominator", "covariate_numerator", "covariate_denominator")


def literal(value: str | date) -> str:
    """A value as SQL; instants are in UTC."""
    if isinstance(value, datetime):
        return f"timestamp '{value:%Y-%m-%d %H:%M:%S}'"
    if isinstance(value, date):
        return f"date '{value}'"
    return "'" + value.replace("'", "''") + "'"


def moments_query(plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str], source: str) -> str:
    """The rows of experiment_moments, a variant each, by the same names.

    Args:
        plan: The experiment.
        metric: One of its metrics, no quantile.
        as_of: The business date.
        expressions: SQL over one delivery, by measure.
        source: `unit_days` or `deliveries`.
    """
    sums = [f"sum({_wide(part)}) as sum_{part}" for part in PARTS]
    for left, right in combinations_with_replacement(PARTS, 2):
        sums.append(f"sum({_wide(left)} * {_wide(right)}) as sum_{_product(left, right)}")
    shown = ",\n    ".join(["variant", "count(*) as units", *sums])
    return f"""with {_unit_values(plan, metric, as_of, expressions, source)}
select
    {shown}
from unit_values
group by variant
order by variant"""


def quantile_query(plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str]) -> str:
    """The observations of each variant and their order statistic, from the deliveries."""
    expression = expressions[metric.numerator]
    return f"""with {_units(plan, metric, as_of, ())},
ranked as (
    select
        units.variant,
        {expression} as observation,
        row_number() over (partition by units.variant order by {expression}) as observation_rank,
        count(*) over (partition by units.variant) as observations
    from units
    inner join intermediate.int_deliveries_timed as deliveries
        on
            deliveries.{plan.unit_type}_id = units.unit_id
            and {_counted_deliveries(metric, as_of)}
    where {expression} is not null
)
select
    variant,
    max(observations) as observations,
    min(observation) as quantile
from ranked
where observation_rank >= ceil(cast({metric.quantile} as decimal(9, 6)) * observations)
group by variant
order by variant"""


def _unit_values(plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str], source: str) -> str:
    """The CTEs up to `unit_values`: a row a unit with its variant and the four parts of the metric."""
    measures = list(dict.fromkeys(name for name in (metric.numerator, metric.denominator) if name))
    if source == "unit_days":
        columns, join = _from_unit_days(plan, metric, as_of, measures)
    else:
        columns, join = _from_deliveries(plan, metric, as_of, {measure: expressions[measure] for measure in measures})
    cap_cte, cap_join, cap = _cap(metric)
    parts = _parts(metric, cap)
    shown = ",\n        ".join(["sums.unit_id", "sums.variant", *(f"{sql} as {part}" for part, sql in parts.items())])
    summed = ",\n        ".join(["units.unit_id", "units.variant", *columns])
    return f"""{_units(plan, metric, as_of, measures)},
sums as (
    select
        {summed}
    from units
    {join}
    group by units.unit_id, units.variant
),{cap_cte}
unit_values as (
    select
        {shown}
    from sums{cap_join}
)"""


def complete_from(metric: Metric) -> int:
    """Days after the exposure date from which a unit counts."""
    if metric.window is None:
        return 0
    return metric.window.first_day if metric.window.last_day is None else metric.window.last_day


def _units(plan: Plan, metric: Metric, as_of: date, bases: tuple[str, ...] | list[str]) -> str:
    columns = ",\n        ".join(["unit_id", "variant", "first_exposed_at", "exposure_date", *(f"base_{name}" for name in bases)])
    complete = f"exposure_date <= {literal(as_of)}"
    if complete_from(metric):
        complete += f" - {complete_from(metric)}"
    return f"""units as (
    select
        {columns}
    from marts.experiment_units
    where
        experiment_id = {literal(plan.experiment_id)}
        and not is_excluded
        and {complete}
        and (contamination_date is null or contamination_date > {literal(as_of)})
)"""


def _from_unit_days(plan: Plan, metric: Metric, as_of: date, measures: list[str]) -> tuple[list[str], str]:
    first, last = _days(metric)
    conditions = []
    if first > 0:
        conditions.append(f"days.business_date >= units.exposure_date + {first}")
    if last is not None:
        conditions.append(f"days.business_date <= units.exposure_date + {last}")
    columns = []
    for measure in measures:
        total = f"sum({_only(conditions, f'days.{measure}')})"
        # From the exposure day on: all there ever was, less what there was at the instant of exposure.
        base = f" - max(units.base_{measure})" if first == 0 else ""
        columns.append(f"coalesce({total}, 0){base} as {measure}")
    join = (
        "left join marts.unit_days as days\n        on\n"
        f"            days.unit_type = {literal(plan.unit_type)}\n            and days.unit_id = units.unit_id\n"
        f"            and days.business_date <= {literal(as_of)}"
    )
    return columns + _covariates(metric, {measure: f"days.{measure}" for measure in measures}, "days"), join


def _from_deliveries(plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str]) -> tuple[list[str], str]:
    counted = [_counted_deliveries(metric, as_of)]
    columns = [f"coalesce(sum({_only(counted, expression)}), 0) as {measure}" for measure, expression in expressions.items()]
    earliest = plan.start_date - timedelta(days=metric.covariate_days or 0)
    join = (
        "left join intermediate.int_deliveries_timed as deliveries\n        on\n"
        f"            deliveries.{plan.unit_type}_id = units.unit_id\n"
        f"            and deliveries.business_date between {literal(earliest)} and {literal(as_of)}"
    )
    return columns + _covariates(metric, expressions, "deliveries"), join


def _counted_deliveries(metric: Metric, as_of: date) -> str:
    first, last = _days(metric)
    begin = f"deliveries.business_date >= units.exposure_date + {first}" if first > 0 else "deliveries.ordered_at >= units.first_exposed_at"
    end = f"deliveries.business_date <= {literal(as_of) if last is None else f'units.exposure_date + {last}'}"
    return f"{begin} and {end}"


def _covariates(metric: Metric, expressions: Mapping[str, str], alias: str) -> list[str]:
    if not metric.covariate_days:
        return []
    before = [
        f"{alias}.business_date >= units.exposure_date - {metric.covariate_days}",
        f"{alias}.business_date < units.exposure_date",
    ]
    columns = [f"coalesce(sum({_only(before, expression)}), 0) as before_{measure}" for measure, expression in expressions.items()]
    return [*columns, f"coalesce(max({_only(before, '1')}), 0) as before_present"]


def _cap(metric: Metric) -> tuple[str, str, str | None]:
    """The CTE of a cap, how it is joined, and the cap itself."""
    if metric.cap is None:
        return "", "", None
    if metric.cap.value is not None:
        return "", "", str(metric.cap.value)
    return (
        f"""
cap as (
    select min({metric.numerator}) as cap
    from (
        select {metric.numerator}, row_number() over (order by {metric.numerator}) as value_rank, count(*) over () as unit_count
        from sums
    ) as ranked
    where value_rank >= ceil(cast({metric.cap.percentile} as decimal(9, 6)) * unit_count)
),""",
        "\n    cross join cap",
        "cap.cap",
    )


def _parts(metric: Metric, cap: str | None) -> dict[str, str]:
    numerator, covariate = f"sums.{metric.numerator}", f"sums.before_{metric.numerator}"
    if metric.kind is MetricKind.proportion:
        numerator, covariate = (f"case when {sql} > 0 then 1 else 0 end" for sql in (numerator, covariate))
    elif cap:
        numerator = f"least({numerator}, {cap})"
    denominator = f"sums.{metric.denominator}" if metric.denominator else "1"
    if not metric.covariate_days:
        return dict(zip(PARTS, (numerator, denominator, "0", "0"), strict=True))
    return dict(zip(PARTS, (numerator, denominator, covariate, f"sums.before_{metric.denominator or 'present'}"), strict=True))


def _days(metric: Metric) -> tuple[int, int | None]:
    return (metric.window.first_day, metric.window.last_day) if metric.window else (0, None)


def _only(conditions: list[str], expression: str) -> str:
    value = f"cast({expression} as bigint)"
    return f"case when {' and '.join(conditions)} then {value} else 0 end" if conditions else value


def _wide(part: str) -> str:
    # Products of 64 bits leave them; Redshift multiplies two of 19 digits into 38.
    return f"cast({part} as decimal(19, 0))"


def _product(left: str, right: str) -> str:
    if left == right:
        return f"{left}_squared"
    return f"{left}_{right.removeprefix('covariate_') if left.startswith('covariate') else right}"
