"""Planning: how many units an effect needs, and what a number of units can find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from splitmile.stats.inputs import (
    BoolArray,
    FloatArray,
    ProbabilityOutOfRange,
    RowsMismatch,
    TextArray,
    counts,
    frozen,
    levels,
    require_same_rows,
)
from splitmile.stats.planned_test import PlanInvalid, PlannedTest
from splitmile.stats.rows import quotients

_NO_VARIATION = "no variation, so no test is possible"
_NOTHING_TO_FIND = "the assumed effect is nothing to find"
_TOO_MANY = "more than 10¹⁵ units"
_TOO_FEW_UNITS = "fewer than two units in an arm"
_TOO_NOISY = "the control is too noisy to find a relative effect of any size"

_MOST_UNITS = 1e15
_HALVINGS = 64
# A whole number comes back from a product with a share with the rounding of one.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class SampleSize:
    """Independent units needed, k rows; arrays of shape (k,), read-only.

    Attributes:
        n: In the whole experiment, the arms outside this comparison included; NaN where there is no answer.
        n_control: In the control; NaN where there is no answer.
        n_treatment: In the treatment; NaN where there is no answer.
        reason: Why there is no answer; `''` where there is one.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    n: FloatArray
    n_control: FloatArray
    n_treatment: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        for name in ("n", "n_control", "n_treatment"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(n=self.n, n_control=self.n_control, n_treatment=self.n_treatment, reason=self.reason)


@dataclass(frozen=True, slots=True, eq=False)
class MinimumDetectableEffect:
    """Smallest effects that are found with the power asked for, k rows; arrays of shape (k,), read-only.

    Attributes:
        effect: In the unit of the test's effects. Of a two-sided test a rise, above 0; a fall of that size is found at
            least as surely. Of a non-inferiority test the true effect, with its sign, from which on it succeeds: below no
            effect where it tolerates a small loss. NaN where there is no answer.
        reason: Why there is no answer; `''` where there is one.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    effect: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        object.__setattr__(self, "effect", frozen(self.effect))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(effect=self.effect, reason=self.reason)


def power(test: PlannedTest, effect: ArrayLike, n: ArrayLike) -> FloatArray:
    """Chance that the test rejects with n units in all, if this is the true effect; shape (k,).

    Args:
        test: k planned tests.
        effect: True effect, absolute or relative as the test's are; one, or one a row.
        n: Independent units in the whole experiment; one, or one a row.

    Returns:
        NaN with fewer than two units in an arm, and without variation.

    Raises:
        CountsInvalid: n is no count.
        PlanInvalid: An effect is not finite.

    Source:
        Moser, Stevens & Watts (1989), see `PlannedTest.rejection_rate`.

    Example:
        >>> power(PlannedTest.of([4.0, 4.0]), 0.5, [400, 800]).round(3).tolist()  # a unit has variance 4
        [0.703, 0.942]
    """
    units = _of_rows(test, "n", counts("n", n))
    units = np.where(_least_units(test) <= units, units, np.nan)
    return _rejection_rate(test, _effects(test, effect), units)


def sample_size(test: PlannedTest, effect: ArrayLike, *, power: ArrayLike = 0.8) -> SampleSize:
    """Fewest independent units with which the test finds this effect with the power asked for.

    Args:
        test: k planned tests.
        effect: True effect, absolute or relative as the test's are; for a non-inferiority test often 0. One, or one a row.
        power: Chance to find it; one, or one a row.

    Returns:
        k rows; whole units an arm, and as many in all as the larger need of the two asks for.

    Raises:
        ProbabilityOutOfRange: The power is not between alpha and 1.
        PlanInvalid: An effect is not finite.

    Source:
        Moser, Stevens & Watts (1989), see `PlannedTest.rejection_rate`, solved for n by bisection.

    Example:
        >>> couriers = sample_size(PlannedTest.of(4.0), 0.5)
        >>> couriers.n.tolist(), couriers.n_control.tolist(), couriers.n_treatment.tolist()
        ([506.0], [253.0], [253.0])
    """
    true, target = _effects(test, effect), _target(test, power)
    distance, variance = test.distance(true), test.variance(true)
    reason = np.where(variance == 0, _NO_VARIATION, np.where(distance <= 0, _NOTHING_TO_FIND, ""))
    # With a normal test of known variance this were the answer; it is the place to start from.
    known = (stats.norm.isf(test.alpha / 2) + stats.norm.isf(1 - target)) ** 2 * variance / np.where(reason == "", distance, 1.0) ** 2
    reason = np.where((reason == "") & (known > _MOST_UNITS), _TOO_MANY, reason)
    least = np.where(reason == "", _least_units(test), np.nan)
    high = _smallest(lambda units: _rejection_rate(test, true, units) >= target, least, np.maximum(known, least))
    n_control, n_treatment = _whole(high * test.control_share), _whole(high * test.treatment_share)
    n = _whole(np.maximum(n_control / test.control_share, n_treatment / test.treatment_share))
    return SampleSize(n, n_control, n_treatment, reason)


def minimum_detectable_effect(test: PlannedTest, n: ArrayLike, *, power: ArrayLike = 0.8) -> MinimumDetectableEffect:
    """Smallest effect that the test finds with the power asked for, with n units in all.

    Args:
        test: k planned tests.
        n: Independent units in the whole experiment; one, or one a row.
        power: Chance to find it; one, or one a row.

    Returns:
        k rows; no answer with fewer than two units in an arm, or where a relative effect drowns in the control's noise.

    Raises:
        CountsInvalid: n is no count.
        ProbabilityOutOfRange: The power is not between alpha and 1.

    Source:
        Bloom, H. S. (1995), Minimum detectable effects, Evaluation Review 19, 547-556; the relative effect r solves the
        quadratic (r + margin)² = λ²·(V_T + (1 + r)²·V_C)/R_C², λ being the standard errors that the power needs.

    Example:
        >>> minimum_detectable_effect(PlannedTest.of(4.0), 506).effect.round(2).tolist()
        [0.5]
    """
    units, target = _of_rows(test, "n", counts("n", n)), _target(test, power)
    of_control, of_treatment = test.variance_parts
    reason = np.where(of_control + of_treatment == 0, _NO_VARIATION, np.where(units < _least_units(test), _TOO_FEW_UNITS, ""))
    units = np.where(reason == "", units, np.nan)
    spread = _needed_shift(test, units, target) ** 2 / units / np.where(test.is_relative, test.baseline, 1.0) ** 2
    noise_control, noise = spread * of_control, spread * (of_control + of_treatment)
    margin, sign = np.where(test.is_one_sided, test.margin, 0.0), np.where(test.is_one_sided, test.gain_sign, 1.0)
    # The gain g solves leading·g² + 2·middle·g + last = 0, with the larger root beyond −margin.
    leading = np.where(test.is_relative, 1 - noise_control, 1.0)
    middle, last = np.where(test.is_relative, margin - sign * noise_control, margin), margin**2 - noise
    reason = np.where((reason == "") & (leading <= 0), _TOO_NOISY, reason)
    root = np.sqrt(np.where(reason == "", middle**2 - leading * last, np.nan))
    return MinimumDetectableEffect(sign * (root - middle) / np.where(reason == "", leading, 1.0), reason)


def variance_per_unit(standard_error: ArrayLike, n_control: ArrayLike, n_treatment: ArrayLike) -> FloatArray:
    """Variance per independent unit that gives an effect this standard error, the same in both arms; shape (k,).

    It holds whatever went into the standard error, the covariance of adjusted arms included, and serves a `PlannedTest`
    as it is: with an absolute effect's standard error for absolute effects, with a relative one's for effects near no effect,
    without a baseline.

    Args:
        standard_error: Of the effects; NaN stands for none.
        n_control: Independent units behind it, in the control.
        n_treatment: In the treatment.

    Raises:
        CountsInvalid: A number of units is no count from 1 up.

    Source:
        Var = s²·(1/n_C + 1/n_T), solved for s².

    Example:
        >>> variance_per_unit([0.2], [200], [200]).round(9).tolist()
        [4.0]
    """
    inverse = 1 / counts("n_control", n_control, least=1) + 1 / counts("n_treatment", n_treatment, least=1)
    return np.asarray(np.asarray(standard_error, dtype=np.float64) ** 2 / inverse)


def sample_size_proportions(rate: ArrayLike, effect: ArrayLike, *, alpha: ArrayLike = 0.05, power: ArrayLike = 0.8) -> FloatArray:
    """Units an arm to tell two proportions apart, by the formula of the common web calculators; shape (k,).

    It takes the spread under no effect from the control's rate alone, and rounds to the nearest unit. With a rise from below one half
    that is optimistic: `sample_size` with both variances asks for about 6 % more in the example, for which the usual
    test then has its power.

    Args:
        rate: Share of units in the control, strictly between 0 and 1.
        effect: Rise or fall, absolute (0.05 is 5 percentage points), not 0.
        alpha: Two-sided level.
        power: Chance to find it, above one half.

    Raises:
        PlanInvalid: A rate or its sum with the effect is not strictly between 0 and 1, or an effect is 0.
        ProbabilityOutOfRange: alpha is no level, or the power is not between alpha and 1.

    Source:
        Fleiss, J. L., Levin, B. & Paik, M. C. (2003), Statistical Methods for Rates and Proportions, 3rd ed., section 4.2,
        in the form (z_α/2·√(2p(1−p)) + z_β·√(p(1−p) + q(1−q)))²/δ², p and q = p + δ being the rates.

    Example:
        >>> sample_size_proportions([0.2], 0.05).tolist()
        [1030.0]
    """
    p, delta = np.asarray(rate, dtype=np.float64), np.asarray(effect, dtype=np.float64)
    q, level, target = p + delta, levels(alpha), np.asarray(power, dtype=np.float64)
    if not np.all((p > 0) & (p < 1) & (q > 0) & (q < 1) & (delta != 0)):
        raise PlanInvalid(f"rates are {p} and {q}, expected two different shares strictly between 0 and 1")
    _require_power(level, target)
    of_null, of_effect = 2 * p * (1 - p), p * (1 - p) + q * (1 - q)
    root = stats.norm.isf(level / 2) * np.sqrt(of_null) + stats.norm.isf(1 - target) * np.sqrt(of_effect)
    return np.asarray(np.rint((root / delta) ** 2))


def _rejection_rate(test: PlannedTest, effect: FloatArray, units: FloatArray) -> FloatArray:
    """As `power`, for any number of units above 2 an arm."""
    error = np.sqrt(test.variance(effect) / units)
    return test.rejection_rate(quotients(test.distance(effect), error), units)


def _needed_shift(test: PlannedTest, units: FloatArray, target: FloatArray) -> FloatArray:
    """Standard errors between the truth and the null with which the test reaches its power."""
    nowhere = np.where(np.isnan(units), np.nan, 0.0)
    return _smallest(lambda shift: test.rejection_rate(shift, units) >= target, nowhere, nowhere + 2)


def _smallest(is_enough: Callable[[FloatArray], BoolArray], least: FloatArray, start: FloatArray) -> FloatArray:
    """From `least` up the smallest number in each row that is enough, by bisection below a first one; NaN where least is."""
    low, high, has_answer = least, start, ~np.isnan(least)
    while np.any(is_short := has_answer & ~is_enough(high)):
        high = np.where(is_short, 2 * high, high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reaches = is_enough(middle)
        low, high = np.where(reaches, low, middle), np.where(reaches, middle, high)
    return high


def _least_units(test: PlannedTest) -> FloatArray:
    return np.asarray(2 / np.minimum(test.control_share, test.treatment_share) * (1 - _ROUNDING))


def _whole(units: FloatArray) -> FloatArray:
    return np.asarray(np.ceil(units * (1 - _ROUNDING)))


def _effects(test: PlannedTest, effect: ArrayLike) -> FloatArray:
    true = _of_rows(test, "effect", np.asarray(effect, dtype=np.float64))
    if not np.all(np.isfinite(true)):
        raise PlanInvalid(f"effect is {true}, expected finite numbers in the unit of the test's effects")
    return true


def _target(test: PlannedTest, power: ArrayLike) -> FloatArray:
    target = _of_rows(test, "power", np.asarray(power, dtype=np.float64))
    _require_power(test.alpha, target)
    return target


def _require_power(alpha: FloatArray, target: FloatArray) -> None:
    if not np.all((target > alpha) & (target < 1)):
        raise ProbabilityOutOfRange(f"power is {target}, expected a chance above alpha ({alpha}) and below 1 such as 0.8")


def _of_rows(test: PlannedTest, name: str, values: FloatArray) -> FloatArray:
    if values.shape not in ((), (1,), test.alpha.shape):
        raise RowsMismatch(f"expected one {name}, or one for each of {len(test)} tests, found {values.shape}")
    return np.broadcast_to(values, test.alpha.shape)
