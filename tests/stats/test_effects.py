from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from splitmile.stats import (
    CovarianceImpossible,
    Effects,
    Estimates,
    MarginInvalid,
    Moments,
    ProbabilityOutOfRange,
    RowsMismatch,
    absolute_effect,
    estimate,
    fieller_interval,
    relative_effect,
)
from stats.unit_rows import moments_of

measures = st.lists(st.integers(0, 10**6), min_size=2, max_size=15)
ratio_units = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 200)), min_size=2, max_size=15)


@pytest.fixture(autouse=True)
def no_numpy_warning() -> Iterator[None]:
    """Rows without an estimate are meant: none may get there by dividing zero by zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def published() -> tuple[Moments, Moments]:
    """n=3407 Σ=1396.87 Σ²=52377.9767 against n=3461 Σ=2422.7 Σ²=134698.29, in hundredths."""
    control = Moments.from_sums([3407], [139687], [3407], [523779767], [139687], [3407])
    treatment = Moments.from_sums([3461], [242270], [3461], [1346982900], [242270], [3461])
    return control, treatment


def test_published_welch_figures() -> None:
    effect = absolute_effect(*published())
    low, high = effect.interval(0.05)
    assert [x[0] / 100 for x in (effect.estimate, low, high)] == pytest.approx([0.29, 0.04538, 0.53462], abs=5e-6)
    assert effect.p_value()[0] == pytest.approx(0.02016, abs=5e-6)


def test_published_relative_figures() -> None:
    effect = relative_effect(*published())
    low, high = effect.interval(0.05)
    assert [x[0] for x in (effect.estimate, low, high)] == pytest.approx([0.70732, -0.03526, 1.44989], abs=5e-6)
    assert effect.p_value()[0] == pytest.approx(0.06191, abs=5e-6)


@settings(deadline=None)
@given(measures, measures)
def test_means_agree_with_scipy_and_statsmodels(control: list[int], treatment: list[int]) -> None:
    assume(len(set(control)) > 1 or len(set(treatment)) > 1)
    ours = absolute_effect(moments_of(control), moments_of(treatment))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # theirs warns of a side whose values are all the same
        theirs = stats.ttest_ind(treatment, control, equal_var=False)
    assert ours.estimate[0] == pytest.approx(np.mean(treatment) - np.mean(control), abs=1e-6)
    assert ours.degrees_of_freedom[0] == pytest.approx(theirs.df, rel=1e-6)
    assert ours.p_value()[0] == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    peer = CompareMeans(DescrStatsW(treatment), DescrStatsW(control)).tconfint_diff(0.1, usevar="unequal")
    assert [x[0] for x in ours.interval(0.1)] == pytest.approx(peer, rel=1e-6, abs=1e-3)


def test_relative_variance_is_the_formula_of_the_delta_method() -> None:
    control, treatment = moments_of([10, 12, 9, 14]), moments_of([15, 13, 18, 12])
    c, t = estimate(control), estimate(treatment)
    expected = (t.value / c.value) ** 2 * (t.variance / t.value**2 + c.variance / c.value**2)
    assert relative_effect(control, treatment).standard_error ** 2 == pytest.approx(expected, rel=1e-13)


@settings(deadline=None)
@given(ratio_units, ratio_units, st.integers(2, 1000))
def test_another_unit_of_measure_changes_nothing_but_the_unit(a: list[tuple[int, int]], b: list[tuple[int, int]], factor: int) -> None:
    def sides(scale: int) -> tuple[Moments, Moments]:
        return tuple(moments_of([x * scale for x, _ in rows], [y for _, y in rows]) for rows in (a, b))  # type: ignore[return-value]

    plain, scaled = absolute_effect(*sides(1)), absolute_effect(*sides(factor))
    assume(plain.reason[0] == "" and plain.standard_error[0] > 1e-6 * abs(estimate(sides(1)[1]).value[0]))
    assert scaled.estimate == pytest.approx(factor * plain.estimate, rel=1e-9, abs=1e-9)
    assert scaled.p_value() == pytest.approx(plain.p_value(), rel=1e-6, abs=1e-12)
    before, after = relative_effect(*sides(1)), relative_effect(*sides(factor))
    assert before.reason.tolist() == after.reason.tolist()
    assert after.estimate == pytest.approx(before.estimate, rel=1e-9, abs=1e-9, nan_ok=True)
    assert after.standard_error == pytest.approx(before.standard_error, rel=1e-6, abs=1e-9, nan_ok=True)


@settings(deadline=None)
@given(measures, measures)
def test_exchanging_the_variants_flips_the_sign(a: list[int], b: list[int]) -> None:
    there, back = absolute_effect(moments_of(a), moments_of(b)), absolute_effect(moments_of(b), moments_of(a))
    assert there.estimate == -back.estimate
    assert there.p_value() == pytest.approx(back.p_value(), rel=1e-12, nan_ok=True)
    low, high = there.interval(0.05)
    assert [low, high] == [pytest.approx(-x, nan_ok=True) for x in reversed(back.interval(0.05))]


def test_rows_are_computed_independently_of_one_another() -> None:
    rows = [moments_of(x, y) for x, y in (([3, 4, 9], [1, 2, 3]), ([0, 0, 0], [1, 1, 1]), ([5], [1]), ([7, 7, 1], [1, 1, 1]))]
    columns = {name: np.concatenate([getattr(row, name) for row in rows]) for name in Moments.__slots__}
    table: Moments = Moments(**columns)
    together = relative_effect(table, table.take([3, 0, 1, 2]))
    for row, other in enumerate([3, 0, 1, 2]):
        alone = relative_effect(rows[row], rows[other])
        for name in Effects.__slots__:
            np.testing.assert_array_equal(getattr(together, name)[[row]], getattr(alone, name))


TWO, ONE, NONE = moments_of([3, 5], [1, 2]), moments_of([3], [1]), moments_of([], [])
NO_EVENTS = moments_of([0, 0], [0, 0])


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        (ONE, TWO, "control: fewer than two units"),
        (TWO, NONE, "treatment: fewer than two units"),
        (NO_EVENTS, TWO, "control: the denominator is zero"),
        (TWO, NO_EVENTS, "treatment: the denominator is zero"),
        (NONE, NO_EVENTS, "control: fewer than two units"),
    ],
)
def test_no_estimate_has_a_reason_and_is_never_zero(control: Moments, treatment: Moments, reason: str) -> None:
    for effect in (absolute_effect(control, treatment), relative_effect(control, treatment)):
        assert effect.reason.tolist() == [reason]
        numbers = [effect.estimate, effect.standard_error, effect.degrees_of_freedom, effect.p_value(), *effect.interval(0.05)]
        numbers += [effect.one_sided_p_value(0.1, "increase"), effect.harm_p_value(0.1, "increase")]
        assert np.isnan(numbers).all()
    assert np.isnan(fieller_interval(control, treatment, 0.05)).all()


def test_without_any_variation_the_estimate_stays_and_the_inference_goes() -> None:
    control, treatment = moments_of([4, 4, 4]), moments_of([5, 5])
    for effect, value in ((absolute_effect(control, treatment), 1), (relative_effect(control, treatment), 0.25)):
        assert effect.estimate.tolist() == [value]
        assert effect.standard_error.tolist() == [0]
        assert effect.reason.tolist() == ["no variation in either variant, so no test is possible"]
        assert np.isnan([effect.degrees_of_freedom, effect.p_value(), *effect.interval(0.05)]).all()
    assert np.isnan(fieller_interval(control, treatment, 0.05)).all()


def test_variation_on_one_side_is_enough() -> None:
    effect = absolute_effect(moments_of([4, 4, 4]), moments_of([5, 6, 9]))
    one_sample = stats.ttest_1samp([5, 6, 9], 4)
    assert effect.degrees_of_freedom.tolist() == [2]
    assert effect.p_value()[0] == pytest.approx(one_sample.pvalue, rel=1e-12)


def test_a_treatment_at_zero_throughout_keeps_its_absolute_inference_only() -> None:
    control, treatment = moments_of([1, 1, 1, 0, 1, 1, 1, 1]), moments_of([0] * 8)
    assert absolute_effect(control, treatment).p_value()[0] < 0.001
    effect = relative_effect(control, treatment)
    assert effect.estimate.tolist() == [-1]
    assert "zero for every unit" in effect.reason[0]
    assert np.isnan([effect.p_value(), *effect.interval(0.05)]).all()
    assert np.isnan(fieller_interval(control, treatment, 0.05)).all()


def test_a_treatment_whose_mean_alone_is_zero_keeps_its_relative_inference() -> None:
    assert relative_effect(moments_of([4, 5, 6]), moments_of([-1, 1])).reason.tolist() == [""]
    assert relative_effect(moments_of([4, 5, 6]), moments_of([5, 5])).reason.tolist() == [""]


def test_zeros_against_a_constant_control_are_no_variation() -> None:
    effect = relative_effect(moments_of([4, 4]), moments_of([0, 0]))
    assert effect.estimate.tolist() == [-1]
    assert effect.reason.tolist() == ["no variation in either variant, so no test is possible"]


def test_zero_at_the_end_of_the_control_interval_is_within_it() -> None:
    control, treatment = estimates(3, 1), estimates(4, 1)
    level = effects(3, 1, 99).p_value()[0]
    assert "zero lies" in relative_effect(control, treatment, alpha=level).reason[0]
    assert relative_effect(control, treatment, alpha=level * (1 + 1e-9)).reason.tolist() == [""]


def test_fieller_interval_does_not_depend_on_the_unit_of_measure() -> None:
    metres = np.array(fieller_interval(estimates(400, 900), estimates(440, 1600), 0.05, covariance=300))
    kilometres = np.array(fieller_interval(estimates(0.4, 9e-4), estimates(0.44, 16e-4), 0.05, covariance=3e-4))
    assert kilometres == pytest.approx(metres, rel=1e-12)


def test_reasons_of_any_array_are_taken() -> None:
    reason = np.array([""], dtype=np.object_)
    assert Effects(np.ones(1), np.ones(1), np.ones(1), reason).reason.dtype.kind == "U"


def test_relative_effect_is_undefined_where_the_control_may_be_zero() -> None:
    control, treatment = moments_of([1, 0, 0, 0, 0]), moments_of([3, 4, 5, 4])
    effect = relative_effect(control, treatment)
    assert effect.reason.tolist() == ["zero lies within the control's 95 % confidence interval"]
    assert np.isnan([effect.estimate, effect.standard_error, effect.p_value()]).all()
    assert np.array(fieller_interval(control, treatment, 0.05)).tolist() == [[-np.inf], [np.inf]]
    assert relative_effect(control, treatment, alpha=0.5).reason.tolist() == [""]
    all_zero = moments_of([0, 0, 0])
    assert "zero lies" in relative_effect(all_zero, treatment).reason[0]
    assert np.array(fieller_interval(all_zero, treatment, 0.05)).tolist() == [[-np.inf], [np.inf]]


@settings(deadline=None)
@given(st.lists(st.integers(10**5, 10**6), min_size=8, max_size=15), measures)
def test_fieller_ends_solve_its_quadratic(a: list[int], b: list[int]) -> None:
    control, treatment = moments_of(a), moments_of(b)
    low, high = fieller_interval(control, treatment, 0.05)
    assume(np.isfinite(low[0]))
    c, t = estimate(control), estimate(treatment)
    critical = stats.t.isf(0.025, absolute_effect(control, treatment).degrees_of_freedom[0])
    for end in (low[0] + 1, high[0] + 1):
        distance = (t.value[0] - end * c.value[0]) ** 2
        spread = critical**2 * (t.variance[0] + end**2 * c.variance[0])
        assert distance == pytest.approx(spread, rel=1e-6, abs=1e-6 * t.value[0] ** 2)
    assert low[0] <= t.value[0] / c.value[0] - 1 <= high[0]


def test_fieller_interval_is_the_set_of_ratios_that_a_welch_test_does_not_reject() -> None:
    rng = np.random.default_rng(3)
    control, treatment = moments_of(rng.poisson(40, 900).tolist()), moments_of(rng.poisson(43, 900).tolist())
    c, t = estimate(control), estimate(treatment)
    freedom = absolute_effect(control, treatment).degrees_of_freedom[0]

    def excess(theta: float) -> float:
        z = (t.value[0] - theta * c.value[0]) / math.sqrt(t.variance[0] + theta**2 * c.variance[0])
        return 2 * stats.t.sf(abs(z), freedom) - 0.05

    ratio = t.value[0] / c.value[0]
    ends = optimize.brentq(excess, 0.9 * ratio, ratio) - 1, optimize.brentq(excess, ratio, 1.1 * ratio) - 1
    assert [x[0] for x in fieller_interval(control, treatment, 0.05)] == pytest.approx(ends, rel=1e-6)


def effects(estimate: float, standard_error: float, freedom: float) -> Effects:
    return Effects(*(np.array([x]) for x in (estimate, standard_error, freedom)), np.array([""]))


def test_tiny_p_values_keep_their_digits() -> None:
    assert effects(1e150, 1, 2).p_value()[0] == pytest.approx(1e-300, rel=1e-9)  # closed form: P(T > t) → 1/(2t²) for 2 degrees
    assert effects(-1e150, 1, 2).p_value()[0] == pytest.approx(1e-300, rel=1e-9)
    # Integrated numerically, with the density at the start taken out so that nothing underflows.
    scaled = integrate.quad(lambda x: math.exp(stats.t.logpdf(x, 5000) - stats.t.logpdf(39, 5000)), 39, 41, epsabs=0)[0]
    expected = 2 * math.exp(math.log(scaled) + stats.t.logpdf(39, 5000))
    assert 0 < expected < 1e-289
    assert effects(39, 1, 5000).p_value()[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("direction", "gain"), [("increase", 1.0), ("decrease", -1.0)])
def test_non_inferiority_agrees_with_a_shifted_scipy_test(direction: str, gain: float) -> None:
    rng = np.random.default_rng(5)
    control, treatment = rng.poisson(50, 80), rng.poisson(49, 90)
    effect = absolute_effect(moments_of(control.tolist()), moments_of(treatment.tolist()))
    shifted = stats.ttest_ind(treatment + gain * 2, control, equal_var=False, alternative="greater" if gain > 0 else "less")
    assert effect.one_sided_p_value(2, direction)[0] == pytest.approx(shifted.pvalue, rel=1e-9)
    assert effect.harm_p_value(2, direction)[0] == pytest.approx(1 - shifted.pvalue, rel=1e-9)


def estimates(value: float, variance: float, freedom: float = 99, n: int = 100) -> Estimates:
    return Estimates(np.array([n]), np.array([value]), np.array([variance]), np.array([freedom]), np.array([""]))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=3, max_size=15))
def test_covariance_of_paired_units_gives_the_paired_t_test(pairs: list[tuple[int, int]]) -> None:
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    difference = np.subtract(after, before)
    assume(difference.std() > 0)
    control, treatment = moments_of(before), moments_of(after)
    covariance = np.cov(before, after)[0, 1] / len(pairs)
    effect = absolute_effect(control, treatment, covariance=covariance)
    assert effect.estimate[0] == pytest.approx(difference.mean(), abs=1e-6)
    expected = difference.std(ddof=1) / math.sqrt(len(pairs))
    scale = math.sqrt(estimate(control).variance[0] + estimate(treatment).variance[0])
    assert effect.standard_error[0] == pytest.approx(expected, rel=1e-6, abs=1e-6 * scale)
    exchanged = absolute_effect(treatment, control, covariance=covariance)
    assert exchanged.standard_error.tolist() == effect.standard_error.tolist()


def test_covariance_enters_the_relative_effect_as_in_the_rows() -> None:
    """Oracle: R_T/R_C of paired units is a ratio metric, whose delta method knows the covariance from the rows."""
    rng = np.random.default_rng(4)
    before = rng.integers(50, 150, 400)
    after = before + rng.integers(0, 40, 400)
    control, treatment = moments_of(before.tolist()), moments_of(after.tolist())
    covariance = np.cov(before, after)[0, 1] / 400
    paired = estimate(moments_of(after.tolist(), before.tolist()))
    effect = relative_effect(control, treatment, covariance=[covariance])
    assert effect.estimate[0] == pytest.approx(paired.value[0] - 1, rel=1e-12)
    assert effect.standard_error[0] == pytest.approx(paired.standard_error[0], rel=1e-9)
    assert effect.standard_error[0] < relative_effect(control, treatment).standard_error[0] / 2, "the pairs must matter here"

    def excess(theta: float) -> float:
        mean = (after - theta * before).mean()
        spread = (after - theta * before).std(ddof=1) / 20
        return mean**2 / spread**2 - stats.t.isf(0.025, effect.degrees_of_freedom[0]) ** 2

    ratio = paired.value[0]
    ends = optimize.brentq(excess, 0.9 * ratio, ratio) - 1, optimize.brentq(excess, ratio, 1.1 * ratio) - 1
    assert [x[0] for x in fieller_interval(control, treatment, 0.05, covariance=covariance)] == pytest.approx(ends, rel=1e-9)


@pytest.mark.parametrize(
    ("control", "treatment", "covariance", "words"),
    [
        ((5, 4), (6, 9), 6.001, "row 0: covariance 6.001, expected at most the product of the standard errors, 6"),
        ((5, 4), (6, 9), -6.001, "covariance -6.001"),
        ((5, 4), (6, 9), math.nan, "covariance nan"),
        ((5, 0), (6, 9), 1e-9, "the product of the standard errors, 0"),
    ],
)
def test_a_covariance_that_cannot_be_is_refused(
    control: tuple[float, float], treatment: tuple[float, float], covariance: float, words: str
) -> None:
    for call in (absolute_effect, relative_effect, lambda *sides, covariance: fieller_interval(*sides, 0.05, covariance=covariance)):
        for given_covariance in (covariance, [covariance]):
            with pytest.raises(CovarianceImpossible, match=words):
                call(estimates(*control), estimates(*treatment), covariance=given_covariance)


def test_the_row_of_an_impossible_covariance_is_named() -> None:
    side = estimates(5, 4).take([0, 0])
    with pytest.raises(CovarianceImpossible, match=r"^row 1: covariance 4\.1, expected at most the product of the standard errors, 4$"):
        absolute_effect(side, side, covariance=[1.0, 4.1])


def test_a_covariance_for_other_rows_is_refused() -> None:
    with pytest.raises(RowsMismatch, match=r"one for each of 1 rows, found an array of shape \(2,\)"):
        absolute_effect(TWO, TWO, covariance=[0.0, 0.0])


def test_rounding_of_a_covariance_at_its_bound_is_not_refused() -> None:
    effect = absolute_effect(estimates(5, 4), estimates(6, 4), covariance=4 * (1 + 1e-12))
    assert effect.reason.tolist() == ["no variation in either variant, so no test is possible"]
    assert effect.standard_error.tolist() == [0]
    relative = relative_effect(estimates(5, 4), estimates(5, 4), covariance=4 * (1 + 1e-12))
    assert relative.standard_error.tolist() == [0]
    assert absolute_effect(estimates(5, 0), estimates(6, 4), covariance=1e-14).reason.tolist() == [""]


def test_a_covariance_without_estimates_is_not_looked_at() -> None:
    effect = absolute_effect(ONE, TWO, covariance=[np.nan])
    assert effect.reason.tolist() == ["control: fewer than two units"]


def test_margin_and_direction_may_differ_by_row() -> None:
    effect = Effects(*(np.array([x, x]) for x in (0.1, 0.05, 100.0)), np.array(["", ""]))
    p = effect.one_sided_p_value([0.0, 0.2], ["increase", "decrease"])
    assert p == pytest.approx([stats.t.sf(2, 100)] * 2, rel=1e-9)


@pytest.mark.parametrize(
    ("margin", "direction", "words"),
    [(-0.1, "increase", "margin is -0.1"), (np.nan, "increase", "margin is nan"), (0.1, "up", "direction is 'up'")],
)
def test_a_margin_or_direction_without_meaning_is_refused(margin: float, direction: str, words: str) -> None:
    with pytest.raises(MarginInvalid, match=words):
        effects(1, 1, 9).one_sided_p_value(margin, direction)
    with pytest.raises(MarginInvalid, match=words):
        effects(1, 1, 9).harm_p_value(margin, direction)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 5, float("nan")])
def test_a_level_outside_its_range_is_refused(alpha: float) -> None:
    calls: list[Any] = [
        lambda: effects(1, 1, 9).interval(alpha),
        lambda: estimate(TWO).interval(alpha),
        lambda: relative_effect(TWO, TWO, alpha=alpha),
        lambda: fieller_interval(TWO, TWO, alpha),
    ]
    for call in calls:
        with pytest.raises(ProbabilityOutOfRange, match="expected a level strictly between 0 and 1"):
            call()


def test_rows_that_do_not_pair_are_refused() -> None:
    for call in (absolute_effect, relative_effect):
        with pytest.raises(RowsMismatch, match="found 1 and 2"):
            call(TWO, TWO.take([0, 0]))
    with pytest.raises(RowsMismatch, match=r"reason \(2,\)"):
        Effects(np.zeros(1), np.zeros(1), np.zeros(1), np.array(["", ""]))


def test_welch_and_delta_intervals_cover_as_often_as_they_say() -> None:
    """2,000 experiments of 60 couriers a side with unequal numbers of deliveries: 95 % ± 3 Monte-Carlo errors."""
    rng = np.random.default_rng(2026)
    runs, couriers = 2000, 60
    sides = []
    for level in (1800, 1980):
        deliveries = rng.integers(5, 40, (runs, couriers))
        seconds = np.rint(deliveries * rng.normal(level, 400, (runs, couriers))).astype(np.int64)
        sums = (seconds.sum(1), deliveries.sum(1), (seconds**2).sum(1), (seconds * deliveries).sum(1), (deliveries**2).sum(1))
        sides.append(Moments.from_sums([couriers] * runs, *(column.tolist() for column in sums)))
    for effect, truth in ((absolute_effect(*sides), 180.0), (relative_effect(*sides), 0.1)):
        low, high = effect.interval(0.05)
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / runs))


@pytest.mark.parametrize(
    ("covariance", "share"),
    [(0.0, 4 / 13), (1.0, 3 / 11), (-2.0, 6 / 17), (5.0, 0.0)],
    ids=["none", "positive", "negative", "more than a side's own variance"],
)
def test_degrees_of_freedom_weigh_what_is_not_in_common(covariance: float, share: float) -> None:
    control, treatment = Estimates([11], [5.0], [4.0], [10.0], [""]), Estimates([21], [6.0], [9.0], [20.0], [""])
    expected = 1 / (share**2 / 10 + (1 - share) ** 2 / 20)
    assert absolute_effect(control, treatment, covariance=covariance).degrees_of_freedom[0] == pytest.approx(expected, rel=1e-12)
    swapped = 1 / ((1 - share) ** 2 / 20 + share**2 / 10)
    assert absolute_effect(treatment, control, covariance=covariance).degrees_of_freedom[0] == pytest.approx(swapped, rel=1e-12)
