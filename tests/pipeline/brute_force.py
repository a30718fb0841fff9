"""Every metric of an experiment, unit by unit from the raw rows: plain pandas and Python integers, no code of the models."""

from __future__ import annotations

import gzip
import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from splitmile.object_store import ObjectStore
from splitmile.registry import Metric, MetricKind, Plan
from splitmile.settings import Settings
from splitmile.warehouse import open_warehouse

PARTS = ("numerator", "denominator", "covariate_numerator", "covariate_denominator")

Moments = dict[str, int]


@dataclass(frozen=True)
class Unit:
    """One unit of an experiment as of a date.

    Attributes:
        variant, exposed_at, exposure_date: Of its first exposure.
        segments: `all` and one of each of the plan's.
        rows: Its deliveries up to the date, before its exposure too.
    """

    variant: str
    exposed_at: pd.Timestamp
    exposure_date: date
    segments: tuple[str, ...]
    rows: pd.DataFrame


def read_objects(store: ObjectStore) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deliveries and exposures of the objects on S3 as `_latest` has them, without the rows that break the contract."""
    frames: dict[str, list[pd.DataFrame]] = {"deliveries": [], "exposures": []}
    for number, key in enumerate(sorted(stored.key for stored in store.list_objects("feeds/"))):
        _, feed, partition, _ = key.split("/")
        place = {"partition_date": date.fromisoformat(partition.removeprefix("date=")), "object_number": number}
        rows = _read_object(store, key)
        for column in rows.columns[rows.columns.str.endswith("_at")]:
            # To the second, as all of a city's instants are.
            rows[column] = (
                pd.to_datetime(rows[column], format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None).astype("datetime64[s]")
            )
        frames[feed].append(rows.assign(line_number=range(len(rows)), **place))
    deliveries, exposures = (pd.concat(frames[feed], ignore_index=True) for feed in ("deliveries", "exposures"))
    is_sound = deliveries.ordered_at.notna() & deliveries.store_id.notna()
    deliveries = deliveries[is_sound & deliveries.status.isin(["delivered", "cancelled", "failed", "in_progress"])]
    exposures = exposures[exposures.exposed_at.notna() & exposures.unit_type.isin(["courier", "store", "customer", "zone"])]
    return _latest(deliveries, "delivery_id", "ordered_at"), _latest(exposures, "exposure_id", "exposed_at")


def _read_object(store: ObjectStore, key: str) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, Path(key).name)
        store.download(key, file)
        if key.endswith(".parquet"):
            return pd.read_parquet(file)
        if key.endswith(".csv"):
            return pd.read_csv(file, dtype=object)
        return pd.DataFrame([json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()])


def read_events(settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same of the raw tables."""
    with open_warehouse(settings) as warehouse:
        deliveries = warehouse.fetch_frame("select * from landing.deliveries")
        exposures = warehouse.fetch_frame("select * from landing.exposures")
    return _latest(deliveries, "delivery_id", "ordered_at"), _latest(exposures, "exposure_id", "exposed_at")


def _latest(rows: pd.DataFrame, key: str, instant: str) -> pd.DataFrame:
    """The latest version of each event, with its local business date."""
    latest = rows.sort_values(["partition_date", "object_number", "line_number"]).drop_duplicates(key, keep="last")
    local = latest[instant].dt.tz_localize("UTC").dt.tz_convert("Asia/Seoul").dt.tz_localize(None)
    return latest.assign(business_date=(local - pd.Timedelta(hours=5)).dt.date)


def units_of(plan: Plan, deliveries: pd.DataFrame, exposures: pd.DataFrame, as_of: date) -> Iterator[Unit]:
    """The units that count as of a date."""
    own = exposures[
        (exposures.experiment_id == plan.experiment_id)
        & (exposures.unit_type == plan.unit_type)
        & (exposures.business_date >= plan.start_date)
        & (exposures.business_date <= as_of)
        & exposures.variant.isin([variant.name for variant in plan.variants])
    ]
    past = deliveries[deliveries.business_date <= as_of]
    by_unit = dict(iter(past.groupby(f"{plan.unit_type}_id")))
    for name, seen in own.groupby("unit_id"):
        if seen.variant.nunique() > 1 or name in plan.denied_units or (plan.allowed_units and name not in plan.allowed_units):
            continue
        first = seen.sort_values(["exposed_at", "exposure_id"]).iloc[0]
        rows = by_unit.get(name, past.iloc[:0])
        segments = tuple(f"{key}={_segment(key, first, rows)}" for key in plan.segments)
        yield Unit(first.variant, first.exposed_at, first.business_date, ("all", *segments), rows)


def moments_of(plan: Plan, metric: Metric, units: list[Unit], as_of: date) -> dict[tuple[str, str], Moments]:
    """Units and all sums of a metric's moments, by variant and segment."""
    counted = [(unit, value) for unit in units if (value := _values(metric, unit, as_of)) is not None]
    if metric.cap:
        cap = metric.cap.value
        if metric.cap.percentile is not None and counted:
            ordered = sorted(value[0] for _, value in counted)
            cap = ordered[math.ceil(round(metric.cap.percentile * len(ordered), 6)) - 1]
        counted = [(unit, (min(value[0], cap if cap is not None else value[0]), *value[1:])) for unit, value in counted]
    found: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    for unit, value in counted:
        for segment in unit.segments:
            found.setdefault((unit.variant, segment), []).append(value)
    return {key: _moments(values) for key, values in found.items()}


def _moments(values: list[tuple[int, ...]]) -> Moments:
    parts = dict(zip(PARTS, zip(*values, strict=True), strict=True))
    moments = {"units": len(values)}
    moments |= {f"sum_{part}": sum(parts[part]) for part in PARTS}
    moments |= {f"sum_{part}_squared": sum(value * value for value in parts[part]) for part in PARTS}
    return moments | {
        f"sum_{left}_{right.removeprefix('covariate_') if left.startswith('covariate') else right}": sum(
            a * b for a, b in zip(parts[left], parts[right], strict=True)
        )
        for left, right in combinations(PARTS, 2)
    }


def _values(metric: Metric, unit: Unit, as_of: date) -> tuple[int, int, int, int] | None:
    """Numerator, denominator and both covariates of one unit; none where its window does not count yet."""
    rows = unit.rows[unit.rows.ordered_at >= unit.exposed_at]
    if metric.window:
        first, last = metric.window.first_day, metric.window.last_day
        if unit.exposure_date + timedelta(days=first if last is None else last) > as_of:
            return None
        day = rows.business_date.map(lambda each: (each - unit.exposure_date).days)
        rows = rows[(day >= first) & (day <= (math.inf if last is None else last))]
    numerator, denominator = _sums(metric, rows)
    if metric.covariate_days is None:
        return numerator, denominator, 0, 0
    start = unit.exposure_date - timedelta(days=metric.covariate_days)
    before = unit.rows[(unit.rows.business_date >= start) & (unit.rows.business_date < unit.exposure_date)]
    covariate, of_covariate = _sums(metric, before)
    return numerator, denominator, covariate, of_covariate if metric.denominator else int(len(before) > 0)


def _sums(metric: Metric, rows: pd.DataFrame) -> tuple[int, int]:
    numerator = _measure(metric.numerator, rows)
    if metric.kind is MetricKind.proportion:
        return int(numerator > 0), 1
    return numerator, _measure(metric.denominator, rows) if metric.denominator else 1


def _measure(name: str, rows: pd.DataFrame) -> int:
    delivered = rows[rows.status == "delivered"]
    promised = delivered[delivered.promised_at.notna()]
    picked = rows[rows.picked_up_at.notna() & rows.assigned_at.notna()]

    def seconds(of: pd.DataFrame, start: str, end: str) -> int:
        return int((of[end].dt.floor("s") - of[start].dt.floor("s")).dt.total_seconds().sum())

    measures = {
        "orders": lambda: len(rows),
        "delivered_orders": lambda: len(delivered),
        "cancelled_orders": lambda: int((rows.status == "cancelled").sum()),
        "promised_orders": lambda: len(promised),
        "late_orders": lambda: int((promised.delivered_at > promised.promised_at).sum()),
        "delivery_seconds": lambda: seconds(delivered, "ordered_at", "delivered_at"),
        "picked_up_orders": lambda: len(picked),
        "pickup_seconds": lambda: seconds(picked, "assigned_at", "picked_up_at"),
        "distance_m": lambda: int(delivered.distance_m.fillna(0).sum()),
        "fee_krw": lambda: int(delivered.fee_krw.fillna(0).sum()),
    }
    return measures[name]()


def _segment(key: str, exposure: pd.Series, rows: pd.DataFrame) -> str:
    if key == "tenure":
        before = rows[rows.business_date < exposure.business_date].business_date
        if not len(before):
            return "new"
        return "under 28 days" if (exposure.business_date - before.min()).days < 28 else "28 days or more"
    attributes = exposure.attributes
    if isinstance(attributes, str):
        attributes = json.loads(attributes)
    elif not isinstance(attributes, dict):
        attributes = {}
    value = attributes.get(key)
    return "unknown" if value is None else str(value)[:20]


def quantile_of(units: list[Unit], variant: str) -> dict[str, Any] | None:
    """The p90 of a variant's delivery times with all sums of its row in `experiment_quantiles`; none without a unit.

    `histogram` has how often each value is there, `None` for orders that were not delivered.
    """
    seconds = [_seconds(unit) for unit in units if unit.variant == variant]
    if not seconds:
        return None
    observed = [[value for value in values if value is not None] for values in seconds]
    quantile = int(np.quantile([value for values in observed for value in values], 0.9, method="inverted_cdf"))
    at_most = [sum(value <= quantile for value in values) for values in observed]
    counts = [len(values) for values in observed]

    def product(left: Sequence[int], right: Sequence[int]) -> int:
        return sum(a * b for a, b in zip(left, right, strict=True))

    return {
        "histogram": dict(Counter(value for values in seconds for value in values)),
        "quantile_value": quantile,
        "observations": sum(counts),
        "units": len(counts),
        "sum_at_most": sum(at_most),
        "sum_observations": sum(counts),
        "sum_at_most_squared": product(at_most, at_most),
        "sum_at_most_observations": product(at_most, counts),
        "sum_observations_squared": product(counts, counts),
    }


def quantiles_of_the_marts(settings: Settings, experiment_id: str, as_of: date) -> dict[str, dict[str, Any]]:
    """The same by variant, as the marts have it."""
    with open_warehouse(settings) as warehouse:
        histograms = warehouse.fetch(
            "select variant, value, sum(observations) as observations from marts.experiment_histograms "
            "where experiment_id = ? and business_date <= ? group by variant, value having sum(observations) <> 0",
            [experiment_id, as_of],
        )
        rows = warehouse.fetch(
            "select * from marts.experiment_quantiles where experiment_id = ? and as_of_date = ?", [experiment_id, as_of]
        )
    names = ("quantile_value", "observations", "units")
    return {
        row["variant"]: {
            "histogram": {each["value"]: int(each["observations"]) for each in histograms if each["variant"] == row["variant"]},
            **{name: int(value) for name, value in row.items() if name in names or name.startswith("sum_")},
        }
        for row in rows
    }


def _seconds(unit: Unit) -> list[int | None]:
    """Each order since exposure; none for one that was not delivered."""
    rows = unit.rows[unit.rows.ordered_at >= unit.exposed_at]
    seconds = (rows.delivered_at - rows.ordered_at).dt.total_seconds().where(rows.status == "delivered")
    return [None if pd.isna(value) else int(value) for value in seconds]
