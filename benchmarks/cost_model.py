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
from numpy.typing import NDArray
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


OBSERVATION_LOGARITHM = (8.12, 0.463)
"""Mean and standard deviation of the logarithm of the seconds from an order to its delivery, as the simulated city has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How much there is to do on a day.

    Attributes:
        deliveries: On the day.
        experiments: Under way on the day.
        age_days: Business dates since the experiments began; none means that they are spread evenly over their duration, as
            where a new one begins whenever another ends.
        duration_days: How long an experiment runs.
        history_days: Days whose rows are kept, but for the dates of running sums, of which `kept_totals_days` tells.
        traffic_share: Share of a unit type's units that one experiment takes.
        logged_again_share: Chance that a unit which was exposed before is logged again on a day on which it is active.
        unit_metrics: Metrics of an experiment that are added up per unit.
        window_days: Days since exposure that one of them is limited to.
        quantile_metrics: Metrics of an experiment that are quantiles.
        variants: Per experiment, the control counted.
        lookback_dates: The setting of that name: for so many dates before the newest one running sums are kept.
    """

    deliveries: float
    experiments: int
    age_days: int | None = None
    duration_days: int = 28
    history_days: int = 365
    traffic_share: float = 0.1
    logged_again_share: float = 0.15
    unit_metrics: int = 5
    window_days: int = 7
    quantile_metrics: int = 1
    variants: int = 2
    lookback_dates: int = 7

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

    @property
    def ended_cohorts(self) -> float:
        """How many times as many experiments as are under way have ended in the kept days."""
        # Where all experiments have one age there are no earlier ones; else one has ended for each of the kept days.
        return 0.0 if self.age_days is not None else max(0.0, self.history_days / self.duration_days - 1)


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table.

    Attributes:
        written: Rows of the newest date, which one day's run writes.
        kept: Rows that the table holds.
    """

    written: float
    kept: float


def active_units(workload: Workload, days: int = 1) -> dict[str, float]:
    """Units of each type that experiments are on with a delivery within some days."""
    return {
        name: POPULATIONS[name].per_delivery * workload.deliveries * POPULATIONS[name].seen(days)
        for name, count in experiments_by_unit_type(workload.experiments).items()
        if count
    }


def exposed_units(workload: Workload, age_days: int) -> float:
    """Units in all experiments together, when every experiment has that age; before their first day there are none."""
    if age_days < 1:
        return 0.0
    active, counts = active_units(workload, age_days), experiments_by_unit_type(workload.experiments)
    return sum(counts[name] * workload.traffic_share * units for name, units in active.items())


def experiments_by_unit_type(experiments: int) -> dict[str, int]:
    """How many experiments there are on each unit type."""
    whole, rest = divmod(experiments, len(UNIT_TYPE_CYCLE))
    return {name: whole * UNIT_TYPE_CYCLE.count(name) + UNIT_TYPE_CYCLE[:rest].count(name) for name in POPULATIONS}


def live_units(workload: Workload) -> float:
    """Units in the experiments under way."""
    return _mean([exposed_units(workload, age) for age in workload.ages])


def kept_totals_days(workload: Workload) -> list[int]:
    """The dates whose running sums are kept, as days since the first one: the look-back's, and each on which an experiment ended."""
    days = range(1, workload.history_days + 1)
    horizon = workload.lookback_dates + 1
    if not workload.ended_cohorts:
        return list(days[-horizon:])
    days_an_end = max(1.0, workload.duration_days / workload.experiments) if workload.experiments else float("inf")
    ends = [round(at * days_an_end) for at in range(1, int(len(days[:-horizon]) / days_an_end) + 1)]
    return [*ends, *days[-horizon:]]


def distinct_observations(observations: float) -> float:
    """Different values among some observations of a quantile metric: whole seconds from order to delivery."""
    return float((1 - np.exp(-observations * _observation_shares())).sum())


@cache
def _observation_shares() -> NDArray[np.float64]:
    """Of each whole number of seconds, up to eleven hours."""
    edges = np.log(np.arange(0.5, 40_000))
    mean, spread = OBSERVATION_LOGARITHM
    return np.diff(stats.norm.cdf((edges - mean) / spread))


def rows_of_a_day(workload: Workload) -> dict[str, TableRows]:
    """Rows by table, written by one day's run and kept after it; every date is loaded once and nothing comes late."""
    days, arms = workload.history_days, workload.experiments * workload.variants
    live, at_end = live_units(workload), exposed_units(workload, workload.duration_days)
    fresh = _mean([_newly_exposed(workload, age) for age in workload.ages])
    active = active_units(workload)
    counts = experiments_by_unit_type(workload.experiments)
    met = workload.traffic_share * sum(active[name] * counts[name] for name in active)
    exposures = fresh + workload.logged_again_share * (met - fresh)
    unit_days = sum(active.values())
    units = live + workload.ended_cohorts * at_end
    # A window of seven days counts from the sixth day after the exposure on, unless the experiment is over by then.
    waited = workload.window_days - 1
    counting = _mean([_newly_exposed(workload, age - waited) for age in workload.ages])
    counted = _mean([exposed_units(workload, age - waited) for age in workload.ages])
    windows = counted + workload.ended_cohorts * exposed_units(workload, workload.duration_days - waited)
    values = arms * workload.quantile_metrics * distinct_observations(workload.traffic_share * workload.deliveries / workload.variants)
    effects = workload.experiments * (workload.unit_metrics + workload.quantile_metrics) * (workload.variants - 1)
    observations = workload.quantile_metrics * workload.deliveries
    return {
        "landing.deliveries": TableRows(workload.deliveries, workload.deliveries * days),
        "landing.exposures": TableRows(exposures, exposures * days),
        "marts.delivery_observations": TableRows(observations, observations * days),
        "marts.unit_days": TableRows(unit_days, unit_days * days),
        "marts.unit_totals": TableRows(
            sum(active_units(workload, days).values()),
            sum(sum(active_units(workload, day).values()) for day in kept_totals_days(workload)),
        ),
        "marts.experiment_units": TableRows(fresh, units),
        "marts.experiment_unit_windows": TableRows(counting, windows),
        "marts.experiment_histograms": TableRows(values, values * days),
        "marts.experiment_quantiles": TableRows(arms * workload.quantile_metrics, arms * workload.quantile_metrics * days),
        "marts.experiment_moments": TableRows(arms * workload.unit_metrics, arms * workload.unit_metrics * days),
        "results.experiment_results": TableRows(effects, effects * days),
        "results.scorecards": TableRows(workload.experiments, workload.experiments * days),
    }


def _newly_exposed(workload: Workload, age_days: int) -> float:
    """Units that all experiments together meet on a day, when every experiment has that age."""
    return exposed_units(workload, age_days) - exposed_units(workload, age_days - 1)


def bytes_of_a_day(rows: Mapping[str, TableRows], bytes_per_row: Mapping[str, float]) -> dict[str, TableRows]:
    """The same tables in bytes, by the measured size of a row."""
    return {name: TableRows(bytes_per_row[name] * found.written, bytes_per_row[name] * found.kept) for name, found in rows.items()}


def statement_bytes(workload: Workload, plain_bytes: Mapping[str, float]) -> dict[str, float]:
    """What the largest statements of a run have to sort or hash, in bytes of rows that are not compressed.

    Running sums are hashed while they are made, and again where the units of experiments are joined to them. The day's exposures
    are sorted by unit, and looked for among the units that the experiments under way have.
    """
    rows = rows_of_a_day(workload)
    return {
        "running sums": rows["marts.unit_totals"].written * plain_bytes["marts.unit_totals"],
        "exposures": rows["landing.exposures"].written * plain_bytes["landing.exposures"],
        "units": live_units(workload) * plain_bytes["marts.experiment_units"],
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
