"""Answers to a file, without a pipeline: what `splitmile analyze`, `srm`, `power` and `switchback` say.

As in `results.comparisons`, shares and relative effects are fractions, `None` stands for "no estimate", and there is no NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from splitmile.results.comparisons import Comparison
from splitmile.results.scorecards import SCHEMA_VERSION, Contamination, SampleRatio
from splitmile.results.switchbacks import CarryoverTest, RandomizationTest


class Cause(StrEnum):
    """Why rows or units are left out."""

    no_variant = "no variant"
    no_unit = "no unit"
    no_cluster = "no cluster"
    several_variants = "several variants"
    missing_value = "missing value"
    no_segment = "no segment"
    several_segments = "several segments"
    no_place = "no zone or period"
    outside_schedule = "outside the schedule"
    burn_in = "burn-in"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows and units that did not count.

    Attributes:
        cause: Why.
        metric: The metric they are missing in; `None` where they count for nothing at all (segments: only in `all`).
        rows: Rows of the file.
        units: Units that are gone altogether; `None` where it is not known whose rows these are.
    """

    cause: Cause
    metric: str | None
    rows: int
    units: int | None


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Units of one variant, and what was planned.

    Attributes:
        units: Units that were randomised and count.
        planned_share, observed_share: Fractions; the observed one `None` where there is no unit at all.
    """

    variant: str
    units: int
    planned_share: float
    observed_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTest:
    """Whether the absolute effect differs between segments; asked before any segment is named.

    Attributes:
        metric, treatment: The comparison.
        segments: Segments that enter.
        q: Cochran's Q, the weighted spread of the segments' effects; `None` where there is no test.
        i_squared: Share of that spread beyond chance.
        p_value: Of "the effect is the same in every segment", by Welch's F, which is Q for large segments.
        p_value_adjusted: Holm over all metrics × treatments.
        reason: Why there is no test; `None` where there is one.
        suppressed: Segments with too few units to be tested or shown.
    """

    metric: str
    treatment: str
    segments: int
    q: float | None
    i_squared: float | None
    p_value: float | None
    p_value_adjusted: float | None
    reason: str | None
    suppressed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """The answer to a file: checks first, then effects.

    Attributes:
        source: The file.
        rows: Its rows.
        unit: What was randomised: a column's name, or `row`.
        control: Variant that the others are compared with.
        alpha: Two-sided level of every interval.
        planned_units: Of the whole experiment; `None` where the file is looked at once.
        variants: Control first.
        srm: Check for a sample ratio mismatch.
        contamination: Units with several variants; they are left out.
        left_out: What else does not count, by cause.
        effects: In the order of metrics, of treatments within, and of `all` before the segments.
        segment_tests: One a metric and treatment; empty without segments.
    """

    source: str
    rows: int
    unit: str
    control: str
    alpha: float
    planned_units: int | None
    variants: tuple[ArmCount, ...]
    srm: SampleRatio
    contamination: Contamination
    left_out: tuple[LeftOut, ...]
    effects: tuple[Comparison, ...]
    segment_tests: tuple[SegmentTest, ...] = ()
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReadout:
    """Whether counts of units fit the planned shares."""

    variants: tuple[ArmCount, ...]
    srm: SampleRatio
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReadout:
    """What an experiment of some size can find.

    Attributes:
        source: The file that baseline and spread come from; `None` where they were given.
        metric: Its metric; `None` where there is no file.
        baseline: The metric without a treatment; `None` where only its spread is known.
        standard_deviation: Per unit: divided by the root of an arm's units it is the standard error of the arm's estimate.
        alpha: Two-sided level.
        shares: Planned shares, the control's first; the smallest treatment is the one that is planned for.
        is_sequential: Whether the experiment is looked at again and again.
        asked: Which of units, effect and power was computed from the other two.
        units: Of the whole experiment.
        effect: Absolute effect; a fall of the same size is found as well.
        relative_effect: As a fraction of the baseline; `None` without a baseline or where it is 0.
        power: Probability to find the effect where it is there.
        units_by_common_formula: What the common web calculators say for two proportions; `None` for anything else.
        days: Until the units are there; `None` where nobody said how many come a day.
    """

    source: str | None
    metric: str | None
    baseline: float | None
    standard_deviation: float
    alpha: float
    shares: tuple[float, ...]
    is_sequential: bool
    asked: Literal["units", "effect", "power"]
    units: int
    effect: float
    relative_effect: float | None
    power: float
    units_by_common_formula: int | None
    days: int | None
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchbackReadout:
    """The answer to a file of a switchback experiment: checks first, then effects.

    Attributes:
        source: The file.
        rows: Its rows.
        zones, windows: Zones, and windows in each.
        window_minutes: Length of a window; `None` where windows are numbered and there is no design.
        is_design_given: Whether the design was; otherwise every zone and window is taken to have been assigned by a fair
            coin of its own.
        order: Windows of carry-over that are allowed for in `hajek` and `horvitz_thompson`.
        burn_in_minutes: Left out after every switch.
        alpha: Two-sided level of every interval.
        control, treatment: Names of the variants.
        variants: Windows with rows, of each variant; the planned shares are the schedule's.
        srm: Whether windows are missing on one side.
        contamination: Windows with rows of both variants; they are left out. With a design: rows whose variant is not the
            scheduled one; they count by the schedule.
        left_out: What else does not count.
        effects: By outcome and method; units are windows, degrees of freedom are `None` for a normal reference.
        randomization_tests, carryover_tests: By outcome.
    """

    source: str
    rows: int
    zones: int
    windows: int
    window_minutes: int | None
    is_design_given: bool
    order: int
    burn_in_minutes: float
    alpha: float
    control: str
    treatment: str
    variants: tuple[ArmCount, ...]
    srm: SampleRatio
    contamination: Contamination
    left_out: tuple[LeftOut, ...]
    effects: tuple[Comparison, ...]
    randomization_tests: tuple[RandomizationTest, ...]
    carryover_tests: tuple[CarryoverTest, ...]
    schema_version: int = SCHEMA_VERSION
