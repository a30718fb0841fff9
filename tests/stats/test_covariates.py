from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmile.stats import CovariateMoments, ImpossibleMoments, Moments, RowsMismatch, UnitsInvalid
from stats.covariate_rows import Units, covariate_moments_of, sums_of

CROSS = ("c_numerator_numerator", "c_numerator_denominator", "c_denominator_numerator", "c_denominator_denominator")
GOOD: Units = [(1, 2, 3, 4), (5, 3, 1, 2), (2, 9, 4, 4), (8, 1, 0, 7), (3, 3, 3, 1)]
units = st.lists(st.tuples(*[st.integers(-(10**6), 10**6)] * 4), max_size=9)


def rows_of(*tables: Units) -> CovariateMoments:
    """One row a table."""
    sums = [sums_of(table) for table in tables]
    return CovariateMoments.from_sums(**{name: [row[name][0] for row in sums] for name in sums[0]})


def test_comoments_agree_with_numpy_on_the_rows() -> None:
    rng = np.random.default_rng(1)
    table = rng.poisson((9000, 30, 8000, 25), (400, 4)) + rng.poisson(500, (400, 1))
    moments = covariate_moments_of(table.tolist())
    np.testing.assert_allclose(moments.comoments[0], np.cov(table.T) * 399, rtol=1e-11)
    assert [getattr(moments, name)[0] for name in CROSS] == [moments.comoments[0][i, j] for i in (0, 1) for j in (2, 3)]
    assert [moments.metric.n[0], moments.covariate.n[0], len(moments)] == [400, 400, 1]
    means = [getattr(side, f"mean_{part}")[0] for side in (moments.metric, moments.covariate) for part in ("numerator", "denominator")]
    assert means == pytest.approx(table.mean(0), rel=1e-14)


def test_products_beside_a_large_mean_keep_their_digits() -> None:
    level = 10**15
    moments = covariate_moments_of([(level + n, 1, level + x, 1) for n, x in ((0, 3), (1, 5), (5, 4))])
    assert moments.c_numerator_numerator.tolist() == [1.0]  # deviations −2, −1, 3 and −1, 1, 0
    in_tenths = CovariateMoments.from_units([1e7 + 0.1, 1e7 - 0.1], None, [2e7 + 0.3, 2e7 - 0.3], None)
    assert in_tenths.c_numerator_numerator[0] == pytest.approx(0.06, rel=1e-7)


@settings(deadline=None)
@given(units, units)
def test_units_sums_and_merges_are_one(a: Units, b: Units) -> None:
    whole = covariate_moments_of([*a, *b])
    table = np.array([*a, *b], dtype=np.float64).reshape(-1, 4).T
    from_units = CovariateMoments.from_units(*table)
    bound = np.sqrt(np.einsum("kii,kjj->kij", whole.comoments, whole.comoments)) + 1e-6
    for other in (covariate_moments_of(a) + covariate_moments_of(b), covariate_moments_of(b) + covariate_moments_of(a), from_units):
        assert np.all(np.abs(other.comoments - whole.comoments) <= 1e-9 * bound)
        assert other.metric.n.tolist() == other.covariate.n.tolist() == [len(a) + len(b)]


def test_groups_of_units_are_rows() -> None:
    table = np.array(GOOD, dtype=np.float64)
    moments = CovariateMoments.from_units(*table.T, group=[2, 0, 2, 0, 2], groups=3)
    assert moments.metric.n.tolist() == [2, 0, 3]
    np.testing.assert_allclose(moments.comoments[2], np.cov(table[[0, 2, 4]].T) * 2, rtol=1e-12)
    everyone = CovariateMoments.from_units(table[:, 0], None, table[:, 2], None)
    assert [side.mean_denominator[0] for side in (everyone.metric, everyone.covariate)] == [1, 1]
    assert len(CovariateMoments.from_units([], [], [], [])) == 1


def test_take_repeats_and_reorders_rows() -> None:
    moments = rows_of(GOOD, GOOD[:3], []).take([2, 1, 1])
    assert moments.metric.n.tolist() == moments.covariate.n.tolist() == [0, 3, 3]
    np.testing.assert_array_equal(moments.comoments[1:], rows_of(GOOD[:3], GOOD[:3]).comoments)
    assert len(moments.take([])) == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n", 4.0, "type float"),
        ("sum_numerator_squared", 1, "a variance is negative"),
        ("sum_covariate_numerator_squared", 1, "covariate: a variance is negative"),
        ("sum_covariate_numerator_denominator", 10**6, "covariate: ΣND"),
        ("sum_numerator_covariate_numerator", 10**6, "no units can have"),
        ("sum_denominator_covariate_denominator", -(10**700), "no units can have"),
        ("sum_denominator_covariate_denominator", 10**700, "no units can have"),
    ],
)
def test_impossible_sums_are_refused_or_kept_as_a_fault(name: str, value: Any, words: str) -> None:
    good, bad = sums_of(GOOD), sums_of(GOOD)
    bad[name] = [value]
    both = {key: [good[key][0], bad[key][0]] for key in good}
    with pytest.raises(ImpossibleMoments, match=f"row 1: .*{words}"):
        CovariateMoments.from_sums(**both)
    kept = CovariateMoments.from_sums(**both, keep_faulty=True)
    assert kept.metric.fault[0] == kept.covariate.fault[0] == ""
    assert kept.metric.fault[1] == kept.covariate.fault[1]
    assert words in kept.metric.fault[1]
    assert not np.any([kept.metric.n[1], kept.covariate.n[1], *kept.comoments[1].ravel()])
    np.testing.assert_array_equal(kept.comoments[0], covariate_moments_of(GOOD).comoments[0])
    merged = kept + kept.take([1, 0])
    assert [bool(fault) for fault in merged.metric.fault] == [True, True]


def test_the_first_fault_of_a_row_and_the_first_row_are_named() -> None:
    bad = [sums_of(GOOD), sums_of(GOOD)]
    bad[0]["sum_numerator_covariate_numerator"] = [10**6]
    bad[1]["sum_numerator_squared"] = bad[1]["sum_covariate_numerator_squared"] = [1]
    both = {key: [row[key][0] for row in bad] for key in bad[0]}
    with pytest.raises(ImpossibleMoments, match="row 0: no units can have"):
        CovariateMoments.from_sums(**both)
    assert "impossible sums: a variance" in CovariateMoments.from_sums(**both, keep_faulty=True).metric.fault[1]


def test_correlations_that_only_together_are_impossible_are_refused() -> None:
    """Pairwise correlations of 0.9, 0.9 and −0.9 each keep the Cauchy-Schwarz bound."""
    one, zero, ten = np.ones(1), np.zeros(1), np.array([10])
    metric = Moments(ten, zero, zero, one, one, 0.9 * one)
    covariate = Moments(ten, zero, zero, one, one, zero)
    with pytest.raises(ImpossibleMoments, match="row 0: no units can have"):
        CovariateMoments(metric, covariate, 0.9 * one, zero, -0.9 * one, zero)
    assert CovariateMoments(metric, covariate, 0.9 * one, zero, 0.9 * one, zero).c_numerator_numerator[0] == 0.9


@pytest.mark.parametrize("excess", [1e-12, 1e-6])
def test_only_rounding_may_exceed_the_bound(excess: float) -> None:
    one, zero, ten = np.ones(1), np.zeros(1), np.array([10])
    side = Moments(ten, zero, zero, 1e-200 * one, zero, zero)
    cross = (1e-200 * one * (1 + excess), zero, zero, zero)
    if excess < 1e-9:
        assert len(CovariateMoments(side, side, *cross)) == 1
    else:
        with pytest.raises(ImpossibleMoments, match="no units can have"):
            CovariateMoments(side, side, *cross)


def test_a_product_far_beyond_its_bound_is_refused_by_name() -> None:
    one, zero, ten = np.ones(1), np.zeros(1), np.array([10])
    side = Moments(ten, zero, zero, 1e-300 * one, zero, zero)
    with pytest.raises(ImpossibleMoments, match="no units can have"):
        CovariateMoments(side, side, 1e200 * one, zero, zero, zero)


@pytest.mark.parametrize("name", CROSS)
def test_a_product_without_a_spread_or_without_a_value_is_refused(name: str) -> None:
    zero = np.zeros(2)
    side = Moments(np.array([10, 10]), zero, zero, zero, zero, zero)
    cross = dict.fromkeys(CROSS, zero)
    with pytest.raises(ImpossibleMoments, match="row 1: no units can have"):
        CovariateMoments(side, side, **cross | {name: np.array([0, 1e-9])})
    varied = Moments(np.array([10, 10]), zero, zero, zero + 1, zero + 1, zero)
    for metric, covariate in ((varied, side), (side, varied)):
        with pytest.raises(ImpossibleMoments, match="row 1: no units can have"):
            CovariateMoments(metric, covariate, **cross | {name: np.array([0, 1e-6])})
    with pytest.raises(ImpossibleMoments, match=f"row 1: {name} is not finite"):
        CovariateMoments(side, side, **cross | {name: np.array([0, np.nan])})
    with pytest.raises(RowsMismatch, match=rf"{name} \(3,\)"):
        CovariateMoments(side, side, **cross | {name: np.zeros(3)})


def test_metric_and_covariate_count_the_same_units() -> None:
    good = covariate_moments_of(GOOD)
    cross = [getattr(good, name) for name in CROSS]
    with pytest.raises(ImpossibleMoments, match="row 0: metric and covariate do not count the same units;"):
        CovariateMoments(good.metric, covariate_moments_of(GOOD[:4]).covariate, *cross)
    empty = Moments.from_units([])
    faulty = Moments(*(np.zeros(1),) * 6, fault=np.array(["broken"]))  # type: ignore[arg-type]
    with pytest.raises(ImpossibleMoments, match="do not count the same units"):
        CovariateMoments(empty, faulty, *[np.zeros(1)] * 4)
    with pytest.raises(RowsMismatch, match=r"covariate \(2,\)"):
        CovariateMoments(good.metric, good.covariate.take([0, 0]), *cross)
    with pytest.raises(RowsMismatch, match=r"metric \(2,\)"):
        CovariateMoments(good.metric.take([0, 0]), good.covariate, *cross)


def test_units_that_do_not_pair_or_are_no_numbers_are_refused() -> None:
    with pytest.raises(RowsMismatch, match=r"covariate_numerator \(1,\)"):
        CovariateMoments.from_units([1, 2], None, [1], None)
    with pytest.raises(RowsMismatch):
        CovariateMoments.from_units([1, 2], None, [1, 2], [1])
    with pytest.raises(UnitsInvalid, match="unit 1: covariate_denominator"):
        CovariateMoments.from_units([1, 2], None, [1, 2], [1, np.nan])
    with pytest.raises(UnitsInvalid, match="unit 1: numerator"):
        CovariateMoments.from_units([1, np.inf], None, [1, 2], None)
    with pytest.raises(UnitsInvalid, match="unit 1: denominator"):
        CovariateMoments.from_units([1, 2], [1, np.inf], [1, 2], None)
    with pytest.raises(UnitsInvalid, match="unit 1: covariate_numerator"):
        CovariateMoments.from_units([1, 2], None, [1, np.inf], None)


def test_moments_cannot_be_changed_and_do_not_alias_their_input() -> None:
    good = covariate_moments_of(GOOD)
    given = {name: getattr(good, name).copy() for name in CROSS}
    moments = CovariateMoments(good.metric, good.covariate, **given)
    for name in CROSS:
        given[name][0] = 99
        assert getattr(moments, name)[0] != 99
        with pytest.raises(ValueError, match="read-only"):
            getattr(moments, name)[0] = 0
