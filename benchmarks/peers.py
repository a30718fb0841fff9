"""What others do with the same rows: one query an experiment and metric that joins raw deliveries to exposures.

It is the shape that GrowthBook's generator writes, and most notebooks: first exposures by grouping, the deliveries joined to them, sums
per unit, moments per variant. Written for DuckDB with all that makes it fast: the columns that are needed, of the dates that are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.workload import Trial, Workload
from splitmile.settings import BusinessDay

Moments = dict[tuple[str, str, str], tuple[int, ...]]
"""Units and exact sums by experiment, variant and metric."""

Quantiles = dict[tuple[str, str], tuple[int, ...]]
"""The quantile and the exact sums of which its clustered standard error is made, by experiment and variant."""

_SUMS = (
    "sum_numerator",
    "sum_denominator",
    "sum_numerator_squared",
    "sum_numerator_denominator",
    "sum_denominator_squared",
    "sum_covariate_numerator",
    "sum_covariate_denominator",
    "sum_covariate_numerator_squared",
    "sum_covariate_numerator_denominator",
    "sum_covariate_denominator_squared",
    "sum_numerator_covariate_numerator",
    "sum_numerator_covariate_denominator",
    "sum_denominator_covariate_numerator",
    "sum_denominator_covariate_denominator",
)
"""Columns of `marts.experiment_moments` after `units`, in the order of a row here."""

_DELIVERED = "status = 'delivered'"


@dataclass(frozen=True, slots=True)
class PeerMetric:
    """A metric of the workload as SQL over one raw delivery; no denominator counts units."""

    name: str
    numerator: str
    denominator: str | None = None
    covariate_days: int = 0


ADDITIVE = (
    PeerMetric(
        "delivery_time",
        f"case when {_DELIVERED} then date_diff('second', ordered_at, delivered_at) end",
        f"case when {_DELIVERED} then 1 else 0 end",
        covariate_days=14,
    ),
    PeerMetric("deliveries_per_unit", f"case when {_DELIVERED} then 1 else 0 end"),
    PeerMetric("late_rate", f"case when {_DELIVERED} and delivered_at > promised_at then 1 else 0 end", f"({_DELIVERED})::int"),
    PeerMetric("cancellation_rate", "case when status = 'cancelled' then 1 else 0 end", "1"),
    PeerMetric("revenue_per_unit", f"case when {_DELIVERED} then fee_krw end"),
)
_QUANTILE = 0.9


@dataclass(frozen=True, slots=True)
class Raw:
    """Where the raw rows are: tables or calls of `read_parquet`, with instants as UTC."""

    deliveries: str
    exposures: str

    @classmethod
    def parquet(cls, workload: Workload, folder: Path, last_day: int) -> Raw:
        """The days' files up to one, as one would point a query at a folder of them."""

        def files(feed: str) -> str:
            paths = ", ".join(f"'{workload.file(folder, feed, day)}'" for day in range(1, last_day + 1))
            return f"read_parquet([{paths}], hive_partitioning = false)"

        return cls(files("deliveries"), files("exposures"))


class Peer:
    """The shape, over one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, workload: Workload, raw: Raw) -> None:
        """Nothing is read yet.

        Args:
            connection: Its time zone is UTC.
            workload: Says the dates of the experiments.
            raw: What is joined.
        """
        self._connection, self._workload, self._raw = connection, workload, raw

    def moments(self, trials: Sequence[Trial], metrics: Iterable[PeerMetric], as_of: date) -> Moments:
        """One query an experiment and metric."""
        found: Moments = {}
        for metric in metrics:
            for trial in trials:
                for variant, *sums in self._connection.execute(self.query(trial, metric, as_of)).fetchall():
                    found[trial.experiment_id, variant, metric.name] = tuple(int(value) for value in sums)
        return found

    def query(self, trial: Trial, metric: PeerMetric, as_of: date) -> str:
        """The query of one experiment and metric."""
        days = metric.covariate_days
        first = self._workload.date(trial.first_day) - timedelta(days=days)
        before = f"d.ordered_at < e.opens_at and d.ordered_at >= e.opens_at - interval {days} day"

        def summed(expression: str | None, condition: str) -> str:
            # Where no column is counted, a unit is one; before its exposure only where it was seen at all.
            if expression is None:
                return "1" if condition == _SINCE else f"max(case when {condition} then 1 else 0 end)"
            return f"coalesce(sum(case when {condition} then {expression} end), 0)"

        covariate = (summed(metric.numerator, before), summed(metric.denominator, before)) if days else ("0", "0")
        return f"""
            with {self._exposures(trial, as_of)},
            units as (
                select e.variant, e.unit_id,
                    {summed(metric.numerator, _SINCE)}::hugeint as n, {summed(metric.denominator, _SINCE)}::hugeint as d,
                    {covariate[0]}::hugeint as xn, {covariate[1]}::hugeint as xd
                from exposures e left join ({self._deliveries(trial, first, as_of)}) d
                    on d.unit_id = e.unit_id {"" if days else f"and {_SINCE}"}
                group by 1, 2
            )
            select variant, count(*), sum(n), sum(d), sum(n * n), sum(n * d), sum(d * d), sum(xn), sum(xd), sum(xn * xn), sum(xn * xd),
                sum(xd * xd), sum(n * xn), sum(n * xd), sum(d * xn), sum(d * xd)
            from units group by 1"""

    def quantiles(self, trials: Sequence[Trial], as_of: date) -> Quantiles:
        """One query an experiment: each variant's exact quantile over its deliveries, then by unit how many there are up to it."""
        found = {}
        for trial in trials:
            query = f"""
                with {self._exposures(trial, as_of)},
                deliveries as (
                    select e.variant, e.unit_id, date_diff('second', d.ordered_at, d.delivered_at) as seconds
                    from exposures e join ({self._deliveries(trial, self._workload.date(trial.first_day), as_of)}) d
                        on d.unit_id = e.unit_id and {_SINCE}
                    where {_DELIVERED}
                ),
                quantiles as (select variant, quantile_disc(seconds, {_QUANTILE}) as quantile from deliveries group by 1),
                units as (
                    select variant, quantile, count(case when seconds <= quantile then 1 end)::hugeint as n, count(*)::hugeint as d
                    from deliveries join quantiles using (variant) group by variant, quantile, unit_id
                )
                select variant, any_value(quantile), sum(n), sum(d), sum(n * n), sum(n * d), sum(d * d) from units group by 1"""
            for variant, *sums in self._connection.execute(query).fetchall():
                found[trial.experiment_id, variant] = tuple(int(value) for value in sums)
        return found

    def _exposures(self, trial: Trial, as_of: date) -> str:
        """First exposures; a unit that was seen in two variants by then is left out, as GrowthBook leaves out multiple exposures."""
        opens = BusinessDay().starts_at(self._workload.date(trial.first_day))
        ends = BusinessDay().starts_at(as_of + timedelta(days=1))
        return f"""
            exposures as (
                select unit_id, min(exposed_at) as exposed_at, max(variant) as variant,
                    time_bucket(interval 1 day, min(exposed_at), timestamp '{opens:%Y-%m-%d %H:%M:%S}') as opens_at
                from {self._raw.exposures}
                where experiment_id = '{trial.experiment_id}'
                    and exposed_at >= timestamp '{opens:%Y-%m-%d %H:%M:%S}' and exposed_at < timestamp '{ends:%Y-%m-%d %H:%M:%S}'
                group by 1 having count(distinct variant) = 1
            )"""

    def _deliveries(self, trial: Trial, first: date, as_of: date) -> str:
        opens, ends = BusinessDay().starts_at(first), BusinessDay().starts_at(as_of + timedelta(days=1))
        return (
            f"select {trial.unit_type}_id as unit_id, * from {self._raw.deliveries} where "
            f"ordered_at >= timestamp '{opens:%Y-%m-%d %H:%M:%S}' and ordered_at < timestamp '{ends:%Y-%m-%d %H:%M:%S}'"
        )


_SINCE = "d.ordered_at >= e.exposed_at"


def kept_moments(connection: duckdb.DuckDBPyConnection, as_of: date, metrics: Iterable[PeerMetric] = ADDITIVE) -> Moments:
    """What the product has as of a date, in the same form."""
    names = ", ".join(f"'{metric.name}'" for metric in metrics)
    rows: list[tuple[Any, ...]] = connection.execute(
        f"select experiment_id, variant, metric, units, {', '.join(_SUMS)} from marts.experiment_moments "
        f"where as_of_date = ? and segment = 'all' and metric in ({names})",
        [as_of],
    ).fetchall()
    return {(experiment, variant, metric): tuple(int(value or 0) for value in sums) for experiment, variant, metric, *sums in rows}


def kept_quantiles(connection: duckdb.DuckDBPyConnection, as_of: date) -> Quantiles:
    """The product's quantiles as of a date, in the same form."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "select experiment_id, variant, quantile_value, sum_at_most, sum_observations, sum_at_most_squared, sum_at_most_observations, "
        "sum_observations_squared from marts.experiment_quantiles where as_of_date = ?",
        [as_of],
    ).fetchall()
    return {(experiment, variant): tuple(int(value) for value in sums) for experiment, variant, *sums in rows}
