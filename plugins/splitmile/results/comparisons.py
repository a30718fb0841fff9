"""What a comparison of two variants says: estimates, intervals and p-values, frozen.

Shares and relative effects are fractions (0.02 is 2 %); absolute effects and means are in the metric's own unit.
`None` stands for "no estimate" and always has its reason beside it; there is no NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
        censored_share: Quantiles: share of the orders of both variants that have no observation, as those not delivered have no
            delivery time; `None` for other metrics.
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
    censored_share: float | None = None

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
