"""A tiny delivery company whose feeds arrive in any order, and are corrected, moved and taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ingest.feed_rows import as_csv
from splitmile.ingest import FeedName, partition_prefix
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings

FIRST = date(2026, 3, 2)
DATES = tuple(FIRST + timedelta(days=day) for day in range(6))

_EXPERIMENTS = {
    "ranking": """
        unit: courier
        control: x
        variants: {x: 0.5, y: 0.5}
        start: 2026-03-02
        end: 2026-03-05
        segments: [vehicle, tenure]
        metrics:
          primary: [{metric: delivery_time, minimum_effect: 0.01}]
          secondary: [{metric: deliveries_first_week}, {metric: retention_second_week}, {metric: delivery_time_p90}]
          guardrails: [{metric: cancellation_rate, margin: 0.05}]
        """,
    "cooking": """
        unit: store
        control: x
        variants: {x: 0.5, y: 0.5}
        start: 2026-03-03
        end: 2026-03-06
        activation: delivered_orders
        metrics:
          primary: [{metric: revenue_without_extremes, minimum_effect: 0.01}]
          secondary: [{metric: delivery_time_p90}]
          guardrails: [{metric: cancellation_rate, margin: 0.05}]
        """,
    "batching": """
        unit: zone
        control: x
        variants: {x: 0.5, y: 0.5}
        start: 2026-03-03
        end: 2026-03-05
        switchback: {zones: [z0, z1], start: "2026-03-03T05:00:00+09:00", window_minutes: 720, windows: 6, seed: 1, burn_in_minutes: 30}
        metrics:
          primary: [{metric: delivery_time, minimum_effect: 0.01}]
          guardrails: [{metric: cancellation_rate, margin: 0.1}]
        """,
}


def write_registry(folder: Path, settings: Settings) -> Settings:
    """Settings with three experiments of their own, and metric windows that fit into six dates."""
    experiments, metrics = folder / "experiments", folder / "metrics"
    experiments.mkdir()
    metrics.mkdir()
    for name, rest in _EXPERIMENTS.items():
        head = f"id: {name}\ntitle: {name} is better\nowner: o@example.com\nservice: s\nhypothesis: It helps.\nplanned_units: 10\n"
        lines = "\n".join(line.removeprefix("        ") for line in rest.strip("\n").splitlines())
        (experiments / f"{name}.yaml").write_text(head + lines)
    text = (settings.path(settings.metrics_dir) / "deliveries.yml").read_text()
    for old, new in (
        ("{first_day: 0, last_day: 6}", "{first_day: 0, last_day: 1}"),
        ("{first_day: 7, last_day: 13}", "{first_day: 1, last_day: 2}"),
    ):
        assert old in text
        text = text.replace(old, new)
    (metrics / "deliveries.yml").write_text(text.replace("covariate_days: 14", "covariate_days: 2"))
    return settings.model_copy(update={"experiments_dir": experiments, "metrics_dir": metrics})


@dataclass(frozen=True)
class Delivery:
    """A delivery; `day` and `hour` count from the cut-over of the first date, so hour 23 is the next calendar day."""

    number: int
    courier: int | None
    store: int
    zone: int
    day: int
    hour: int
    minutes: int
    status: str

    def row(self) -> dict[str, Any]:
        """As the feed has it."""
        ordered = _instant(self.day, self.hour)
        ended = ordered + timedelta(minutes=self.minutes)
        return {
            "delivery_id": f"d{self.number}",
            "courier_id": None if self.courier is None else f"c{self.courier}",
            "store_id": f"s{self.store}",
            "customer_id": f"u{self.number % 3}",
            "zone_id": f"z{self.zone}",
            "ordered_at": f"{ordered}Z",
            "assigned_at": f"{ordered + timedelta(minutes=1)}Z",
            "picked_up_at": f"{ordered + timedelta(minutes=5)}Z",
            "delivered_at": f"{ended}Z" if self.status == "delivered" else None,
            "promised_at": f"{ordered + timedelta(minutes=30)}Z",
            "cancelled_at": f"{ended}Z" if self.status == "cancelled" else None,
            "status": self.status,
            "distance_m": str(1000 + self.minutes),
            "fee_krw": str(3000 + self.minutes),
        }


@dataclass(frozen=True)
class Exposure:
    """An exposure to one of the three experiments."""

    number: int
    experiment_id: str
    unit: int
    variant: str
    day: int
    hour: int
    vehicle: str | None

    def row(self) -> dict[str, Any]:
        """As the feed has it."""
        unit_type = {"ranking": "courier", "cooking": "store", "batching": "zone"}[self.experiment_id]
        return {
            "exposure_id": f"e{self.number}",
            "experiment_id": self.experiment_id,
            "variant": self.variant,
            "unit_type": unit_type,
            "unit_id": f"{unit_type[0]}{self.unit}",
            "exposed_at": f"{_instant(self.day, self.hour)}Z",
            "attributes": None if self.vehicle is None else f'{{"vehicle": "{self.vehicle}"}}',
        }


@dataclass(frozen=True)
class Partition:
    """A partition as it is from now on; without rows its object is gone."""

    feed: FeedName
    day: int
    rows: tuple[Delivery | Exposure, ...]


@dataclass(frozen=True)
class Arrival:
    """Some partitions, and the as-of date that is run after them."""

    partitions: tuple[Partition, ...]
    as_of: int


def put(store: ObjectStore, settings: Settings, partition: Partition) -> None:
    """Write the partition's object, or remove it."""
    key = f"{partition_prefix(settings, partition.feed, DATES[partition.day])}rows.csv"
    if partition.rows:
        store.put(key, as_csv(each.row() for each in partition.rows))
    else:
        store.delete(key)


def last_versions(arrivals: Sequence[Arrival]) -> Mapping[tuple[FeedName, int], Partition]:
    """What lies on S3 in the end."""
    return {(each.feed, each.day): each for arrival in arrivals for each in arrival.partitions}


def _instant(day: int, hour: int) -> datetime:
    # The cut-over, 05:00 in Seoul, is 20:00 UTC of the calendar day before.
    return datetime.combine(FIRST, datetime.min.time()) - timedelta(hours=4) + timedelta(days=day, hours=hour)


_days = st.integers(0, len(DATES) - 1)
_hours = st.sampled_from((0, 4, 12, 23))
_deliveries = st.builds(
    Delivery,
    number=st.integers(0, 9),
    courier=st.sampled_from((0, 1, 2, None)),
    store=st.integers(0, 1),
    zone=st.integers(0, 1),
    day=_days,
    hour=_hours,
    minutes=st.sampled_from((10, 20, 45, 60)),
    status=st.sampled_from(("delivered", "delivered", "cancelled", "in_progress")),
)
_exposures = st.builds(
    Exposure,
    number=st.integers(0, 5),
    experiment_id=st.sampled_from(tuple(_EXPERIMENTS)),
    unit=st.integers(0, 2),
    variant=st.sampled_from("xy"),
    day=_days,
    hour=_hours,
    vehicle=st.sampled_from(("bike", "car", None)),
)
_partitions = st.one_of(
    st.builds(Partition, st.just("deliveries"), _days, st.lists(_deliveries, max_size=5).map(tuple)),
    st.builds(Partition, st.just("exposures"), _days, st.lists(_exposures, max_size=3).map(tuple)),
)
arrivals = st.lists(st.builds(Arrival, st.lists(_partitions, min_size=1, max_size=3).map(tuple), _days), min_size=1, max_size=3)
