from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from splitmile.stats import (
    Adjustment,
    Effects,
    Moments,
    RowsMismatch,
    absolute_effect,
    estimate,
    post_stratify,
    relative_effect,
)

Unit = tuple[int, int, int, int]
"""Stratum, variant (1 is treated), numerator and denominator."""


def effect_of(a: Adjustment) -> Effects:
    return absolute_effect(a.control, a.treatment, covariance=a.covariance)


def sides_of(units: Sequence[Unit], strata: int) -> tuple[Moments, Moments]:
    table = np.array(units, dtype=np.int64).reshape(-1, 4)
    control, treatment = (
        Moments.from_units(side[:, 2], side[:, 3], group=side[:, 0], groups=strata) for side in (table[table[:, 1] == v] for v in (0, 1))
    )
    return control, treatment


def adjust(units: Sequence[Unit], strata: int) -> Adjustment:
    return post_stratify(*sides_of(units, strata), np.zeros(strata, dtype=int))


def assert_same(one: Adjustment, other: Adjustment) -> None:
    for side in ("control", "treatment"):
        for name in ("value", "variance", "degrees_of_freedom"):
            np.testing.assert_allclose(getattr(getattr(one, side), name), getattr(getattr(other, side), name), rtol=1e-9)
    scale = 1e-9 * np.nan_to_num(one.control.variance + one.treatment.variance).max(initial=0)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-9, atol=scale)
    np.testing.assert_allclose(one.variance_removed, other.variance_removed, rtol=1e-9, atol=1e-9)


def by_rows(units: Sequence[Unit]) -> dict[str, float]:
    """Values and variances from each unit: a weighted ratio, its residuals, and what the sampling of strata adds."""
    table = np.array(units, dtype=np.float64)
    stratum, variant, above, below = table.T
    strata, all_units = np.unique(stratum), len(table)
    share = {s: np.mean(stratum == s) for s in strata}
    found, means, noises, degrees = {}, [], [], []
    for v in (0, 1):
        n = {s: np.sum((stratum == s) & (variant == v)) for s in strata}
        rows = variant == v
        weight = np.array([share[s] / n[s] for s in stratum[rows]])
        level = np.sum(weight * below[rows])
        value = np.sum(weight * above[rows]) / level
        e = (above[rows] - value * below[rows]) / level
        parts = [(e[stratum[rows] == s], share[s]) for s in strata]
        noise = np.array([part.var(ddof=1) / part.size for part, _ in parts])
        terms = np.array([w**2 for _, w in parts]) * noise
        means.append(np.array([part.mean() for part, _ in parts]))
        noises.append(noise)
        found[f"value_{v}"] = value
        found[f"within_{v}"] = terms.sum()
        degrees.append(terms.sum() ** 2 / np.sum(terms**2 / (np.array([part.size for part, _ in parts]) - 1)))
    w = np.array(list(share.values()))

    def between(mean: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
        return max(0.0, float(np.sum(w * mean**2) - np.sum(w * (1 - w) * noise))) / all_units

    found["variance_0"] = found["within_0"] + between(means[0], noises[0])
    found["variance_1"] = found["within_1"] + between(means[1], noises[1])
    found["difference"] = found["within_0"] + found["within_1"] + between(means[1] - means[0], noises[0] + noises[1])
    return found | {"degrees_0": degrees[0], "degrees_1": degrees[1]}


def deliveries(seed: int, units: int, *, is_ratio: bool, uneven: float) -> list[Unit]:
    rng = np.random.default_rng(seed)
    stratum, variant = rng.integers(0, 4, units), rng.integers(0, 2, units)
    below = rng.integers(1, 20, units) if is_ratio else np.ones(units, dtype=int)
    above = np.rint(below * (200 + 60 * stratum + (10 + uneven * stratum) * variant + rng.normal(0, 15 + 20 * stratum, units))).astype(int)
    return list(zip(stratum.tolist(), variant.tolist(), above.tolist(), below.tolist(), strict=True))


@pytest.mark.parametrize("uneven", [0, 40])
@pytest.mark.parametrize("is_ratio", [False, True])
def test_agrees_with_the_rows(is_ratio: bool, uneven: float) -> None:
    units = deliveries(1, 160, is_ratio=is_ratio, uneven=uneven)
    expected, a = by_rows(units), adjust(units, 4)
    for v, side in enumerate((a.control, a.treatment)):
        assert side.value[0] == pytest.approx(expected[f"value_{v}"], rel=1e-12)
        assert side.variance[0] == pytest.approx(expected[f"variance_{v}"], rel=1e-9)
        assert side.degrees_of_freedom[0] == pytest.approx(expected[f"degrees_{v}"], rel=1e-9)
        assert side.n[0] == sum(unit[1] == v for unit in units)
    assert effect_of(a).standard_error[0] ** 2 == pytest.approx(expected["difference"], rel=1e-9)
    assert np.isnan(a.theta).all()
    plain = absolute_effect(*(Moments.from_units(*zip(*[u[2:] for u in units if u[1] == v], strict=True)) for v in (0, 1)))
    assert a.variance_removed[0] == pytest.approx(1 - expected["difference"] / plain.standard_error[0] ** 2, rel=1e-9)
    assert a.variance_removed[0] > 0.2


def test_a_mean_agrees_with_the_interacted_regression_of_statsmodels() -> None:
    """Lin (2013): the coefficient with dummies centred at the shares of all units, with HC2 errors, for given shares."""
    units = deliveries(2, 200, is_ratio=False, uneven=40)
    stratum, variant, above, _ = np.array(units, dtype=np.float64).T
    dummies = stratum[:, None] == [1, 2, 3]
    centred = dummies - dummies.mean(0)
    design = np.column_stack([np.ones(200), variant, centred, centred * variant[:, None]])
    fit = sm.OLS(above, design).fit(cov_type="HC2")
    a = adjust(units, 4)
    assert effect_of(a).estimate[0] == pytest.approx(fit.params[1], rel=1e-9)
    assert a.control.value[0] == pytest.approx(fit.params[0], rel=1e-9)
    expected = by_rows(units)
    assert expected["within_0"] + expected["within_1"] == pytest.approx(fit.bse[1] ** 2, rel=1e-9)
    assert effect_of(a).standard_error[0] > fit.bse[1], "an effect that differs by stratum depends on the sampled shares"


def test_the_same_effect_everywhere_leaves_exactly_hc2() -> None:
    units = [(s, v, 10 * s + 3 * v + d, 1) for s, v in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 1)) for d in (-2, 0, 1, 1)]
    stratum, variant, above, _ = np.array(units, dtype=np.float64).T
    centred = stratum - stratum.mean()
    fit = sm.OLS(above, np.column_stack([np.ones(20), variant, centred, centred * variant])).fit(cov_type="HC2")
    a = adjust(units, 2)
    assert effect_of(a).standard_error[0] == pytest.approx(fit.bse[1], rel=1e-12)
    assert a.treatment.degrees_of_freedom[0] == pytest.approx(by_rows(units)["degrees_1"], rel=1e-12)


@pytest.mark.parametrize("is_ratio", [False, True])
def test_levels_effects_and_their_covariance_vary_as_said(is_ratio: bool) -> None:
    """3,000 experiments of 240 sampled units whose effect differs by stratum: empirical variances and coverage."""
    rng = np.random.default_rng(2026)
    runs, n = 3000, 240
    shares, levels, effects, sizes = np.array([[0.4, 0.3, 0.2, 0.1], [20, 25, 30, 40], [-6, 0, 2, 12], [6, 4, 9, 12]])
    stratum = rng.choice(4, p=shares, size=(runs, n))
    is_treated = np.tile(np.arange(n) % 3 > 0, (runs, 1))
    below = rng.poisson(sizes[stratum] - 1) + 1 if is_ratio else np.ones(stratum.shape)
    above = below * (levels[stratum] + effects[stratum] * is_treated + rng.normal(0, 4, stratum.shape))
    group = 4 * np.arange(runs)[:, None] + stratum
    sides = [Moments.from_units(above[v], below[v], group=group[v], groups=4 * runs) for v in (~is_treated, is_treated)]
    a = post_stratify(*sides, np.repeat(np.arange(runs), 4))
    weight = shares * sizes if is_ratio else shares
    control, treatment = (np.sum(weight * level) / np.sum(weight) for level in (levels, levels + effects))
    effect, relative = effect_of(a), relative_effect(a.control, a.treatment, covariance=a.covariance)
    bound = 4 * math.sqrt(2 / runs)
    for values, variance in (
        (a.control.value, a.control.variance),
        (a.treatment.value, a.treatment.variance),
        (effect.estimate, effect.standard_error**2),
        (relative.estimate, relative.standard_error**2),
    ):
        assert values.var(ddof=1) == pytest.approx(variance.mean(), rel=bound)
    together = np.cov(a.control.value, a.treatment.value)[0, 1]
    assert together == pytest.approx(a.covariance.mean(), rel=2 * bound)
    for found, truth in ((effect, treatment - control), (relative, treatment / control - 1)):
        low, high = found.interval(0.05)
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / runs))


def test_one_stratum_is_the_plain_estimate() -> None:
    units = [(0, *unit[1:]) for unit in deliveries(3, 30, is_ratio=True, uneven=0)]
    a, (control, treatment) = adjust(units, 1), sides_of(units, 1)
    for side, plain in ((a.control, estimate(control)), (a.treatment, estimate(treatment))):
        for name in ("n", "value", "variance", "degrees_of_freedom"):
            np.testing.assert_allclose(getattr(side, name), getattr(plain, name), rtol=1e-12)
    assert [a.covariance[0], a.variance_removed[0]] == pytest.approx([0, 0], abs=1e-9)


def test_comparisons_stand_side_by_side_in_any_order() -> None:
    tables = [deliveries(seed, 60, is_ratio=True, uneven=9) for seed in (4, 5, 6)]
    sides = [sides_of([(4 * k + s, *rest) for k, table in enumerate(tables) for s, *rest in table], 12)[v] for v in (0, 1)]
    order = np.random.default_rng(7).permutation(12)
    together = post_stratify(*(side.take(order) for side in sides), order // 4)
    for k, table in enumerate(tables):
        alone = adjust(table, 4)
        for name in ("value", "variance", "degrees_of_freedom"):
            assert getattr(together.treatment, name)[k] == pytest.approx(getattr(alone.treatment, name)[0], rel=1e-9)
        assert effect_of(together).standard_error[k] == pytest.approx(effect_of(alone).standard_error[0], rel=1e-9)
    assert len(together) == 3


def test_a_stratum_that_is_empty_in_a_variant_joins_the_largest() -> None:
    units = [u for u in deliveries(8, 90, is_ratio=True, uneven=9) if u[0] < 3]
    sizes = np.bincount([u[0] for u in units])
    assert len(set(sizes)) == 3, "or the largest is not unique"
    largest = int(np.argmax(sizes))
    extra: list[Unit] = [(3, 0, 700, 2), (3, 0, 500, 3), (4, 1, 90, 1)]
    expected = adjust([*units, *((largest, *rest) for _, *rest in extra)], 3)  # type: ignore[list-item]
    assert_same(adjust([*units, *extra], 6), expected)
    crowd: list[Unit] = [(3, 0, 700 + i, 2) for i in range(99)]  # most units, yet empty in the treatment
    assert_same(adjust([*units, *crowd], 4), adjust([*units, *((largest, *rest) for _, *rest in crowd)], 3))  # type: ignore[list-item]


def test_of_equally_large_strata_the_first_takes_the_empty_ones() -> None:
    twins: list[Unit] = [(s, v, 10 * s + d * d, 1) for s in (0, 1, 2) for v in (0, 1) for d in (1, 2, 3 + s)]
    a = adjust([*twins, (3, 0, 90, 1)], 4)
    assert_same(a, adjust([*twins, (0, 0, 90, 1)], 3))


def test_strata_that_are_all_empty_in_a_variant_become_one() -> None:
    units: list[Unit] = [(0, 0, 4, 1), (0, 0, 9, 1), (1, 1, 5, 1), (1, 1, 6, 1), (1, 1, 1, 1)]
    assert_same(adjust(units, 2), adjust([(0, *u[1:]) for u in units], 1))


def test_a_lone_unit_takes_the_mean_square_of_its_variant() -> None:
    pairs: list[Unit] = [(s, v, 20 * s + 5 * v + d, 1) for s in (0, 1) for v in (0, 1) for d in (0, 4, 8, 8 + s)]
    a = adjust([*pairs, (2, 0, 50, 1), (2, 1, 48, 1), (2, 1, 60, 1)], 3)
    squares = [np.var([0, 4, 8, 8], ddof=1), np.var([0, 4, 8, 9], ddof=1)]
    w = np.array([8, 8, 3]) / 19
    terms = w**2 * [squares[0] / 4, squares[1] / 4, np.mean(squares)]
    values = np.array([[5.0, 25.25, 50.0], [10.0, 30.25, 54.0]])
    gap = values[1] - values[0]
    noise = [2 * squares[0] / 4, 2 * squares[1] / 4, np.mean(squares) + 72 / 2]
    uneven = np.sum(w * gap**2) - np.sum(w * gap) ** 2 - np.sum(w * (1 - w) * noise)
    of_treatment = w[0] ** 2 * squares[0] / 4 + w[1] ** 2 * squares[1] / 4 + w[2] ** 2 * 72 / 2
    assert a.control.value[0] == pytest.approx(np.sum(w * values[0]), rel=1e-12)
    assert effect_of(a).standard_error[0] ** 2 == pytest.approx(terms.sum() + of_treatment + max(uneven, 0) / 19, rel=1e-9)
    on_squares = [w[0] ** 2 / 4 + w[2] ** 2 / 2, w[1] ** 2 / 4 + w[2] ** 2 / 2]  # half of the mean of both is lent by each
    leaning = np.multiply(on_squares, squares)
    assert a.control.degrees_of_freedom[0] == pytest.approx(terms.sum() ** 2 / np.sum(leaning**2 / 3), rel=1e-9)
    of_each = np.array([w[0] ** 2 * squares[0] / 4, w[1] ** 2 * squares[1] / 4, w[2] ** 2 * 36])
    assert a.treatment.degrees_of_freedom[0] == pytest.approx(of_each.sum() ** 2 / np.sum(of_each**2 / [3, 3, 1]), rel=1e-9)


def test_strata_of_lone_units_only_leave_the_plain_estimates() -> None:
    units: list[Unit] = [(s, v, 3 * s + v + s * s * v, 1) for s in range(4) for v in (0, 1)]
    a, plain = adjust(units, 4), adjust([(0, *u[1:]) for u in units], 1)
    assert_same(a, plain)
    assert [a.covariance[0], a.variance_removed[0]] == [0, 0]


def test_units_that_differ_by_stratum_alone_leave_a_fact_without_inference() -> None:
    units: list[Unit] = [(s, v, 10 * s + 2 * v, 1) for s in (0, 1, 1) for v in (0, 1) for _ in range(3)]
    a = adjust(units, 2)
    effect = effect_of(a)
    assert effect.estimate[0] == pytest.approx(2, rel=1e-12)
    assert effect.standard_error.tolist() == [0]
    assert "no variation" in effect.reason[0]
    assert a.variance_removed.tolist() == [1]
    assert a.control.variance[0] == pytest.approx((1 / 3 * (20 / 3) ** 2 + 2 / 3 * (10 / 3) ** 2) / 18, rel=1e-12)
    assert a.control.degrees_of_freedom.tolist() == [7]  # 9 units less 2 strata


def test_where_nothing_varies_nothing_is_removed() -> None:
    assert adjust([(s, v, 7, 1) for s in (0, 1) for v in (0, 1) for _ in range(3)], 2).variance_removed.tolist() == [0]


def test_a_unit_of_measure_with_thirds_leaves_no_false_variance() -> None:
    control, treatment = (Moments.from_units([x + g for x in (0.1, 0.1, 0.7, 0.7)], group=[0, 0, 1, 1], groups=2) for g in (0, 0.2))
    assert effect_of(post_stratify(control, treatment, [0, 0])).standard_error.tolist() == [0]


@pytest.mark.parametrize(
    ("units", "reasons"),
    [
        ([], ("fewer than two units", "fewer than two units")),
        ([(0, 0, 1, 1), (0, 1, 3, 1), (1, 1, 2, 1)], ("fewer than two units", "")),
        ([(0, 0, 1, 0), (0, 0, 3, 0), (1, 0, 3, 0), (0, 1, 2, 1), (0, 1, 3, 1), (1, 1, 4, 1)], ("the denominator is zero", "")),
    ],
)
def test_no_estimate_has_a_reason_and_the_other_side_stays(units: list[Unit], reasons: tuple[str, str]) -> None:
    a = adjust(units, 2)
    assert (a.control.reason[0], a.treatment.reason[0]) == reasons
    assert np.isnan([a.control.value, a.control.variance, a.control.degrees_of_freedom, a.variance_removed]).all()
    assert a.covariance.tolist() == [0]
    if reasons[1] == "":
        plain = estimate(sides_of([(0, *u[1:]) for u in units], 1)[1])
        assert [a.treatment.value[0], a.treatment.variance[0]] == pytest.approx([plain.value[0], plain.variance[0]], rel=1e-12)


def test_a_fault_in_a_stratum_is_one_of_its_comparison() -> None:
    good = Moments.from_units([1, 2, 4, 8, 9, 3], group=[0, 0, 1, 1, 2, 2], groups=3)
    sums = [[4, 2, 2, 2], [12, 3, 3, 3], [4, 2, 2, 2], [60, 1, 2, 5], [12, 3, 3, 3], [4, 2, 2, 2]]
    bad = Moments.from_sums(*sums, keep_faulty=True)  # the second and third of four rows cannot be
    assert [bool(fault) for fault in bad.fault] == [False, True, True, False]
    control = Moments(*(np.append(getattr(good, name), getattr(good, name)[0]) for name in Moments.__slots__))
    a = post_stratify(control, bad, [0, 0, 0, 1])
    assert a.treatment.reason.tolist() == [bad.fault[1], ""]
    assert a.control.reason.tolist() == ["", ""]
    assert a.control.value.tolist() == [4.5, 1.5]
    assert np.isnan(a.treatment.value).tolist() == [True, False]


def test_a_comparison_without_strata_has_no_units() -> None:
    control, treatment = sides_of(deliveries(9, 40, is_ratio=False, uneven=0), 4)
    a = post_stratify(control, treatment, [0, 2, 0, 2])
    assert a.control.reason.tolist() == ["", "fewer than two units", ""]
    nobody = Moments.from_units([], groups=0)
    assert len(post_stratify(nobody, nobody, [])) == 0


rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 400), st.integers(1, 9)), max_size=40)


@settings(deadline=None, max_examples=150)
@given(rows, st.integers(2, 50), st.booleans())
def test_what_changes_nothing(units: list[Unit], factor: int, is_mean: bool) -> None:
    """Names of the variants and the unit of measure; and what comes out is always one that units can have."""
    units = [(s, v, above, 1 if is_mean else below) for s, v, above, below in units]
    a = adjust(units, 4)
    effect = effect_of(a)  # refuses an impossible covariance
    back = adjust([(s, 1 - v, above, below) for s, v, above, below in units], 4)
    scaled = adjust([(s, v, factor * above, below) for s, v, above, below in units], 4)
    level = 1 + np.nan_to_num(np.abs(a.control.value) + np.abs(a.treatment.value))[0]
    assert effect_of(back).estimate == pytest.approx(-effect.estimate, abs=1e-9 * level, nan_ok=True)
    assert effect_of(back).standard_error == pytest.approx(effect.standard_error, rel=1e-6, abs=1e-7 * level, nan_ok=True)
    assert effect_of(scaled).estimate == pytest.approx(factor * effect.estimate, abs=1e-9 * factor * level, nan_ok=True)
    assert effect_of(scaled).standard_error == pytest.approx(
        factor * effect.standard_error, rel=1e-6, abs=1e-7 * factor * level, nan_ok=True
    )
    if effect.reason[0] == "":
        assert 0 < a.control.degrees_of_freedom[0] <= a.control.n[0] - 1
        assert a.variance_removed[0] <= 1


@pytest.mark.parametrize("comparison", [[0, 0, 0], [[0, 0, 0, 0]], [0, 0, 0, -1], [0, 0, 0, 0.5], ["a"] * 4])
def test_strata_without_their_comparison_are_refused(comparison: list[int]) -> None:
    sides = sides_of(deliveries(9, 40, is_ratio=False, uneven=0), 4)
    with pytest.raises(RowsMismatch, match="comparison"):
        post_stratify(*sides, comparison)
    with pytest.raises(RowsMismatch, match="treatment"):
        post_stratify(sides[0], sides[1].take([0]), [0, 0, 0, 0])
    with pytest.raises(RowsMismatch, match="control"):
        post_stratify(sides[0].take([0]), sides[1], [0, 0, 0, 0])
