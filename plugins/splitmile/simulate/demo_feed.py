"""What every demo feed offers to the command line: its dates, its business day, what was planted, and one day at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pandas as pd

from splitmile.object_store import ObjectStore
from splitmile.results.scorecards import Decision
from splitmile.settings import BusinessDay, Settings

EXPOSURE_COLUMNS = ("exposure_id", "experiment_id", "variant", "unit_type", "unit_id", "exposed_at", "attributes")
DELIVERY_COLUMNS = (
    "delivery_id",
    "courier_id",
    "store_id",
    "customer_id",
    "zone_id",
    "ordered_at",
    "assigned_at",
    "picked_up_at",
    "delivered_at",
    "promised_at",
    "cancelled_at",
    "status",
    "distance_m",
    "fee_krw",
)
EXPOSURE_INSTANTS = ("exposed_at",)
DELIVERY_INSTANTS = ("ordered_at", "assigned_at", "picked_up_at", "delivered_at", "promised_at", "cancelled_at")


class TruthKind(StrEnum):
    """What was planted."""

    win = "win"
    null = "null"
    harmed_guardrail = "harmed guardrail"
    sample_ratio_mismatch = "sample ratio mismatch"
    contamination = "contamination"


@dataclass(frozen=True, slots=True)
class PlantedTruth:
    """What is true of one treatment, because it was made so.

    Attributes:
        experiment_id: The experiment.
        kind: What was planted.
        metric: The metric that shows it.
        control: The variant it is compared with.
        treatment: The variant that has it.
        relative_effect: True effect on that metric, as a fraction of the control's value.
        decision: The verdict that an honest platform reaches on the last date.
        sentence: All of it in words.
        is_switchback: Units are windows of zones, each exposed at its start, not units that keep their variant.
    """

    experiment_id: str
    kind: TruthKind
    metric: str
    control: str
    treatment: str
    relative_effect: float
    decision: Decision
    sentence: str
    is_switchback: bool = False


@dataclass(frozen=True, slots=True)
class DayFrames:
    """What truly happened on one business date: no duplicate, nothing late, nothing broken.

    Attributes:
        exposures: The contract's columns; `exposed_at` in UTC.
        deliveries: The contract's columns; instants in UTC, `distance_m` and `fee_krw` nullable integers.
    """

    exposures: pd.DataFrame
    deliveries: pd.DataFrame


class DemoFeed(Protocol):
    """A source of the two feeds whose experiments are known."""

    @property
    def name(self) -> str:
        """One word: `city` or `flights`."""

    @property
    def dates(self) -> tuple[date, ...]:
        """Business dates that can be written, oldest first."""

    @property
    def business_day(self) -> BusinessDay:
        """The time zone and cut-over that the settings must have."""

    @property
    def truths(self) -> tuple[PlantedTruth, ...]:
        """What was planted, one a treatment."""

    @property
    def experiments_dir(self) -> Path:
        """The folder of the matching experiment files, relative to the project."""

    def day(self, business_date: date) -> DayFrames:
        """What truly happened on a date."""

    def write_day(self, store: ObjectStore, settings: Settings, business_date: date) -> tuple[str, ...]:
        """Put one date's partitions of both feeds to the store, replacing them; returns the keys."""
