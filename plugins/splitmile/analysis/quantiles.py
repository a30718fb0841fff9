"""Quantile metrics: the observations of each variant as histograms, and their quantiles with the variance that units give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from splitmile import stats
from splitmile.registry.plan import Metric, MetricKind, Plan
from splitmile.warehouse import Row, Warehouse

_SUMS = ("sum_at_most", "sum_observations", "sum_at_most_squared", "sum_at_most_observations", "sum_observations_squared")


@dataclass(frozen=True, slots=True)
class QuantileSums:
    """The observations of one variant and quantile metric as of a date.

    Attributes:
        histogram: Observations, without the orders that have none.
        without_value: Orders that have none, such as those that were not delivered.
        units: Units, those without an observation included.
        sums: Exact sums over units of S (observations up to the quantile), N (all observations), S², SN and N².
    """

    histogram: stats.Histogram = field(default_factory=lambda: _histogram([]))
    without_value: int = 0
    units: int = 0
    sums: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)


Quantiles = Mapping[tuple[str, str], QuantileSums]
"""By variant and metric; one that is missing has no units."""


def read_quantiles(warehouse: Warehouse, plan: Plan, as_of: date) -> dict[tuple[str, str], QuantileSums]:
    """What the marts hold of an experiment's quantile metrics as of a date; empty for an experiment without any."""
    if not any(planned.metric.kind is MetricKind.quantile for planned in plan.metrics):
        return {}
    values: dict[tuple[str, str], list[Row]] = {}
    for row in warehouse.fetch(
        "select variant, metric, value, sum(observations) as observations from marts.experiment_histograms "
        "where experiment_id = ? and business_date between ? and ? "
        "group by variant, metric, value having sum(observations) <> 0 order by variant, metric, value",
        [plan.experiment_id, plan.start_date, as_of],
    ):
        values.setdefault((row["variant"], row["metric"]), []).append(row)
    found = {}
    for row in warehouse.fetch(
        f"select variant, metric, units, {', '.join(_SUMS)} from marts.experiment_quantiles where experiment_id = ? and as_of_date = ?",
        [plan.experiment_id, as_of],
    ):
        key = row["variant"], row["metric"]
        found[key] = _quantile_sums(row, values.get(key, []))
    return found


def estimate_quantiles(metrics: Sequence[Metric], variants: Sequence[str], quantiles: Quantiles) -> stats.Estimates:
    """The quantile of each metric in the variant beside it, clustered by unit.

    Raises:
        HistogramInvalid: Histograms and sums are not of the same observations.

    Source:
        As for `splitmile.stats.quantile_estimates`.
    """
    rows = [quantiles.get((variant, metric.name), QuantileSums()) for metric, variant in zip(metrics, variants, strict=True)]
    shares = np.array([metric.quantile for metric in metrics], dtype=np.float64)
    found, places = [], []
    for share in np.unique(shares).tolist():
        own = np.flatnonzero(shares == share)
        chosen = [rows[row] for row in own]
        moments = stats.Moments.from_sums([row.units for row in chosen], *zip(*(row.sums for row in chosen), strict=True), keep_faulty=True)
        found.append(stats.quantile_estimates([row.histogram for row in chosen], moments, share))
        places.append(own)
    return _concatenated(found).take(np.argsort(np.concatenate(places)))


def censored_share(metric: Metric, variants: Sequence[str], quantiles: Quantiles) -> float | None:
    """Share of the orders of some variants together that have no observation; none without orders."""
    rows = [quantiles[variant, metric.name] for variant in variants if (variant, metric.name) in quantiles]
    without_value = sum(row.without_value for row in rows)
    orders = without_value + sum(row.histogram.observed for row in rows)
    return without_value / orders if orders else None


def _quantile_sums(row: Row, values: Sequence[Row]) -> QuantileSums:
    observed = [each for each in values if each["value"] is not None]
    first, second, third, fourth, fifth = (int(row[name]) for name in _SUMS)
    return QuantileSums(
        histogram=_histogram([(int(each["value"]), int(each["observations"])) for each in observed]),
        without_value=sum(int(each["observations"]) for each in values if each["value"] is None),
        units=int(row["units"]),
        sums=(first, second, third, fourth, fifth),
    )


def _histogram(counted: Sequence[tuple[int, int]]) -> stats.Histogram:
    table = np.array(counted, dtype=np.int64).reshape(-1, 2)
    return stats.Histogram(table[:, 0].astype(np.float64), table[:, 1])


def _concatenated(parts: Sequence[stats.Estimates]) -> stats.Estimates:
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("n", "value", "variance", "degrees_of_freedom", "reason")
    }
    return stats.Estimates(**columns)
