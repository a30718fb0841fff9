"""A digest: all that one business date has to say, the only thing that publishing ever sees; frozen and versioned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from splitmile.results.comparisons import Interval
from splitmile.results.scorecards import SCHEMA_VERSION, Decision, Scorecard
from splitmile.settings import Language


@dataclass(frozen=True, slots=True)
class EffectPoint:
    """One day of the course of an effect, for the chart; `None` where there was no estimate."""

    as_of_date: date
    relative_estimate: float | None
    relative_interval: Interval | None


@dataclass(frozen=True, slots=True)
class EffectCourse:
    """The relative effect of one metric and treatment over the as-of dates, oldest first.

    The interval of each point is the anytime-valid one.
    """

    metric: str
    treatment: str
    points: tuple[EffectPoint, ...]


@dataclass(frozen=True, slots=True)
class Restatement:
    """A result that changed after it had been published, because its data did.

    Attributes:
        before, after: Relative effect as fraction, old and new.
        cause: What changed in the data, in words.
    """

    experiment_id: str
    metric: str
    treatment: str
    as_of_date: date
    before: float | None
    after: float | None
    cause: str


@dataclass(frozen=True, slots=True)
class DataWarning:
    """Something in the data that a reader of the digest must know.

    Attributes:
        severity: `block` stopped an experiment or the whole day, `warn` did not.
        subject: The feed, gate or experiment it is about.
        message: What is wrong, with its numbers, and what to do.
    """

    severity: Literal["block", "warn"]
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class ExperimentNews:
    """One experiment in the digest.

    Attributes:
        scorecard: As of today.
        previous_decision: The verdict as of the business date before; `None` on the first day.
        courses: Effect courses of the primary and guardrail metrics at least.
    """

    scorecard: Scorecard
    previous_decision: Decision | None
    courses: tuple[EffectCourse, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """All that one business date has to say, the most important experiment first.

    Attributes:
        as_of_date: The business date.
        news: One entry an experiment, ordered by urgency.
        warnings: Those that block first.
        restatements: Results that changed after publication.
        orders, deliveries: Orders placed and delivered on the business date, for the headline.
        language: In which it is told.
    """

    as_of_date: date
    news: tuple[ExperimentNews, ...]
    warnings: tuple[DataWarning, ...]
    restatements: tuple[Restatement, ...]
    orders: int
    deliveries: int
    language: Language = "en"
    schema_version: int = SCHEMA_VERSION
