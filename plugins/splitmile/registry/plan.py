"""What an experiment is once its file has been read and its metrics found: the plan that everything else follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

MAX_SEGMENTS = 3
"""So many an experiment; each multiplies the cells in which units are added up."""


class MetricKind(StrEnum):
    """How units become one number: a mean per unit, a share of units, a quotient of two sums, or a quantile of all their events."""

    mean = "mean"
    proportion = "proportion"
    ratio = "ratio"
    quantile = "quantile"


class Direction(StrEnum):
    """Which way a metric gets better."""

    increase = "increase"
    decrease = "decrease"


class Role(StrEnum):
    """What a metric decides: the primary one the verdict, a guardrail that no harm is done, a secondary one nothing."""

    primary = "primary"
    secondary = "secondary"
    guardrail = "guardrail"


@dataclass(frozen=True, slots=True)
class Window:
    """Days since exposure that a metric counts; 0 is the business date of the exposure, from its instant on.

    A unit counts once its window is over, or, where the window has no end, once it has begun.

    Attributes:
        first_day: From 0.
        last_day: Itself counted; none for a window without an end (a conversion delay).
    """

    first_day: int
    last_day: int | None

    @property
    def name(self) -> str:
        """As in column names: `0_6`, `8_on`."""
        return f"{self.first_day}_{'on' if self.last_day is None else self.last_day}"


@dataclass(frozen=True, slots=True)
class Cap:
    """What a unit's numerator counts at most; exactly one of the two.

    Attributes:
        value: In the measure's own unit.
        percentile: Of the units of all variants together, strictly between 0 and 1.
    """

    value: int | None = None
    percentile: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A dbt metric as an experiment uses it.

    Attributes:
        name: Name of the dbt metric.
        label: What a reader sees.
        description: One sentence for the scorecard.
        kind: How units become one number.
        numerator: Name of the measure that is summed per unit; of a quantile the measure whose expression gives the observations.
        denominator: Measure below the line of a ratio; none for the other kinds.
        direction: Which way is better.
        display_unit: Unit of the estimate as shown, such as "s", "KRW", "%" (a share, shown times 100) or "".
        covariate_days: Days before the day of exposure over which the same metric is the covariate (CUPED); none without one.
        quantile: Of a quantile metric which one, strictly between 0 and 1; none elsewhere.
        window: Days since exposure that count; none for all of them.
        cap: Of means: what a unit counts at most; none without one.
    """

    name: str
    label: str
    description: str
    kind: MetricKind
    numerator: str
    denominator: str | None
    direction: Direction
    display_unit: str
    covariate_days: int | None = None
    quantile: float | None = None
    window: Window | None = None
    cap: Cap | None = None


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric in its role within one experiment.

    Attributes:
        metric: The metric.
        role: What it decides.
        margin: Guardrails: the relative loss that is still acceptable (0.02 is 2 %); none elsewhere.
        minimum_effect: Primary metrics: half-width of the band of relative effects that do not matter; none elsewhere.
    """

    metric: Metric
    role: Role
    margin: float | None = None
    minimum_effect: float | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an experiment with the share of units it was planned to get (all shares add up to 1)."""

    name: str
    planned_share: float
    is_control: bool


@dataclass(frozen=True, slots=True)
class Switchback:
    """The stored design of a switchback experiment and what is left out of it.

    Attributes:
        design: The fields of `splitmile.stats.SwitchbackDesign.to_dict`.
        burn_in_minutes: Left out after every switch, on both sides alike.
    """

    design: Mapping[str, Any]
    burn_in_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """Experiments that share a layer share no unit.

    Attributes:
        name: Of the layer.
        share: Of the layer's units that this experiment gets.
    """

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One experiment, resolved and valid.

    Attributes:
        experiment_id: Lower-case identifier, unique in the registry.
        title, owner, service, hypothesis: For the reader.
        unit_type: What was randomised: courier, store, customer or zone.
        variants: The control first, then the others as written; at least two.
        start_date, end_date: First and last planned business date, both counted.
        metrics: At least one primary metric; in the order primary, secondary, guardrail.
        alpha: Two-sided significance level, also of the confidence sequences.
        planned_units: Units expected over the whole experiment, all variants together; tunes the confidence sequences.
        slack_channel: Where the digest goes instead of the installation's channel; none for the latter.
        segments: By what results are split: keys of the exposure's attributes, or `tenure`; at most `MAX_SEGMENTS`.
        activation: The measure of which a unit needs a first event to count, from that event on; none to count from the exposure.
        allowed_units: The only units that count; empty for all.
        denied_units: Units that do not count, such as test accounts; those of the whole registry included.
        layer: The layer that the experiment shares with others; none outside of any.
        holdout_of: The layer whose experiments must not have a unit of this experiment's control; none for no holdout.
        switchback: Where zones switch between variants over time instead of keeping one; none for a randomised experiment.
    """

    experiment_id: str
    title: str
    owner: str
    service: str
    hypothesis: str
    unit_type: str
    variants: tuple[Variant, ...]
    start_date: date
    end_date: date
    metrics: tuple[PlannedMetric, ...]
    alpha: float
    planned_units: int
    slack_channel: str | None = None
    segments: tuple[str, ...] = ()
    activation: str | None = None
    allowed_units: tuple[str, ...] = ()
    denied_units: tuple[str, ...] = ()
    layer: Layer | None = None
    holdout_of: str | None = None
    switchback: Switchback | None = None

    @property
    def control(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    @property
    def treatments(self) -> tuple[Variant, ...]:
        """All variants but the control."""
        return self.variants[1:]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file of the experiments folder.

    Attributes:
        path: File, relative to the project where it can be.
        line: Line, counted from 1.
        experiment_id: The experiment it stops, where that could be read.
        message: What is wrong, what was expected, what to do.
        stops_experiment: False where the file is no experiment's: all go on, without what the file says.
    """

    path: str
    line: int
    experiment_id: str | None
    message: str
    stops_experiment: bool = True

    def __str__(self) -> str:
        """As compilers print it: `file:line: message`."""
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Registry:
    """All experiment files of a folder: the plans that are valid and what is wrong with the others."""

    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]
