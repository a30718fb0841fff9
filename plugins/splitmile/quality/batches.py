"""The batches that are looked at: each a name and one query in the SQL that DuckDB and Redshift share.

On DuckDB a batch is fetched as a pandas frame, on Redshift the same query is a query asset. So the queries carry their values as literals,
never as parameters, and cast every number that is looked at to BIGINT or DOUBLE PRECISION: pandas compares such columns as a whole, and
both engines round them alike. Instants are compared by their whole seconds, which is all that EXTRACT gives on Redshift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from splitmile.settings import BusinessDay

UNIT_COLUMNS = {"courier": "courier_id", "store": "store_id", "customer": "customer_id", "zone": "zone_id"}
TRAILING_DATES = 7
# Below this many rows a day, or units, a ratio says more about chance than about the feed.
FEW_ROWS = 20
FEW_UNITS = 30


@dataclass(frozen=True, slots=True)
class Batch:
    """What a suite looks at.

    Attributes:
        name: Name of the batch; also its page's in the Data Docs.
        query: One SELECT.
        keys: Columns that tell one row from another, for messages.
        is_one_row: It sums something up in one row, whose values say more than that they keep a rule.
    """

    name: str
    query: str
    keys: tuple[str, ...]
    is_one_row: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A business date and the dates before it, as the queries select them.

    Dates are bounded by the instants at which they begin: the same rows as `Warehouse.business_date_sql` gives, without converting
    every row's instant to local time, and a range that both engines can skip blocks by.

    Attributes:
        business_day: When a business date begins.
        business_date: The date that is looked at.
    """

    business_day: BusinessDay
    business_date: date

    def between(self, instant: str, dates_back: int = 0) -> str:
        """The condition that an instant column is within the date, or so many dates before it."""
        first = self.business_date - timedelta(days=dates_back)
        return f"{instant} >= {self.starts_at(first)} and {instant} < {self.ends_at(self.business_date)}"

    def starts_at(self, business_date: date) -> str:
        """The instant at which a business date begins, as an SQL literal."""
        return f"cast('{self.business_day.starts_at(business_date):%Y-%m-%d %H:%M:%S}' as timestamp)"

    def ends_at(self, business_date: date) -> str:
        """The instant at which a business date is over, as an SQL literal."""
        return self.starts_at(business_date + timedelta(days=1))


_KNOWN = f"feed.is_week_known = 1 and week.mean_rows >= {FEW_ROWS}"


def feed_day(window: Window, feed: str, key: str, instant: str, levels: Sequence[str] = (), *, is_expected: bool = True) -> Batch:
    """One row: a feed's date beside its trailing week; ratios are null until a whole week is known or where rows are few.

    The mean of a level counts every version of a row, which is near enough to see a change of unit.
    """
    today = window.business_date
    dates = [today - timedelta(days=back) for back in range(TRAILING_DATES + 1)]
    calendar = " union all ".join(f"select {date_literal(day)} as business_date, {window.ends_at(day)} as ends_at" for day in dates)
    # Not a join with the calendar: without an equality Redshift would compare every row with every date.
    branches = " ".join(f"when {instant} >= {window.starts_at(day)} then {date_literal(day)}" for day in dates)
    counted_levels = "".join(f", avg(cast({level} as double precision)) as {level}" for level in levels)
    days_levels = "".join(f", counted.{level}" for level in levels)
    week_levels = "".join(f", avg({level}) as {level}" for level in levels)
    ratio_levels = "".join(f", case when {_KNOWN} then today.{level} / nullif(week.{level}, 0) end as {level}_to_mean" for level in levels)
    present = "cast(today.row_count as bigint)" if is_expected else "cast(null as bigint)"
    return Batch(
        f"feeds_{feed}_day",
        f"""
        with calendar as ({calendar}),
        events as (select *, case {branches} end as business_date from landing.{feed} where {window.between(instant, TRAILING_DATES)}),
        counted as (
            select business_date, cast(count(distinct {key}) as double precision) as row_count, max({instant}) as last_at{counted_levels}
            from events group by business_date
        ),
        days as (
            select calendar.business_date, coalesce(counted.row_count, 0) as row_count,
                ({_seconds("calendar.ends_at")} - {_seconds("counted.last_at")}) / 3600 as silent_hours{days_levels}
            from calendar left join counted on counted.business_date = calendar.business_date
        ),
        week as (
            select avg(row_count) as mean_rows, min(row_count) as fewest_rows, max(silent_hours) as silent_hours{week_levels}
            from days where business_date < {date_literal(today)}
        ),
        received as (
            select count(*) as row_count,
                cast(count(distinct {key} || ' ' || cast(partition_date as varchar)) as double precision) as sent_count
            from events where business_date = {date_literal(today)}
        ),
        feed as (
            select count(*) as is_week_known
            from (select 1 as is_there from landing.{feed} where {instant} < {window.ends_at(dates[-1])} limit 1) as earlier
        )
        select today.business_date, {present} as row_count,
            case when {_KNOWN} then today.row_count / nullif(week.fewest_rows, 0) end as volume_to_fewest,
            case when {_KNOWN} then today.row_count / week.mean_rows end as volume_to_mean,
            case when {_KNOWN} then today.silent_hours - week.silent_hours end as silent_hours_beyond,
            1 - received.sent_count / nullif(received.row_count, 0) as repeated_share{ratio_levels}
        from days as today cross join week cross join received cross join feed
        where today.business_date = {date_literal(today)}""",
        ("business_date",),
        is_one_row=True,
    )


def exposed_units(window: Window, unit_types: Mapping[str, str]) -> Batch:
    """One row per unit type: how many of the date's exposed units have an order on the date or in its trailing week.

    Args:
        window: The date.
        unit_types: Running experiments with their unit type.
    """
    wanted = f"experiment_id in ({literals(unit_types)})" if unit_types else "1 = 0"
    seen = " union all ".join(
        f"select distinct '{unit_type}' as unit_type, {column} as unit_id from landing.deliveries "
        f"where {window.between('ordered_at', TRAILING_DATES)} "
        f"and {column} in (select unit_id from exposed where unit_type = '{unit_type}')"
        for unit_type, column in UNIT_COLUMNS.items()
        if unit_type in unit_types.values() or not unit_types
    )
    return Batch(
        "feeds_exposed_units",
        f"""
        with exposed as (select distinct unit_type, unit_id from landing.exposures where {wanted} and {window.between("exposed_at")}),
        seen as ({seen})
        select exposed.unit_type, count(*) as units,
            case when count(*) >= {FEW_UNITS} then cast(count(seen.unit_id) as double precision) / count(*) end as active_share
        from exposed left join seen on seen.unit_type = exposed.unit_type and seen.unit_id = exposed.unit_id
        group by exposed.unit_type""",
        ("unit_type",),
    )


def deliveries(window: Window, unit_types: Collection[str]) -> Batch:
    """One row per delivery of the date, its latest version; `has_…_id` is null for units that no experiment counts."""
    which = {"courier": "status = 'delivered'", "customer": "1 = 1", "zone": "1 = 1"}
    present = ", ".join(
        f"case when {condition if unit_type in unit_types else '1 = 0'} "
        f"then {_flag(f'{unit_type}_id is not null')} end as has_{unit_type}_id"
        for unit_type, condition in which.items()
    )
    return Batch(
        "feeds_deliveries",
        f"""
        select delivery_id, status, ordered_at, assigned_at, picked_up_at, delivered_at, promised_at,
            status || case when delivered_at is null then ' without delivered_at' else ' with delivered_at' end as outcome,
            case when status = 'cancelled' then {_flag("cancelled_at is not null")} end as has_cancelled_at,
            {_flag("status <> 'in_progress'")} as is_settled,
            {_seconds("delivered_at")} - {_seconds("ordered_at")} as delivery_seconds,
            cast(distance_m as double precision) as distance_m, cast(fee_krw as double precision) as fee_krw, {present}
        from ({_latest_versions("deliveries", "delivery_id", "ordered_at", window)}) as versions""",
        ("delivery_id",),
    )


def exposures(window: Window, planned_ids: Collection[str]) -> Batch:
    """One row per exposure of the date, its latest version; what a plan decides is null where there is no valid plan."""
    is_planned = f"experiment_id in ({literals(planned_ids)})" if planned_ids else "1 = 0"
    return Batch(
        "feeds_exposures",
        f"""
        select exposure_id, experiment_id, unit_type, {_flag("trim(unit_id) <> ''")} as has_unit_id,
            case when {is_planned} then experiment_id || ': ' || variant end as experiment_variant,
            case when {is_planned} then experiment_id || ': ' || unit_type end as experiment_unit_type
        from ({_latest_versions("exposures", "exposure_id", "exposed_at", window)}) as versions""",
        ("exposure_id",),
    )


def moments_coverage(as_of: date) -> Batch:
    """One row per running experiment, variant with units in the analysis, and metric: its moments' units and the exposed ones.

    The units of a switchback experiment are windows, which have no moments; a metric with a window of days has only those of the units
    whose window counts. The units of a quantile stand with it.
    """
    return Batch(
        "marts_coverage",
        f"""
        with exposed as (
            select experiment_id, variant, sum(exposed_units) - sum(contaminated_units) as units
            from marts.experiment_exposures_daily where business_date <= {date_literal(as_of)} group by experiment_id, variant
        )
        select experiments.experiment_id, variants.variant, experiment_metrics.metric,
            cast(coalesce(moments.units, quantiles.units) as double precision) as units,
            cast(coalesce(exposed.units, 0) as double precision) as exposed_units
        from registry.experiments as experiments
        join registry.variants as variants on variants.experiment_id = experiments.experiment_id
        join registry.experiment_metrics as experiment_metrics on experiment_metrics.experiment_id = experiments.experiment_id
        left join exposed on exposed.experiment_id = experiments.experiment_id and exposed.variant = variants.variant
        left join marts.experiment_moments as moments
            on moments.experiment_id = experiments.experiment_id and moments.variant = variants.variant
            and moments.metric = experiment_metrics.metric and moments.segment = 'all' and moments.as_of_date = {date_literal(as_of)}
        left join marts.experiment_quantiles as quantiles
            on quantiles.experiment_id = experiments.experiment_id and quantiles.variant = variants.variant
            and quantiles.metric = experiment_metrics.metric and quantiles.as_of_date = {date_literal(as_of)}
        where {date_literal(as_of)} between experiments.start_date and experiments.end_date
            and not experiments.is_switchback
            and experiment_metrics.metric_window is null
            and (exposed.units > 0 or moments.units is not null or quantiles.units is not null)""",
        ("experiment_id", "variant", "metric"),
    )


def moments(as_of: date) -> Batch:
    """One row per experiment, variant, metric and segment as of the date."""
    parts = ("numerator", "denominator", "covariate_numerator", "covariate_denominator")
    products = tuple(f"{metric}_{covariate}" for metric in parts[:2] for covariate in parts[2:])
    products += ("numerator_denominator", "covariate_numerator_denominator", *(f"{part}_squared" for part in parts))
    nulls = " + ".join(_flag(f"sum_{name} is null") for name in (*parts, *products))
    smaller_square = ", ".join(f"sum_{part}_squared" for part in parts)
    # The Cauchy–Schwarz inequality, n·Σx² ≥ (Σx)², as a share of n·Σx²; a double is exact enough to see it broken.
    spread = ", ".join(
        f"1 - cast(sum_{part} as double precision) * sum_{part} / nullif(cast(units as double precision) * sum_{part}_squared, 0)"
        for part in parts
    )
    return Batch(
        "marts_moments",
        f"""
        select experiment_id, variant, metric, segment, cast(units as double precision) as units, cast({nulls} as bigint) as null_sums,
            cast(least({smaller_square}) as double precision) as smaller_square,
            least({spread}) as relative_spread
        from marts.experiment_moments where as_of_date = {date_literal(as_of)}""",
        ("experiment_id", "variant", "metric", "segment"),
    )


def unit_days(window: Window, *, has_delivered_orders: bool) -> Batch:
    """One row per unit type of an experiment: delivered orders of the date in `unit_days` and in the staged deliveries."""
    total = "sum(delivered_orders)" if has_delivered_orders else "max(cast(null as bigint))"
    counted = ", ".join(f"count({column}) as {unit_type}_count" for unit_type, column in UNIT_COLUMNS.items())
    # One pass over the deliveries for all unit types.
    staged = " union all ".join(
        f"select '{unit_type}' as unit_type, {unit_type}_count as staged_count from staged" for unit_type in UNIT_COLUMNS
    )
    summed = "coalesce(built.delivered_count, 0)" if has_delivered_orders else "built.delivered_count"
    return Batch(
        "marts_unit_days",
        f"""
        with staged as (
            select {counted} from staging.stg_deliveries where status = 'delivered' and {window.between("ordered_at")}
        ),
        built as (
            select unit_type, {total} as delivered_count from marts.unit_days
            where business_date = {date_literal(window.business_date)} group by unit_type
        )
        select by_type.unit_type, cast({summed} as double precision) as unit_days_delivered,
            cast(by_type.staged_count as double precision) as staged_delivered
        from ({staged}) as by_type left join built on by_type.unit_type = built.unit_type
        where by_type.unit_type in (select unit_type from registry.experiments)""",
        ("unit_type",),
    )


def date_literal(value: date) -> str:
    """A date as an SQL literal."""
    return f"cast('{value.isoformat()}' as date)"


def literals(values: Iterable[str]) -> str:
    """Texts as a list of SQL literals."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def _seconds(instant: str) -> str:
    """The whole seconds of an instant; DuckDB alone would count their fractions, too."""
    return f"cast(floor(extract(epoch from {instant})) as double precision)"


def _flag(condition: str) -> str:
    return f"cast(case when {condition} then 1 else 0 end as bigint)"


def _latest_versions(feed: str, key: str, instant: str, window: Window) -> str:
    """The rows of the date that no later version has replaced; the loader keeps which have been."""
    return f"""
            select source.* from landing.{feed} as source
            left join ops.superseded_rows as superseded
                on superseded.feed = '{feed}' and source.{key} = superseded.event_id and source.{instant} = superseded.event_at
                and source.partition_date = superseded.partition_date and source.object_number = superseded.object_number
                and source.line_number = superseded.line_number
            where superseded.event_id is null and {window.between(f"source.{instant}")}
        """
