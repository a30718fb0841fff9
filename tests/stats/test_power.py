from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from splitmile.stats import (
    CountsInvalid,
    MarginInvalid,
    Moments,
    PlanInvalid,
    PlannedTest,
    ProbabilityOutOfRange,
    RowsMismatch,
    SharesInvalid,
    absolute_effect,
    anytime_noninferiority_p_value,
    confidence_sequence,
    estimate,
    minimum_detectable_effect,
    power,
    relative_effect,
    sample_size,
    sample_size_proportions,
    variance_per_unit,
)


@pytest.mark.parametrize(("size", "alpha", "chance"), [(0.2, 0.05, 0.8), (1.0, 0.01, 0.9), (0.03, 0.1, 0.5), (2.5, 0.05, 0.95)])
def test_agrees_with_statsmodels(size: float, alpha: float, chance: float) -> None:
    peer = TTestIndPower().solve_power(effect_size=size, alpha=alpha, power=chance)
    test = PlannedTest.of(9.0, alpha=alpha)
    needed = sample_size(test, 3 * size, power=chance)
    assert needed.n_control.tolist() == needed.n_treatment.tolist() == [math.ceil(peer)]
    assert needed.n.tolist() == [2 * math.ceil(peer)]
    n = 2 * math.ceil(peer)
    assert power(test, -3 * size, n) == pytest.approx([TTestIndPower().power(size, n / 2, alpha)], rel=1e-9)
    detectable = minimum_detectable_effect(test, n, power=chance).effect
    assert TTestIndPower().power(detectable[0] / 3, n / 2, alpha) == pytest.approx(chance, rel=1e-9)


def test_one_sided_non_inferiority_agrees_with_statsmodels() -> None:
    peer = TTestIndPower().solve_power(effect_size=0.3, alpha=0.05, power=0.8, alternative="larger")
    for direction, true in (("increase", -0.4), ("decrease", 0.4)):
        guardrail = PlannedTest.of(4.0, margin=1.0, direction=direction)
        needed = sample_size(guardrail, true)
        assert needed.n_control.tolist() == [math.ceil(peer)], "a gain of −0.4 is 0.6, or 0.3 standard deviations, above the margin"
        harmless = minimum_detectable_effect(guardrail, needed.n).effect
        assert harmless == pytest.approx([true], abs=0.01)
        assert power(guardrail, harmless, needed.n) == pytest.approx([0.8], abs=1e-9)


def test_published_sample_size_of_proportions() -> None:
    assert sample_size_proportions([0.2], 0.05).tolist() == [1030.0]
    # By hand: (1.959964·√(2·0.2·0.8) + 0.841621·√(0.2·0.8 + 0.25·0.75))²/0.05² = 1030.2.
    assert sample_size_proportions(0.1, -0.02, alpha=0.01, power=0.9) == pytest.approx(
        (2.575829 * math.sqrt(0.18) + 1.281552 * math.sqrt(0.09 + 0.08 * 0.92)) ** 2 / 0.02**2, abs=0.5
    )
    exact = sample_size(PlannedTest.of(0.16, variance_treatment=0.1875), 0.05).n_control[0]
    assert exact == pytest.approx(1030 * 1.06, rel=0.005)


SPREAD = {"variance": 4.0, "variance_treatment": 9.0, "control_share": 0.5, "treatment_share": 0.25}


@pytest.mark.parametrize("kind", ["absolute", "relative", "non-inferiority"])
def test_power_is_the_share_of_rejections_of_our_own_tests(kind: str) -> None:
    """20,000 simulated experiments of 60 and 30 units with unequal spreads and normal means."""
    rng = np.random.default_rng(21)
    runs, n_control, n_treatment = 20_000, 60, 30
    truth = {"absolute": 2.0, "relative": 0.1, "non-inferiority": -0.3}[kind]
    level = 20.0
    effect = truth * level if kind == "relative" else truth

    def arm(mean: float, variance: float, n: int) -> Moments:
        drawn = rng.normal(mean, math.sqrt(variance / n), runs), variance * rng.chisquare(n - 1, runs)
        ones = np.ones(runs)
        return Moments(np.full(runs, n), drawn[0], ones, drawn[1], 0 * ones, 0 * ones)

    control, treatment = arm(level, 4.0, n_control), arm(level + effect, 9.0, n_treatment)
    if kind == "non-inferiority":
        test = PlannedTest.of(**SPREAD, margin=1.5)
        rejected = absolute_effect(control, treatment).one_sided_p_value(1.5, "increase") < 0.05
    elif kind == "relative":
        test = PlannedTest.of(**SPREAD, baseline=level)
        rejected = relative_effect(control, treatment).p_value() < 0.05
    else:
        test = PlannedTest.of(**SPREAD)
        rejected = absolute_effect(control, treatment).p_value() < 0.05
    # Shares of 120 units: 60, 30, and 30 in a third arm.
    expected = power(test, truth, 120)[0]
    assert 0.5 < expected < 0.95
    assert np.mean(rejected) == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / runs) + 0.003)


def test_sequential_power_at_the_planned_end_and_over_all_looks() -> None:
    """10,000 runs of 60 looks: the closed form is the chance at the end, and ever rejecting adds a few points to it."""
    rng = np.random.default_rng(22)
    runs, looks = 10_000, 60
    for margin in (None, 0.5):
        test = PlannedTest.of(4.0, margin=margin, is_sequential=True)
        effect = 0.5 if margin is None else 0.0
        n = sample_size(test, effect).n[0]
        assert n / sample_size(PlannedTest.of(4.0, margin=margin), effect).n[0] == pytest.approx(1.91 if margin is None else 2.1, abs=0.05)
        at = np.rint(n * np.arange(1, looks + 1) / looks)
        steps = rng.normal(0, 1, (runs, looks)) * np.sqrt(np.diff(at, prepend=0))
        # The effect at n units has variance 4·4/n.
        found = effect + 4 * np.cumsum(steps, axis=1) / at
        units, errors = np.broadcast_to(at, found.shape), np.broadcast_to(4 / np.sqrt(at), found.shape)
        if margin is None:
            low, high = confidence_sequence(found, errors, units, n, 0.05)
            rejected = (low > 0) | (high < 0)
        else:
            rejected = anytime_noninferiority_p_value(found, errors, units, n, 0.05, margin=margin, direction="increase") < 0.05
        assert np.mean(rejected[:, -1]) == pytest.approx(0.8, abs=3 * 0.4 / math.sqrt(runs))
        assert 0.81 < np.mean(rejected.any(axis=1)) < 0.9
        assert power(test, effect, int(n)) == pytest.approx([0.8], abs=0.002)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0.1, 50),
    st.floats(0.1, 50),
    st.floats(0.05, 0.6),
    st.floats(0.05, 0.4),
    st.sampled_from([None, 5.0, -3.0]),
    st.sampled_from([None, 0.4]),
    st.sampled_from(["increase", "decrease"]),
    st.booleans(),
    st.integers(50, 10**6),
)
def test_the_three_answers_agree(
    control: float,
    treatment: float,
    share: float,
    other: float,
    baseline: float | None,
    margin: float | None,
    direction: str,
    is_sequential: bool,
    n: int,
) -> None:
    test = PlannedTest.of(
        control,
        variance_treatment=treatment,
        control_share=share,
        treatment_share=other,
        baseline=baseline,
        margin=margin,
        direction=direction,
        is_sequential=is_sequential,
    )
    found = minimum_detectable_effect(test, n)
    assume(found.reason[0] == "")
    assert power(test, found.effect, n) == pytest.approx([0.8], abs=1e-6)
    needed = sample_size(test, found.effect)
    assert needed.n[0] == pytest.approx(n, abs=2 / min(share, other) + 1e-6 * n)
    assert power(test, found.effect, needed.n)[0] >= 0.8 - 1e-6
    assert needed.n_control[0] / share <= needed.n[0] * (1 + 1e-9)
    assert needed.n_treatment[0] / other <= needed.n[0] * (1 + 1e-9)


def test_rows_are_planned_at_once_with_a_reason_where_there_is_no_answer() -> None:
    test = PlannedTest.of([4.0, 0.0, 4.0, 4.0, 4.0, 0.25], baseline=None)
    needed = sample_size(test, [0.5, 0.5, 0.0, 1e-9, 100.0, 0.5])
    assert needed.reason.tolist() == [
        "",
        "no variation, so no test is possible",
        "the assumed effect is nothing to find",
        "more than 10¹⁵ units",
        "",
        "",
    ]
    assert needed.n.tolist() == pytest.approx([506, np.nan, np.nan, np.nan, 4, 34], nan_ok=True)
    third = sample_size(PlannedTest.of(4.0, control_share=1 / 3, treatment_share=1 / 3), 0.5)
    assert (third.n_control[0], third.n[0]) == (253, 759), "a third arm needs its units too"
    smallest = minimum_detectable_effect(test, [506, 506, 3, 0, 506, 34])
    few = "fewer than two units in an arm"
    assert smallest.reason.tolist() == ["", "no variation, so no test is possible", few, few, "", ""]
    assert np.isnan(smallest.effect).tolist() == [False, True, True, True, False, False]
    assert np.isnan(power(test, 0.5, [506, 506, 3, 0, 506, 34])).tolist() == [False, True, True, True, False, False]
    drowned = minimum_detectable_effect(PlannedTest.of(4.0, baseline=0.1), 506)
    assert drowned.reason.tolist() == ["the control is too noisy to find a relative effect of any size"]
    assert np.isnan(drowned.effect).all()
    lost = sample_size(PlannedTest.of(4.0, margin=0.5), -0.5)
    assert lost.reason.tolist() == ["the assumed effect is nothing to find"]


def test_variance_per_unit_of_any_metric() -> None:
    rng = np.random.default_rng(23)
    deliveries = rng.poisson(9, 400) + 1
    seconds = deliveries * rng.normal(600, 60, 400)
    arms = Moments.from_units(seconds, deliveries, group=np.arange(400) % 2, groups=2)
    control, treatment = estimate(arms.take([0])), estimate(arms.take([1]))
    plain = absolute_effect(control, treatment)
    pooled = variance_per_unit(plain.standard_error, [200], [200])
    assert pooled == pytest.approx((control.variance + treatment.variance) * 100)
    of_arms = PlannedTest.of(control.variance * 200, variance_treatment=treatment.variance * 200)
    assert sample_size(of_arms, 5.0).n == pytest.approx(sample_size(PlannedTest.of(pooled), 5.0).n, abs=2)
    adjusted = absolute_effect(control, treatment, covariance=0.5 * control.variance)
    assert variance_per_unit(adjusted.standard_error, [200], [200]) < pooled
    assert np.isnan(variance_per_unit([np.nan], [200], [200])).all()
    with pytest.raises(CountsInvalid):
        variance_per_unit([0.2], [0], [200])


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"variance": -1}, PlanInvalid, "variance"),
        ({"variance": math.nan}, PlanInvalid, "variance"),
        ({"variance_treatment": math.inf}, PlanInvalid, "variance"),
        ({"baseline": 0}, PlanInvalid, "baseline"),
        ({"baseline": math.inf}, PlanInvalid, "baseline"),
        ({"control_share": 0}, SharesInvalid, "above 0"),
        ({"control_share": 0.6}, SharesInvalid, "parts of all units"),
        ({"treatment_share": math.nan}, SharesInvalid, "above 0"),
        ({"alpha": 0}, ProbabilityOutOfRange, "alpha"),
        ({"margin": -0.1}, MarginInvalid, "margin"),
        ({"margin": math.nan}, MarginInvalid, "margin"),
        ({"direction": "up"}, MarginInvalid, "direction"),
        ({"variance": [[1.0]]}, RowsMismatch, "one-dimensional"),
    ],
)
def test_impossible_plans_are_refused(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    good: dict[str, Any] = {"variance": 1.0}
    with pytest.raises(error, match=words):
        PlannedTest.of(**(good | changes))


def test_impossible_questions_are_refused() -> None:
    test = PlannedTest.of([1.0, 2.0])
    for chance in (0.05, 1.0, math.nan):
        with pytest.raises(ProbabilityOutOfRange, match="above alpha"):
            sample_size(test, 0.1, power=chance)
        with pytest.raises(ProbabilityOutOfRange, match="above alpha"):
            minimum_detectable_effect(test, 100, power=chance)
        with pytest.raises(ProbabilityOutOfRange, match="above alpha"):
            sample_size_proportions(0.2, 0.05, power=chance)
    with pytest.raises(PlanInvalid, match="finite"):
        power(test, math.nan, 100)
    with pytest.raises(PlanInvalid, match="finite"):
        sample_size(test, math.inf)
    with pytest.raises(CountsInvalid):
        power(test, 0.1, 1.5)
    with pytest.raises(RowsMismatch, match="for each of 2 tests"):
        sample_size(test, [0.1, 0.2, 0.3])
    for rate, effect in ((0.0, 0.1), (0.2, 0.0), (0.9, 0.1), (0.2, -0.3), (math.nan, 0.1)):
        with pytest.raises(PlanInvalid, match="two different shares"):
            sample_size_proportions(rate, effect)
    assert stats.norm.isf(0.025) == pytest.approx(1.959964, abs=1e-6)
