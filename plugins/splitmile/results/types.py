"""The finished results: frozen, versioned, the only thing that publishing ever sees.

Shares and relative effects are fractions (0.02 is 2 %); absolute effects and means are in the metric's own unit.
`None` stands for "no estimate" and always has its reason beside it; there is no NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from splitmile.settings import Language

SCHEMA_VERSION = 2


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
class Interval:
    """A two-sided interval; an end that is unbounded is `None`."""

    low: float | None
    high: float | None

    def is_within(self, half_width: float | None) -> bool:
        """Whether all of it lies between minus and plus a half-width; never, where there is none."""
        if half_width is None or self.low is None or self.high is None:
            return False
        return -half_width < self.low and self.high < half_width


@dataclass(frozen=True, slots=True)
class Estimate:
    """One effect, absolute or relative, with its fixed-horizon inference.

    Attributes:
        estimate, standard_error, interval, p_value: `None` where there is no estimate.
        reason: Why there is none, in words; `None` where there is one.
    """

    estimate: float | None
    standard_error: float | None
    interval: Interval | None
    p_value: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SequentialEstimate:
    """The anytime-valid interval of an absolute effect, its relative form and the always-valid p-value."""

    interval: Interval | None
    relative_interval: Interval | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Counting:
    """The inference that counts: what a reader is shown first, and what decides.

    Attributes:
        absolute, relative: Its intervals; `None` where there is none.
        p_value: Of "no effect"; `None` where there is no test.
        is_anytime_valid: It may be looked at every day; otherwise it is the fixed-horizon one.
    """

    absolute: Interval | None
    relative: Interval | None
    p_value: float | None
    is_anytime_valid: bool


@dataclass(frozen=True, slots=True)
class CovariateAdjustment:
    """What a covariate measured before exposure did to an effect.

    Attributes:
        theta: Coefficient of the covariate; `None` where it explains nothing that could be told.
        variance_removed: Share of the effect's variance that is gone, as a fraction.
        unadjusted: The relative effect without it.
    """

    theta: float | None
    variance_removed: float | None
    unadjusted: Estimate


@dataclass(frozen=True, slots=True)
class BayesianView:
    """The relative effect as a posterior: normal prior around no effect, normal likelihood from the same moments.

    Attributes:
        chance_to_beat_control: Posterior probability that the treatment is better, in the metric's own direction.
        expected_loss: Expected relative loss from choosing the treatment, as a fraction.
        interval: Central credible interval of the relative effect.
        prior_standard_deviation: Of the relative effect.
    """

    chance_to_beat_control: float
    expected_loss: float
    interval: Interval
    prior_standard_deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Treatment minus control for one metric: the numbers, without what an experiment's plan says of it.

    Attributes:
        metric, kind: Name and kind of the metric.
        segment: `all`, or one segment's name.
        control, treatment: Variants compared.
        n_control, n_treatment: Units counted on each side, those with no event included.
        control_value, treatment_value: The metric in each variant; `None` where undefined.
        absolute, relative: Fixed-horizon effects, adjusted by the covariate where there is one.
        degrees_of_freedom: Welch–Satterthwaite, or those of the method; `None` where there is no estimate.
        method: The estimator, such as `welch`, `delta`, `cuped`, `clustered quantile` or `cr2`.
        sequential: The anytime-valid counterpart; `None` where there is no estimate.
        p_value_adjusted: Corrected over its family (Holm for primary, Benjamini–Hochberg for secondary); `None` for guardrails.
        covariate: What a covariate did; `None` without one.
        bayesian: The same numbers as a posterior; `None` where the relative effect has no standard error.
    """

    metric: str
    kind: Literal["mean", "proportion", "ratio", "quantile"]
    segment: str
    control: str
    treatment: str
    n_control: int
    n_treatment: int
    control_value: float | None
    treatment_value: float | None
    absolute: Estimate
    relative: Estimate
    degrees_of_freedom: float | None
    method: str
    sequential: SequentialEstimate | None
    p_value_adjusted: float | None
    covariate: CovariateAdjustment | None = None
    bayesian: BayesianView | None = None

    def counting(self, *, has_ended: bool) -> Counting:
        """The inference that counts: anytime-valid while the experiment runs, fixed-horizon once its planned end is reached.

        The one place where this is chosen. A running experiment without a sequential estimate has nothing that counts.
        """
        if has_ended:
            return Counting(self.absolute.interval, self.relative.interval, self.absolute.p_value, is_anytime_valid=False)
        if self.sequential is None:
            return Counting(None, None, None, is_anytime_valid=True)
        return Counting(self.sequential.interval, self.sequential.relative_interval, self.sequential.p_value, is_anytime_valid=True)


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """A guardrail against its margin, one-sided, by the inference that counts.

    At the planned end by Student's t at half the experiment's level; while the experiment runs by the level at which the
    confidence sequence just leaves the margin, at the experiment's level. Either way the answer is that of the interval shown.

    Attributes:
        p_value: Of "worse by the margin or more": a small one shows that the guardrail is safe. `None` where there is no test.
        harm_p_value: Of "not worse by more than the margin": a small one shows harm. `None` where there is no test.
        is_safe: A loss as large as the margin is ruled out.
        is_harmed: A loss larger than the margin is certain.
    """

    p_value: float | None
    harm_p_value: float | None
    is_safe: bool
    is_harmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(Comparison):
    """A comparison with its place in the experiment's plan, and what it means there.

    Attributes:
        label, role, direction, display_unit: From the plan.
        margin: Guardrails: acceptable relative loss.
        minimum_effect: Primary metrics: half-width of the relative band that does not matter.
        is_better, is_worse: Significantly so at the experiment's level, by the inference that counts; a guardrail is worse
            when a loss beyond its margin is certain.
        non_inferiority: Guardrails: the test against the margin; `None` elsewhere, and where there is no relative effect.
    """

    label: str
    role: Literal["primary", "secondary", "guardrail"]
    direction: Literal["increase", "decrease"]
    display_unit: str
    margin: float | None
    minimum_effect: float | None
    is_better: bool
    is_worse: bool
    non_inferiority: NonInferiority | None = None


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
    """The split within one segment of the exposed units; it says where a mismatch comes from and decides nothing by itself.

    Attributes:
        segment: A day of exposure, as `YYYY-MM-DD`.
        units: In the order of the scorecard's variants.
        p_value: χ² test against the planned shares; `None` where the segment is too small for one.
        p_value_adjusted: Corrected by Holm over the segments.
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
        by_segment: The split of each day of exposure, oldest first.
    """

    statistic: float | None
    degrees_of_freedom: int
    p_value: float | None
    sequential_p_value: float | None
    is_mismatch: bool
    alarm_level: float
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
        slack_channel: Channel of this experiment, where it has its own.
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
    slack_channel: str | None = None
    revision: str = "unknown"
    schema_version: int = SCHEMA_VERSION


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
