"""How near the city is to real couriers, and what its planted effects look like in the rows: measured with pandas alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitmile.simulate.demo_feed import DemoFeed, PlantedTruth


@dataclass(frozen=True, slots=True)
class Likeness:
    """Figures of a feed's deliveries; times in minutes, shares as fractions.

    Attributes:
        median_confirm: From the order to its assignment.
        median_pickup: From the assignment to the pick-up, the way to the store and the wait there together.
        median_drive: From the pick-up to the door.
        median_total, p99_total: From the order to the door.
        intraclass_correlation: Of delivery seconds, by courier.
        cancelled, failed, late: Shares of orders, and of deliveries for the last.
        busiest_hours: Local hours with most orders before and after 15:00.
    """

    orders_a_day: float
    median_confirm: float
    median_pickup: float
    median_drive: float
    median_total: float
    p99_total: float
    intraclass_correlation: float
    cancelled: float
    failed: float
    late: float
    busiest_hours: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RowEstimate:
    """A planted effect as the rows show it.

    Attributes:
        units: Units counted in control and treatment, contaminated ones left out.
        relative_effect: Estimate; NaN where the control has no event.
        z: The absolute effect over its standard error, delta method, clustered by unit.
    """

    truth: PlantedTruth
    units: tuple[int, int]
    relative_effect: float
    z: float


def intraclass_correlation(values: NDArray[np.float64], groups: NDArray[np.object_]) -> float:
    """Share of the variance that lies between groups, by one-way analysis of variance.

    Source:
        Donner (1986), the ANOVA estimator for unequal group sizes.
    """
    frame = pd.DataFrame({"value": values, "group": groups})
    sizes = frame.groupby("group")["value"].size()
    means = frame.groupby("group")["value"].mean()
    n, k = len(frame), len(sizes)
    between = float((sizes * (means - frame["value"].mean()) ** 2).sum()) / (k - 1)
    within = float(((frame["value"] - frame["group"].map(means)) ** 2).sum()) / (n - k)
    size = (n - float((sizes**2).sum()) / n) / (k - 1)
    return (between - within) / (between + (size - 1) * within)


def measure_likeness(feed: DemoFeed) -> Likeness:
    """Measure a feed over all its dates."""
    deliveries = pd.concat([feed.day(day).deliveries for day in feed.dates], ignore_index=True)
    done = deliveries[deliveries["status"] == "delivered"]
    total = _minutes(done, "ordered_at", "delivered_at")
    hours = deliveries["ordered_at"].dt.tz_convert(feed.business_day.timezone).dt.hour.value_counts()
    known = done["courier_id"].notna()
    return Likeness(
        orders_a_day=len(deliveries) / len(feed.dates),
        median_confirm=float(_minutes(done, "ordered_at", "assigned_at").median()),
        median_pickup=float(_minutes(done, "assigned_at", "picked_up_at").median()),
        median_drive=float(_minutes(done, "picked_up_at", "delivered_at").median()),
        median_total=float(total.median()),
        p99_total=float(total.quantile(0.99)),
        intraclass_correlation=intraclass_correlation(total[known].to_numpy(float), done.loc[known, "courier_id"].to_numpy(object)),
        cancelled=float((deliveries["status"] == "cancelled").mean()),
        failed=float((deliveries["status"] == "failed").mean()),
        late=float((done["delivered_at"] > done["promised_at"]).mean()),
        busiest_hours=(int(hours[hours.index < 15].idxmax()), int(hours[hours.index >= 15].idxmax())),
    )


def estimate_truths(feed: DemoFeed) -> tuple[RowEstimate, ...]:
    """Estimate every planted effect from the rows of all dates."""
    exposures = pd.concat([feed.day(day).exposures for day in feed.dates], ignore_index=True)
    deliveries = pd.concat([feed.day(day).deliveries for day in feed.dates], ignore_index=True)
    parts = metric_parts(deliveries)
    return tuple(_estimate(truth, exposures[exposures["experiment_id"] == truth.experiment_id], deliveries, parts) for truth in feed.truths)


def metric_parts(deliveries: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Numerator and denominator of each row, by metric."""
    one = pd.Series(1.0, index=deliveries.index)
    delivered = deliveries["status"].eq("delivered").astype(float)
    picked_up = deliveries["picked_up_at"].notna().astype(float)
    return {
        "delivery_time": (60 * _minutes(deliveries, "ordered_at", "delivered_at").fillna(0), delivered),
        "pickup_wait": (60 * _minutes(deliveries, "assigned_at", "picked_up_at").fillna(0), picked_up),
        "late_rate": ((deliveries["delivered_at"] > deliveries["promised_at"]).astype(float), delivered),
        "cancellation_rate": (deliveries["status"].eq("cancelled").astype(float), one),
        "distance_per_delivery": (deliveries["distance_m"].astype(float) * delivered, delivered),
    }


def _estimate(
    truth: PlantedTruth, exposures: pd.DataFrame, deliveries: pd.DataFrame, parts: dict[str, tuple[pd.Series, pd.Series]]
) -> RowEstimate:
    if exposures.empty:
        return RowEstimate(truth, (0, 0), nan, nan)
    if truth.is_switchback:
        return _estimate_windows(truth, exposures, deliveries, parts[truth.metric])
    first = exposures.sort_values("exposed_at").groupby("unit_id", sort=True).first()
    first = first[exposures.groupby("unit_id")["variant"].nunique() == 1]
    column = f"{exposures['unit_type'].iloc[0]}_id"
    numerator, denominator = parts[truth.metric]
    exposed_at = deliveries[column].map(first["exposed_at"])
    rows = pd.DataFrame({"unit": deliveries[column], "n": numerator, "d": denominator})[deliveries["ordered_at"] >= exposed_at]
    sums = rows.groupby("unit")[["n", "d"]].sum().reindex(first.index, fill_value=0.0)
    treated = sums[first["variant"] == truth.treatment]
    control = sums[first["variant"] == truth.control]
    (mean_t, var_t), (mean_c, var_c) = _ratio(treated), _ratio(control)
    return RowEstimate(truth, (len(control), len(treated)), mean_t / mean_c - 1, (mean_t - mean_c) / sqrt(var_t + var_c))


def _estimate_windows(
    truth: PlantedTruth, exposures: pd.DataFrame, deliveries: pd.DataFrame, parts: tuple[pd.Series, pd.Series]
) -> RowEstimate:
    """A zone has the variant of its latest exposure before the order; what lies between two exposures is a unit."""
    rows = deliveries[["zone_id", "ordered_at"]].assign(n=parts[0], d=parts[1]).sort_values("ordered_at").astype({"zone_id": "str"})
    met = exposures[["unit_id", "exposed_at", "variant"]].sort_values("exposed_at").astype({"unit_id": "str"})
    met["window"] = range(len(met))
    placed = pd.merge_asof(rows, met, left_on="ordered_at", right_on="exposed_at", left_by="zone_id", right_by="unit_id")
    sums = placed.groupby(["variant", "window"])[["n", "d"]].sum()
    control, treated = (sums[sums.index.get_level_values("variant") == name] for name in (truth.control, truth.treatment))
    (mean_t, var_t), (mean_c, var_c) = _ratio(treated), _ratio(control)
    return RowEstimate(truth, (len(control), len(treated)), mean_t / mean_c - 1, (mean_t - mean_c) / sqrt(var_t + var_c))


def _ratio(sums: pd.DataFrame) -> tuple[float, float]:
    """A ratio of sums over units and its variance by the delta method."""
    ratio = float(sums["n"].sum() / sums["d"].sum())
    residual = sums["n"] - ratio * sums["d"]
    return ratio, float(residual.var()) / (len(sums) * float(sums["d"].mean()) ** 2)


def _minutes(rows: pd.DataFrame, start: str, end: str) -> pd.Series:
    return (rows[end] - rows[start]).dt.total_seconds() / 60
