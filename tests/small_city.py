"""One small, healthy business date: forty couriers in one experiment, five deliveries each."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from pathlib import Path

from splitmile.object_store import ObjectStore
from splitmile.settings import Settings

EXPERIMENT = "dispatch_ranking"
_UNITS = 40
_DELIVERIES = 5


def write_experiment(folder: Path, first_date: date, experiment_id: str = EXPERIMENT) -> Path:
    """An experiment file of four weeks from a business date on."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{experiment_id}.yaml"
    file.write_text(
        f"""\
id: {experiment_id}
title: Dispatch recommendation ranks couriers by predicted arrival
owner: dispatch-team@example.com
service: dispatch recommendation
hypothesis: Couriers near the store deliver sooner.
unit: courier
control: current
variants: {{current: 0.5, ranked: 0.5}}
start: {first_date}
end: {first_date + timedelta(days=27)}
planned_units: 40
metrics:
  primary:
    - {{metric: delivery_time, minimum_effect: 0.01}}
  guardrails:
    - {{metric: cancellation_rate, margin: 0.05}}
"""
    )
    return file


def put_feeds(store: ObjectStore, settings: Settings, business_date: date, experiments: tuple[str, ...] = (EXPERIMENT,)) -> None:
    """Both feeds of a business date, as CSV."""
    opening = settings.business_day.starts_at(business_date) + timedelta(hours=3)
    exposures = [
        {
            "exposure_id": f"e-{business_date}-{experiment_id}-{unit}",
            "experiment_id": experiment_id,
            "variant": ("current", "ranked")[unit % 2],
            "unit_type": "courier",
            "unit_id": f"courier-{unit}",
            "exposed_at": opening.isoformat(),
            "attributes": "",
        }
        for experiment_id in experiments
        for unit in range(_UNITS)
    ]
    deliveries = []
    for unit in range(_UNITS):
        for number in range(_DELIVERIES):
            ordered_at = opening + timedelta(minutes=10 + 40 * number + unit % 7)
            seconds = 1500 + 60 * ((unit * 7 + number * 3) % 11) - 120 * (unit % 2)
            deliveries.append(
                {
                    "delivery_id": f"d-{business_date}-{unit}-{number}",
                    "courier_id": f"courier-{unit}",
                    "store_id": f"store-{unit % 9}",
                    "customer_id": f"customer-{unit * _DELIVERIES + number}",
                    "zone_id": f"zone-{unit % 4}",
                    "ordered_at": ordered_at.isoformat(),
                    "assigned_at": (ordered_at + timedelta(seconds=70)).isoformat(),
                    "picked_up_at": (ordered_at + timedelta(seconds=900)).isoformat(),
                    "delivered_at": (ordered_at + timedelta(seconds=seconds)).isoformat(),
                    "promised_at": (ordered_at + timedelta(seconds=1800)).isoformat(),
                    "cancelled_at": "",
                    "status": "delivered",
                    "distance_m": 1200 + 10 * unit,
                    "fee_krw": 3500,
                }
            )
    for feed, rows in (("exposures", exposures), ("deliveries", deliveries)):
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        store.put(f"{settings.feeds.prefix}/{feed}/date={business_date}/part-0.csv", text.getvalue().encode())
