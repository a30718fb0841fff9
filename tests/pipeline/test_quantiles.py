"""Histograms and quantiles of the marts against numpy on the raw rows, with late deliveries and units that leave."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import brute_force
from pipeline.direct_dbt import DirectDbt
from small_city import EXPERIMENT, write_experiment
from splitmile import transform
from splitmile.registry import Plan
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse, open_warehouse

DATES = [date(2026, 3, day) for day in (2, 3, 4)]
COURIERS = 40
RNG = np.random.default_rng(20260302)


def test_histograms_and_quantiles_are_those_of_the_raw_rows(settings: Settings, tmp_path: Path) -> None:
    """The control's quantile lies around the value that the metric names, the treatment's far from it."""
    file = write_experiment(tmp_path / "experiments", DATES[0])
    file.write_text(file.read_text().replace("  guardrails:", "  secondary:\n    - {metric: delivery_time_p90}\n  guardrails:"))
    own = settings.model_copy(update={"experiments_dir": file.parent})
    registry = transform.read_registry(own)
    (plan,) = registry.plans
    deliveries = [row for day in DATES for row in _deliveries(day)]
    # Couriers 0 to 3 and 20 meet the other variant too, on later days; half the deliveries of the second day come after everything else.
    exposures = [_exposure(unit, DATES[unit % 2], unit % 2) for unit in range(COURIERS)]
    exposures += [_exposure(unit, DATES[1 + unit % 2], 1 - unit % 2) for unit in (0, 1, 2, 3, 20)]
    late = [row for row in deliveries if row["delivery_id"].startswith(f"d-{DATES[1]}") and row["delivery_id"].endswith("0")]
    with open_warehouse(own) as warehouse:
        transform.sync_registry(warehouse, registry, "test")
        _load(warehouse, "deliveries", [row for row in deliveries if row not in late], 1)
        _load(warehouse, "exposures", exposures, 1)
    direct = DirectDbt(own)
    with direct.installed():
        transform.build_marts(own, DATES[1], first_date=DATES[0])
        transform.build_marts(own, DATES[-1])
    assert_exact(own, plan, DATES[-1:])
    with open_warehouse(own) as warehouse:
        _load(warehouse, "deliveries", late, 2)
    with direct.installed():
        transform.build_marts(own, DATES[-1], first_date=DATES[0])
    found = assert_exact(own, plan, DATES)
    near = 5600
    control, treatment = (found[name] for name in ("current", "ranked"))
    assert abs(control - near) < near / 20 < abs(treatment - near)


def assert_exact(settings: Settings, plan: Plan, as_of_dates: list[date]) -> dict[str, int]:
    """Compare with the rows, and return the quantiles as of the last date."""
    deliveries, exposures = brute_force.read_events(settings)
    with open_warehouse(settings) as warehouse:
        assert warehouse.fetch("select 1 from marts.experiment_histograms where observations < 0")
    found = {}
    for as_of in as_of_dates:
        units = list(brute_force.units_of(plan, deliveries, exposures, as_of))
        expected = {each.name: brute_force.quantile_of(units, each.name) for each in plan.variants}
        found = {variant: quantile for variant, quantile in expected.items() if quantile}
        assert brute_force.quantiles_of_the_marts(settings, plan.experiment_id, as_of) == found, as_of
    return {variant: quantile["quantile_value"] for variant, quantile in found.items()}


def _deliveries(day: date) -> list[dict[str, Any]]:
    """Eight orders a courier, three in a hundred of them not delivered; those of the treatment far slower."""
    opening = datetime.combine(day, datetime.min.time())
    rows = []
    for unit in range(COURIERS):
        for number in range(8):
            ordered_at = opening + timedelta(minutes=60 * number)
            is_delivered = RNG.random() > 0.03
            seconds = int(RNG.normal(4600 + 2000 * (unit % 2), 750))
            rows.append(
                {
                    "delivery_id": f"d-{day}-{unit}-{number}",
                    "courier_id": f"courier-{unit}",
                    "store_id": "store",
                    "ordered_at": ordered_at,
                    "delivered_at": ordered_at + timedelta(seconds=seconds) if is_delivered else None,
                    "status": "delivered" if is_delivered else "cancelled",
                    "partition_date": day,
                }
            )
    return rows


def _exposure(unit: int, day: date, variant: int) -> dict[str, Any]:
    return {
        "exposure_id": f"e-{day}-{unit}-{variant}",
        "experiment_id": EXPERIMENT,
        "variant": ("current", "ranked")[variant],
        "unit_type": "courier",
        "unit_id": f"courier-{unit}",
        "exposed_at": datetime.combine(day, datetime.min.time()) + timedelta(minutes=150),
        "partition_date": day,
    }


def _load(warehouse: Warehouse, feed: str, rows: list[dict[str, Any]], object_number: int) -> None:
    warehouse.append(f"landing.{feed}", [row | {"object_number": object_number, "line_number": number} for number, row in enumerate(rows)])
    changed_at = datetime.combine(DATES[-1], datetime.min.time())
    warehouse.append(
        "ops.changed_dates",
        [
            {"feed": feed, "business_date": day, "load_id": f"{feed}-{object_number}", "changed_at": changed_at}
            for day in sorted({row["partition_date"] for row in rows})
        ],
    )
