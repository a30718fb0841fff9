"""A few units with random deliveries, laid into tables such as dbt makes, and every figure counted again in plain Python."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import combinations_with_replacement
from typing import Any

from splitmile.registry import Direction, Metric, MetricKind, Plan, PlannedMetric, Role, Variant
from splitmile.registry.plan import Cap, Window
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

START, AS_OF = date(2026, 3, 2), date(2026, 3, 9)
EXPRESSIONS = {"orders": "1", "delivered": "is_delivered", "fees": "fee_krw", "observed_fee": "fee_krw"}
PARTS = ("numerator", "denominator", "covariate_numerator", "covariate_denominator")


def _metric(name: str, kind: MetricKind, numerator: str, denominator: str | None = None, **more: Any) -> Metric:
    return Metric(name, name.title(), "What it is.", kind, numerator, denominator, Direction.increase, "", **more)


METRICS = (
    _metric("fee_per_order", MetricKind.ratio, "fees", "orders", covariate_days=3),
    _metric("active", MetricKind.proportion, "delivered", covariate_days=2),
    _metric("days_1_3", MetricKind.mean, "orders", window=Window(1, 3)),
    _metric("later_capped", MetricKind.mean, "fees", window=Window(2, None), cap=Cap(value=9000)),
    _metric("first_capped", MetricKind.mean, "fees", window=Window(0, 2), cap=Cap(percentile=0.8)),
    _metric("median_fee", MetricKind.quantile, "observed_fee", quantile=0.5),
)
PLAN = Plan(
    experiment_id="e",
    title="An experiment",
    owner="owner@example.com",
    service="dispatch",
    hypothesis="It helps.",
    unit_type="courier",
    variants=(Variant("a", 0.5, is_control=True), Variant("b", 0.5, is_control=False)),
    start_date=START,
    end_date=START + timedelta(days=27),
    metrics=tuple(PlannedMetric(metric, Role.secondary) for metric in METRICS),
    alpha=0.05,
    planned_units=40,
)


@dataclass(frozen=True)
class Delivery:
    unit: str
    ordered_at: datetime
    business_date: date
    is_delivered: int
    fee_krw: int | None

    @property
    def measures(self) -> dict[str, int]:
        return {
            "orders": 1,
            "delivered": self.is_delivered,
            "fees": self.fee_krw or 0,
            "median_fee_observed": int(self.fee_krw is not None),
        }


@dataclass(frozen=True)
class Unit:
    name: str
    variant: str
    assigned_at: datetime
    exposed_at: datetime | None
    exposure_date: date | None
    contamination_date: date | None
    is_excluded: bool


class Town:
    """The units and deliveries, and what they come to."""

    def __init__(self, settings: Settings) -> None:
        random_numbers = random.Random(20260302)
        instant = lambda day: settings.business_day.starts_at(day).replace(tzinfo=None) + timedelta(minutes=random_numbers.randrange(1440))  # noqa: E731
        self.units, self.deliveries = [], []
        for number in range(24):
            day = START + timedelta(days=random_numbers.randrange(6))
            exposed_at = instant(day)
            # One of each that does not count, and one that stops counting only later.
            fate = {3: "excluded", 4: "idle", 5: "mixed", 6: "mixed later"}.get(number, "")
            contaminated = {"mixed": day + timedelta(days=1), "mixed later": AS_OF + timedelta(days=1)}.get(fate)
            idle = fate == "idle"
            self.units.append(
                Unit(
                    f"u{number}",
                    "ab"[number % 2],
                    exposed_at,
                    None if idle else exposed_at,
                    None if idle else day,
                    contaminated,
                    fate == "excluded",
                )
            )
            for _ in range(random_numbers.randrange(30)):
                on = START + timedelta(days=random_numbers.randrange(-4, 10))
                is_delivered = int(random_numbers.random() < 0.8)
                fee = random_numbers.randrange(500, 5000) if is_delivered else None
                self.deliveries.append(Delivery(f"u{number}", instant(on), on, is_delivered, fee))

    def of(self, unit: Unit) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if delivery.unit == unit.name]

    def counted(self, metric: Metric) -> Iterator[tuple[Unit, list[Delivery]]]:
        """The units that count, with the deliveries that do."""
        first, last = (metric.window.first_day, metric.window.last_day) if metric.window else (0, None)
        for unit in self.units:
            is_clean = not unit.is_excluded and (unit.contamination_date is None or unit.contamination_date > AS_OF)
            if unit.exposure_date is None or not is_clean or unit.exposure_date + timedelta(days=first if last is None else last) > AS_OF:
                continue
            days = {unit.exposure_date + timedelta(days=day) for day in range(first, 60 if last is None else last + 1)}
            assert unit.exposed_at is not None
            yield (
                unit,
                [d for d in self.of(unit) if d.business_date in days and d.business_date <= AS_OF and d.ordered_at >= unit.exposed_at],
            )

    def values(self, metric: Metric) -> dict[str, tuple[str, tuple[int, int, int, int]]]:
        """Variant and parts by unit."""
        values = {}
        for unit, own in self.counted(metric):
            assert unit.exposure_date is not None
            earliest = unit.exposure_date - timedelta(days=metric.covariate_days or 0)
            before = [d for d in self.of(unit) if earliest <= d.business_date < unit.exposure_date]
            numerators = [sum(d.measures[metric.numerator] for d in rows) for rows in (own, before)]
            if metric.kind is MetricKind.proportion:
                numerators = [int(value > 0) for value in numerators]
            if metric.denominator:
                denominators = [sum(d.measures[metric.denominator] for d in rows) for rows in (own, before)]
            else:
                denominators = [1, int(bool(before))]
            values[unit.name] = (
                unit.variant,
                (numerators[0], denominators[0], numerators[1], denominators[1] if metric.covariate_days else 0),
            )
        if metric.cap:
            cap = metric.cap.value
            if metric.cap.percentile:
                ordered = sorted(parts[0] for _, parts in values.values())
                cap = ordered[math.ceil(metric.cap.percentile * len(ordered)) - 1]
            values = {name: (variant, (min(cap or 0, parts[0]), *parts[1:])) for name, (variant, parts) in values.items()}
        return values

    def moments(self, metric: Metric) -> dict[str, dict[str, int]]:
        """The rows of experiment_moments by variant."""
        moments = {}
        values = self.values(metric).values()
        for variant in sorted({variant for variant, _ in values}):
            columns = dict(zip(PARTS, zip(*(parts for each, parts in values if each == variant), strict=True), strict=True))
            sums = {f"sum_{name}": sum(column) for name, column in columns.items()}
            for left, right in combinations_with_replacement(PARTS, 2):
                name = (
                    f"{left}_{right.removeprefix('covariate_') if left.startswith('c') else right}" if left != right else f"{left}_squared"
                )
                sums[f"sum_{name}"] = sum(x * y for x, y in zip(columns[left], columns[right], strict=True))
            moments[variant] = {"units": len(columns["numerator"]), **sums}
        return moments

    def build(self, warehouse: Warehouse) -> None:
        """The tables that explain reads, without what it does not."""
        for schema in ("marts", "intermediate"):
            warehouse.execute(f"create schema if not exists {schema}")
        delivered = {
            "delivery_id": "varchar(64)", "courier_id": "varchar(64)", "ordered_at": "timestamp", "business_date": "date",
            "is_delivered": "int", "fee_krw": "bigint",
        }  # fmt: skip
        rows = [
            {"delivery_id": f"d{at}", "courier_id": d.unit, **{name: getattr(d, name) for name in list(delivered)[2:]}}
            for at, d in enumerate(self.deliveries)
        ]
        make_table(warehouse, "intermediate.int_deliveries_timed", delivered, rows)
        names = list(self.deliveries[0].measures)
        unit_key = {"unit_type": "varchar(32)", "unit_id": "varchar(64)", "business_date": "date"}
        days: dict[tuple[str, date], dict[str, int]] = {}
        for d in self.deliveries:
            day = days.setdefault((d.unit, d.business_date), dict.fromkeys(names, 0))
            days[d.unit, d.business_date] = {name: day[name] + d.measures[name] for name in names}
        keyed = [{"unit_type": "courier", "unit_id": unit, "business_date": day, **sums} for (unit, day), sums in days.items()]
        make_table(warehouse, "marts.unit_days", unit_key | dict.fromkeys(names, "bigint"), keyed)
        totals = []
        for unit in self.units:
            until = [d for d in self.of(unit) if d.business_date <= AS_OF]
            if until:
                total = {name: sum(d.measures[name] for d in until) for name in names}
                totals.append({"unit_type": "courier", "unit_id": unit.name, "business_date": AS_OF, **total})
        make_table(warehouse, "marts.unit_totals", unit_key | dict.fromkeys(names, "bigint"), totals)
        self._build_experiment(warehouse, names)

    def _build_experiment(self, warehouse: Warehouse, names: list[str]) -> None:
        columns = {
            "experiment_id": "varchar(64)", "unit_id": "varchar(64)", "variant": "varchar(64)", "assigned_at": "timestamp",
            "first_exposed_at": "timestamp", "exposure_date": "date", "contamination_date": "date", "is_excluded": "boolean",
            "segment_1": "varchar(64)", "segment_2": "varchar(64)", "segment_3": "varchar(64)",
        }  # fmt: skip
        rows = []
        for unit in self.units:
            before = [d for d in self.of(unit) if unit.exposed_at and d.ordered_at < unit.exposed_at]
            rows.append(
                {
                    **dict(
                        zip(columns, ("e", unit.name, unit.variant, unit.assigned_at, unit.exposed_at, unit.exposure_date), strict=False)
                    ),
                    "contamination_date": unit.contamination_date,
                    "is_excluded": unit.is_excluded,
                    "segment_1": "vehicle=bike",
                    "segment_2": None,
                    "segment_3": None,
                    **{f"base_{name}": sum(d.measures[name] for d in before) for name in names},
                }
            )
        make_table(warehouse, "marts.experiment_units", columns | {f"base_{name}": "bigint" for name in names}, rows)
        key = {"experiment_id": "varchar(64)", "metric": "varchar(64)", "as_of_date": "date", "variant": "varchar(64)"}
        additive = [metric for metric in METRICS if metric.kind is not MetricKind.quantile]
        keyed = lambda metric, variant: {"experiment_id": "e", "metric": metric.name, "as_of_date": AS_OF, "variant": variant}  # noqa: E731
        values = [
            {**keyed(metric, variant), "unit_id": name, **dict(zip(PARTS, parts, strict=True))}
            for metric in additive
            for name, (variant, parts) in self.values(metric).items()
        ]
        make_table(warehouse, "marts.experiment_unit_metrics", key | {"unit_id": "varchar(64)"} | dict.fromkeys(PARTS, "bigint"), values)
        moments = [
            {**keyed(metric, variant), "segment": "all", **sums} for metric in additive for variant, sums in self.moments(metric).items()
        ]
        sums = dict.fromkeys((name for name in moments[0] if name.startswith("sum_")), "decimal(38, 0)")
        make_table(warehouse, "marts.experiment_moments", key | {"segment": "varchar(64)", "units": "bigint"} | sums, moments)


def make_table(warehouse: Warehouse, name: str, columns: Mapping[str, str], rows: list[dict[str, Any]]) -> None:
    """A table with rows, as dbt would have made it."""
    warehouse.execute(f"create table {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
    warehouse.append(name, rows)


def unborn_plan() -> Plan:
    """The plan under another name that nothing was made of."""
    return replace(PLAN, experiment_id="unborn")
