"""A scorecard: all effects of one experiment as of one business date, its checks and its verdict; frozen and versioned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from splitmile.results.breakdowns import EffectByDay, SegmentedEffect
from splitmile.results.comparisons import Effect, Interval
from splitmile.results.switchbacks import SwitchbackChecks

SCHEMA_VERSION = 3


class Decision(StrEnum):
    """What to do about an experiment, the most urgent first."""

    invalid = "invalid"
    harmful = "harmful"
    ship = "ship"
    no_effect = "no effect"
    keep_running = "keep running"


class ReasonCode(StrEnum):
    """Why a verdict is what it is; `results.sentences` says each in words."""

    sample_ratio_mismatch = "sample_ratio_mismatch"
    contamination = "contamination"
    schedule_broken = "schedule_broken"
    guardrail_harmed = "guardrail_harmed"
    guardrail_unproven = "guardrail_unproven"
    primary_worse = "primary_worse"
    primary_better = "primary_better"
    inside_band = "inside_band"
    undecided = "undecided"
    ended_undecided = "ended_undecided"
    no_estimate = "no_estimate"
    no_units = "no_units"


@dataclass(frozen=True, slots=True)
class VariantCount:
    """Units of one variant, and what was planned.

    Attributes:
        units: Units exposed so far and in the analysis.
        planned_share, observed_share: Fractions; the observed one `None` before the first unit.
    """

    variant: str
    is_control: bool
    units: int
    planned_share: float
    observed_share: float | None


@dataclass(frozen=True, slots=True)
class SegmentRatio:
    """The split within one part of the units; it says where a mismatch comes from and decides nothing by itself.

    Attributes:
        segment: A day of exposure, as `YYYY-MM-DD`, or a segment such as `vehicle=bike`.
        units: In the order of the scorecard's variants.
        p_value: χ² test against the planned shares; `None` where the segment is too small for one.
        p_value_adjusted: Corrected by Holm over the days, or over the segments.
        is_mismatch: The adjusted p-value is below the alarm level.
    """

    segment: str
    units: tuple[int, ...]
    p_value: float | None
    p_value_adjusted: float | None
    is_mismatch: bool


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The check for a sample ratio mismatch, over all exposed units (contaminated ones included, by their first variant).

    The shares themselves, observed and planned, stand in the scorecard's variants.

    Attributes:
        p_value: χ² test; `None` before the first unit. A fixed-horizon test: it raises the alarm at the planned end only.
        sequential_p_value: Multinomial test of the daily counts, valid on every day; `None` before the first unit.
        is_mismatch: The p-value that counts is below the alarm level, or an arm planned at 0 has units.
        alarm_level: The level.
        by_day: The split of each day of exposure, oldest first.
        by_segment: The split of each segment, by name, of the units in the analysis; contaminated ones have left it.
    """

    statistic: float | None
    degrees_of_freedom: int
    p_value: float | None
    sequential_p_value: float | None
    is_mismatch: bool
    alarm_level: float
    by_day: tuple[SegmentRatio, ...] = ()
    by_segment: tuple[SegmentRatio, ...] = ()


@dataclass(frozen=True, slots=True)
class Contamination:
    """Units seen in more than one variant; they leave the analysis.

    Attributes:
        share: Of all exposed units; `None` before the first.
        is_alarming: The share is above the limit.
        limit: The limit.
    """

    units: int
    share: float | None
    is_alarming: bool
    limit: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a primary metric can still show in one treatment, while the experiment runs.

    Attributes:
        minimum_effect: Smallest relative effect that matters, from the plan; `None` where the plan has none.
        detectable_effect: Smallest relative effect that the planned units show at the planned end, as a fraction.
        units_needed: In the whole experiment, to show `minimum_effect` while it is read every day.
        days_to_go: Days until there are as many at the pace of the last two weeks, or until the planned end where its interval
            will do; 0 where they are there, `None` where they will not come.
        power: The chance to show an effect of that size.
    """

    metric: str
    treatment: str
    minimum_effect: float | None
    detectable_effect: float | None
    units_needed: int | None
    days_to_go: int | None
    power: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """An effect that depends on another experiment which units are in at the same time.

    Attributes:
        metric, treatment: The primary effect.
        other_experiment, other_treatment: What it depends on.
        difference: The effect among units of the other treatment less that among units of the other control, in the metric's unit.
        interval: Fixed-horizon, of the difference, at the experiment's level.
        p_value_adjusted: Holm over all pairs of treatments and primary metrics.
    """

    metric: str
    treatment: str
    other_experiment: str
    other_treatment: str
    difference: float
    interval: Interval
    p_value_adjusted: float


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict, as data."""

    code: ReasonCode
    metric: str | None = None
    treatment: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why; the first reason is the one that decided."""

    decision: Decision
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All effects of one experiment as of one business date, with its checks and its verdict.

    Attributes:
        experiment_id, title, owner, service, hypothesis, unit_type: From the plan.
        as_of_date: The last business date these numbers have seen.
        start_date, end_date: Planned, both counted.
        has_ended: The as-of date has reached the planned end; the fixed-horizon intervals then count.
        alpha: Two-sided level of every interval.
        variants: Control first.
        srm: The check for a sample ratio mismatch.
        effects: In the plan's order of metrics, and of treatments within.
        planning: One entry a primary metric and treatment while the experiment runs; empty afterwards.
        interactions: Effects that depend on another experiment, found at the planned end; empty before, and where there is none.
        segments: Primary effects by segment, a dimension after the other; empty for a plan without segments.
        by_day: Primary effects by day since exposure, at the looks; empty between them, and where too few units were watched long enough.
        slack_channel: Channel of this experiment, where it has its own.
        switchback: Of a switchback experiment, whose units are windows (`unit_type` is `window`) and which has neither a sample
            ratio nor contaminated units; `None` for a randomised one.
        revision: Git revision of the registry.
        schema_version: Version of this shape.
    """

    experiment_id: str
    title: str
    owner: str
    service: str
    hypothesis: str
    unit_type: str
    as_of_date: date
    start_date: date
    end_date: date
    has_ended: bool
    alpha: float
    variants: tuple[VariantCount, ...]
    srm: SampleRatio
    contamination: Contamination
    effects: tuple[Effect, ...]
    verdict: Verdict
    planning: tuple[Outlook, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    segments: tuple[SegmentedEffect, ...] = ()
    by_day: tuple[EffectByDay, ...] = ()
    slack_channel: str | None = None
    switchback: SwitchbackChecks | None = None
    revision: str = "unknown"
    schema_version: int = SCHEMA_VERSION
