"""What a day costs in rows and bytes, as plain functions of how many deliveries and experiments there are.

Nothing here touches a warehouse: `benchmarks.measure` measures the unit costs and the rows of small days, and this module says
what the same tables hold at any other size. docs/scaling.md compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from scipy import optimize, special, stats

UNIT_TYPE_CYCLE = ("customer", "courier", "store", "customer", "zone")
"""Unit types of experiments, in turn: of five experiments, two are on customers."""

_QUANTILES = 4_000


@dataclass(frozen=True, slots=True)
class UnitPopulation:
    """The units of one type that a delivery company has.

    Attributes:
        per_delivery: Units per daily delivery, so 6 means six customers for each delivery of a day.
        spread: Standard deviation of the logarithm of how often one unit orders compared with another.
        activity: The two parameters of the beta distribution of a unit's chance to work on a day; none where a unit is active
            whenever it has an order.
    """

    per_delivery: float
    spread: float
    activity: tuple[float, float] | None = None

    def seen(self, days: int) -> float:
        """Share of the units that are active at least once within some days."""
        if self.activity is not None:
            alpha, beta = self.activity
            return 1 - float(np.exp(special.betaln(alpha, beta + days) - special.betaln(alpha, beta)))
        return _seen(days / self.per_delivery, self.spread)


@cache
def _seen(mean_orders: float, spread: float) -> float:
    """Share of units with at least one order, when orders are Poisson with log-normal means."""
    quantiles = stats.norm.ppf((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    orders = mean_orders * np.exp(spread * quantiles - spread**2 / 2)
    return 1 - float(np.exp(-orders).mean())


POPULATIONS: Mapping[str, UnitPopulation] = {
    "customer": UnitPopulation(6, 0.9),
    "courier": UnitPopulation(1 / 12, 0.5, activity=(4, 2.5)),
    "store": UnitPopulation(1 / 30, 0.8),
    "zone": UnitPopulation(1 / 1000, 0.0),
}
"""Six customers, a twelfth of a courier and a thirtieth of a store for each delivery of a day; a zone has 1,000 deliveries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How much there is to do on a day.

    Attributes:
        deliveries: On the day.
        experiments: Under way on the day.
        age_days: Business dates since the experiments began; none means that they are spread evenly over their duration, as
            where a new one begins whenever another ends.
        duration_days: How long an experiment runs.
        history_days: Days whose raw rows and unit-days are kept.
        traffic_share: Share of a unit type's units that one experiment takes.
        logged_again_share: Chance that a unit which was exposed before is logged again on a day on which it is active.
        metrics: Per experiment.
        variants: Per experiment, the control counted.
        unit_metrics_keep_days: As-of dates for which per-unit values are kept; dbt's variable of that name. An experiment that has
            ended keeps its last ones beside.
    """

    deliveries: float
    experiments: int
    age_days: int | None = None
    duration_days: int = 28
    history_days: int = 365
    traffic_share: float = 0.1
    logged_again_share: float = 0.15
    metrics: int = 4
    variants: int = 2
    unit_metrics_keep_days: int = 7

    def __post_init__(self) -> None:
        """Refuse what no installation can have."""
        if self.deliveries <= 0 or self.experiments < 0:
            raise ValueError(f"{self.deliveries} deliveries and {self.experiments} experiments are no workload")
        if not 0 < self.traffic_share <= 1:
            raise ValueError(f"traffic_share is {self.traffic_share}; a share lies above 0 and not above 1")
        if self.age_days is not None and not 1 <= self.age_days <= self.duration_days:
            raise ValueError(f"age_days is {self.age_days}; an experiment of {self.duration_days} days is between 1 and that old")

    @property
    def ages(self) -> tuple[int, ...]:
        """The ages at which experiments are looked at, all equally often."""
        return (self.age_days,) if self.age_days is not None else tuple(range(1, self.duration_days + 1))


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table.

    Attributes:
        written: Rows written by one day's run.
        kept: Rows that the table holds.
    """

    written: float
    kept: float


def active_units(deliveries: float) -> dict[str, float]:
    """Units of each type that have a delivery on a day."""
    return {name: population.per_delivery * deliveries * population.seen(1) for name, population in POPULATIONS.items()}


def exposed_units(workload: Workload, age_days: int) -> float:
    """Units in all experiments together, when every experiment has that age."""
    return sum(
        count * workload.traffic_share * POPULATIONS[name].per_delivery * workload.deliveries * POPULATIONS[name].seen(age_days)
        for name, count in experiments_by_unit_type(workload.experiments).items()
    )


def experiments_by_unit_type(experiments: int) -> dict[str, float]:
    """How many experiments there are on each unit type."""
    cycle = len(UNIT_TYPE_CYCLE)
    whole, rest = divmod(experiments, cycle)
    return {name: whole * UNIT_TYPE_CYCLE.count(name) + UNIT_TYPE_CYCLE[:rest].count(name) for name in POPULATIONS}


def rows_of_a_day(workload: Workload) -> dict[str, TableRows]:
    """Rows by table, written by one day's run and kept after it; every date is loaded once and nothing comes late."""
    days, metrics = workload.history_days, workload.metrics
    live = _mean([exposed_units(workload, age) for age in workload.ages])
    fresh = _mean([exposed_units(workload, age) - (exposed_units(workload, age - 1) if age > 1 else 0) for age in workload.ages])
    active = active_units(workload.deliveries)
    met = workload.traffic_share * sum(active[name] * count for name, count in experiments_by_unit_type(workload.experiments).items())
    exposures = fresh + workload.logged_again_share * (met - fresh)
    unit_days = sum(active.values())
    arms = workload.experiments * workload.variants
    # Where all experiments have one age there are no earlier ones; else one has ended for each of the kept days.
    ended = 0.0 if workload.age_days else max(0.0, days / workload.duration_days - 1) * exposed_units(workload, workload.duration_days)
    effects = workload.experiments * metrics * (workload.variants - 1)
    return {
        "landing.deliveries": TableRows(workload.deliveries, workload.deliveries * days),
        "landing.exposures": TableRows(exposures, exposures * days),
        "marts.unit_days": TableRows(unit_days, unit_days * days),
        # A dbt table: all of it is written again every day.
        "marts.experiment_units": TableRows(live + ended, live + ended),
        "marts.experiment_unit_metrics": TableRows(live * metrics, (live * workload.unit_metrics_keep_days + ended) * metrics),
        "marts.experiment_moments": TableRows(arms * metrics, arms * metrics * days),
        "results.experiment_results": TableRows(effects, effects * days),
        "results.scorecards": TableRows(workload.experiments, workload.experiments * days),
    }


def bytes_of_a_day(rows: Mapping[str, TableRows], bytes_per_row: Mapping[str, float]) -> dict[str, TableRows]:
    """The same tables in bytes, by the measured size of a row."""
    return {name: TableRows(bytes_per_row[name] * found.written, bytes_per_row[name] * found.kept) for name, found in rows.items()}


def statement_bytes(workload: Workload, plain_bytes: Mapping[str, float]) -> dict[str, float]:
    """What the three largest statements of a run have to sort or hash, in bytes of rows that are not compressed.

    Removing repeated deliveries and exposures looks at all rows that are kept; totals are held per experiment and unit.
    """
    rows = rows_of_a_day(workload)
    return {
        "landing.deliveries": rows["landing.deliveries"].kept * plain_bytes["landing.deliveries"],
        "landing.exposures": rows["landing.exposures"].kept * plain_bytes["landing.exposures"],
        "marts.experiment_unit_metrics": rows["marts.experiment_unit_metrics"].written * plain_bytes["marts.experiment_unit_metrics"],
    }


@dataclass(frozen=True, slots=True)
class WorkerCosts:
    """Seconds of processor that the loader spends before COPY.

    Attributes:
        per_row: For each row: read, judged and written again.
        per_object: For each object, whatever lies beside it.
    """

    per_row: float
    per_object: float

    def seconds(self, rows: float, objects: int) -> float:
        """For one partition."""
        return rows * self.per_row + objects * self.per_object

    @classmethod
    def fitted(cls, rows: Sequence[float], objects: Sequence[int], seconds: Sequence[float]) -> Self:
        """The costs that come nearest to what was measured, none of them below zero."""
        weights = 1 / np.array(seconds)
        found, _ = optimize.nnls(np.column_stack([rows, objects]) * weights[:, None], np.ones(len(weights)))
        return cls(*map(float, found))


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of the size with which a value grows: the slope of a straight line through both logarithms.

    Raises:
        ValueError: There are fewer than two sizes, or a value that has no logarithm.
    """
    if len(sizes) != len(values) or len(set(sizes)) < 2 or min(*sizes, *values) <= 0:
        raise ValueError(f"no power of {sizes} can be fitted to {values}")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
