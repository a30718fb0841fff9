from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.datasets import grunfeld

from splitmile.stats import Estimates, ImpossibleMoments, Moments, ProbabilityOutOfRange, RowsMismatch, absolute_effect, estimate
from splitmile.stats.clusters import RegressionInvalid, clustered_estimates, cr2
from stats.clustered_rows import r_normals, sandwich
from stats.unit_rows import moments_of

pytestmark = pytest.mark.filterwarnings("error")


def design_of(rng: np.random.Generator, sizes: list[int], treated: list[int], rows_vary: bool = False) -> tuple[Any, Any, Any]:
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    arm = rng.integers(0, 2, cluster.size) if rows_vary else np.isin(cluster, treated)
    x = np.column_stack((np.ones(cluster.size), arm, rng.normal(size=cluster.size)))
    return x, rng.normal(size=cluster.size) + rng.normal(size=len(sizes))[cluster] + 3, cluster


def test_the_plain_formulas_of_these_tests_give_stata_s_clustered_errors_for_the_grunfeld_data() -> None:
    rows = grunfeld.data.load_pandas().data
    rows = rows[rows["firm"] != "American Steel"]
    x = np.column_stack((rows[["value", "capital"]].to_numpy(), np.ones(len(rows))))
    expected = [(0.11556215606596, 0.01589433647768), (0.23067848754982, 0.08496711097464), (-42.714369016733, 20.425202580078)]
    for coefficient, (slope, error) in enumerate(expected):
        theirs = sandwich(x, rows["invest"], rows["firm"], coefficient, "CR1")
        assert [theirs.estimate, theirs.standard_error] == pytest.approx([slope, error], rel=1e-7)
        plain = sandwich(x, rows["invest"], rows["firm"], coefficient, "CR2")
        ours = cr2(x, rows["invest"], rows["firm"].to_numpy(dtype=str), coefficient=coefficient)
        assert ours.estimate == pytest.approx(slope, rel=1e-7)
        assert ours.standard_error == pytest.approx(plain.standard_error, rel=1e-9)
        assert ours.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-7)
        assert ours.clusters == 10


@pytest.mark.parametrize(
    ("treated", "per_cluster", "coefficient", "published"),
    [
        (3, [1] * 1000, 0, (0.00266, 0.031, 996.00, 0.932)),
        (3, [1] * 1000, 1, (0.12940, 1.088, 2.01, 0.916)),
        (150, [50] * 10 + [500], 0, (-0.0236, 0.0169, 2.42, 0.2766)),
        (150, [50] * 10 + [500], 1, (0.1778, 0.0621, 2.70, 0.0731)),
    ],
)
def test_published_example_of_the_dfadjust_package(
    treated: int, per_cluster: list[int], coefficient: int, published: tuple[float, float, float, float]
) -> None:
    """Bell–McCaffrey figures of the vignette of Imbens and Kolesár's R package, on the same random numbers."""
    (outcome,) = r_normals(7, 1000)
    x = np.column_stack((np.ones(1000), np.arange(1000) < treated))
    effect = cr2(x, outcome, np.repeat(np.arange(len(per_cluster)), per_cluster), coefficient=coefficient)
    found = (effect.estimate, effect.standard_error, effect.degrees_of_freedom, effect.p_value())
    assert found == pytest.approx(published, rel=3e-3, abs=5e-5)


def test_stata_s_hc2_where_every_row_is_a_cluster() -> None:
    """y = cos(0…9), tan(1…10) on x = sin(1…10), sin(2…11): Stata's `vce(hc2)`, as quoted in the tests of dfadjust."""
    y = np.concatenate((np.cos(np.arange(10)), np.tan(np.arange(1, 11))))
    x = np.column_stack((np.ones(20), np.concatenate((np.sin(np.arange(1, 11)), np.sin(np.arange(2, 12))))))
    found = [cr2(x, y, np.arange(20), coefficient=k).standard_error for k in (0, 1)]
    assert found == pytest.approx([0.4227339762, 0.4421048122], rel=1e-9)


def test_degrees_of_freedom_of_imbens_and_kolesar() -> None:
    """Three treated rows of thirty: their table gives 2.5, their formula N²(N₀ − 1)(N₁ − 1)/(N₁²(N₁ − 1) + N₀²(N₀ − 1))."""
    x = np.column_stack((np.ones(30), np.arange(30) < 3))
    freedom = cr2(x, np.arange(30) ** 2 % 17, np.arange(30), coefficient=1).degrees_of_freedom
    assert freedom == pytest.approx(900 * 2 * 26 / (27**2 * 26 + 9 * 2), rel=1e-9)
    assert round(freedom, 1) == 2.5


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 9), min_size=5, max_size=9), st.booleans())
def test_cr2_equals_the_matrix_formulas(seed: int, sizes: list[int], rows_vary: bool) -> None:
    x, y, cluster = design_of(np.random.default_rng(seed), [*sizes, 4, 5], [0, 2, 4], rows_vary)
    ours, plain = cr2(x, y, cluster, coefficient=1), sandwich(x, y, cluster, 1, "CR2")
    if ours.reason:
        return
    assert ours.estimate == pytest.approx(plain.estimate, rel=1e-7, abs=1e-9)
    assert ours.standard_error == pytest.approx(plain.standard_error, rel=1e-6)
    assert ours.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-6)


def test_fixed_effects_that_a_cluster_fits_exactly_take_no_part() -> None:
    """Dummies of the clusters themselves make I − H singular: the Moore–Penrose inverse leaves that direction out."""
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(6), [3, 5, 4, 8, 6, 2])
    arm = rng.integers(0, 2, cluster.size)
    arm[[0, 1, 3, 4, -1, -2]] = [0, 1, 0, 1, 0, 1]
    y = rng.normal(size=cluster.size) + cluster
    dummies = (cluster[:, None] == np.arange(6)).astype(float)
    x = np.column_stack((arm, dummies, np.ones(cluster.size)))  # the constant is one column too many, and does no harm
    ours, plain = cr2(x, y, cluster, coefficient=0), sandwich(x, y, cluster, 0, "CR2")
    found = (ours.estimate, ours.standard_error, ours.degrees_of_freedom)
    assert found == pytest.approx((plain.estimate, plain.standard_error, plain.degrees_of_freedom), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=2, max_size=8), st.lists(st.integers(1, 40), min_size=2, max_size=8))
def test_the_closed_form_equals_the_row_level_regression(seed: int, control: list[int], treatment: list[int]) -> None:
    rng = np.random.default_rng(seed)
    sizes = [*control, *treatment]
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    arm = (cluster >= len(control)).astype(float)
    y = rng.normal(50, 1, cluster.size) + rng.normal(0, 5, len(sizes))[cluster]
    group = np.repeat([0, 1], [len(control), len(treatment)])
    sides = clustered_estimates(np.bincount(cluster, y), sizes, group=group, groups=2)
    dummies = np.column_stack((1 - arm, arm))
    for row in (0, 1):
        regression = cr2(dummies, y, cluster, coefficient=row)
        assert sides.value[row] == pytest.approx(regression.estimate, rel=1e-9)
        assert sides.standard_error[row] == pytest.approx(regression.standard_error, rel=1e-6)
        assert sides.degrees_of_freedom[row] == pytest.approx(regression.degrees_of_freedom, rel=1e-6)
    difference = absolute_effect(side(sides, 0), side(sides, 1))
    regression = cr2(np.column_stack((np.ones_like(arm), arm)), y, cluster, coefficient=1)
    assert difference.estimate[0] == pytest.approx(regression.estimate, rel=1e-7, abs=1e-9)
    assert difference.standard_error[0] == pytest.approx(regression.standard_error, rel=1e-6)
    # Bell and McCaffrey weigh the arms by 1/ΣD, the working model's variances; Welch and Satterthwaite by the estimated ones.
    weights, freedoms = 1 / np.array([sum(control), sum(treatment)]), sides.degrees_of_freedom
    assert regression.degrees_of_freedom == pytest.approx(weights.sum() ** 2 / np.sum(weights**2 / freedoms), rel=1e-6)
    shares = sides.variance / sides.variance.sum()
    assert difference.degrees_of_freedom[0] == pytest.approx(1 / np.sum(shares**2 / freedoms), rel=1e-9)


def side(estimates: Estimates, row: int) -> Estimates:
    return Estimates(*(getattr(estimates, name)[[row]] for name in Estimates.__slots__))


def test_equal_clusters_are_the_t_test_of_their_means() -> None:
    rng = np.random.default_rng(6)
    numerators = [rng.normal(100, 10, 6) * 4, rng.normal(90, 20, 9) * 4]
    both = clustered_estimates(np.concatenate(numerators), np.full(15, 4), group=[0] * 6 + [1] * 9, groups=2)
    effect = absolute_effect(side(both, 0), side(both, 1))
    theirs = stats.ttest_ind(numerators[1] / 4, numerators[0] / 4, equal_var=False)
    assert effect.p_value()[0] == pytest.approx(theirs.pvalue, rel=1e-10)
    assert effect.degrees_of_freedom[0] == pytest.approx(theirs.df, rel=1e-10)
    assert both.n.tolist() == [6, 9]


def test_one_row_a_cluster_is_the_estimate_from_moments() -> None:
    values = [3, 5, 9, 1, 4]
    ours, plain = clustered_estimates(values, np.ones(5), group=np.zeros(5, int), groups=1), estimate(moments_of(values))
    for name in ("n", "value", "variance", "degrees_of_freedom"):
        assert getattr(ours, name) == pytest.approx(getattr(plain, name), rel=1e-12)


def test_many_equal_enough_clusters_come_close_to_the_delta_method() -> None:
    rng = np.random.default_rng(8)
    below = rng.integers(20, 30, 4000)
    above = np.rint(below * rng.normal(1800, 300, 4000))
    ours = clustered_estimates(above, below, group=np.zeros(4000, int), groups=1)
    moments: Moments = moments_of(above.astype(int).tolist(), below.tolist())
    assert ours.variance[0] == pytest.approx(estimate(moments).variance[0], rel=1e-3)
    assert ours.degrees_of_freedom[0] == pytest.approx(3999 * below.mean() ** 2 / (below**2).mean(), rel=1e-2)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 50))
def test_units_of_measure_and_the_order_of_clusters_do_not_matter(seed: int, factor: int) -> None:
    rng = np.random.default_rng(seed)
    above, below, group = rng.normal(100, 30, 12), rng.integers(1, 20, 12), np.arange(12) % 3
    plain, order = clustered_estimates(above, below, group=group, groups=3), rng.permutation(12)
    scaled = clustered_estimates(above[order] * factor, below[order], group=group[order], groups=3)
    assert scaled.value == pytest.approx(plain.value * factor, rel=1e-9)
    assert scaled.variance == pytest.approx(plain.variance * factor**2, rel=1e-6)
    assert scaled.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-9)


def test_variants_without_enough_clusters_have_a_reason() -> None:
    groups = {
        "fewer than two clusters": ([5], [2]),
        "the denominator is zero": ([5, 3], [0, 0]),
        "fewer than two clusters have a denominator": ([5, 3], [2, 0]),
        "": ([5, 3, 1], [2, 1, 0]),
    }
    above, below = (np.concatenate([pair[k] for pair in groups.values()]) for k in (0, 1))
    group = np.repeat(range(4), [len(pair[0]) for pair in groups.values()])
    result = clustered_estimates(above, below, group=group, groups=5)
    assert result.reason.tolist() == [*groups, "fewer than two clusters"]
    assert result.n.tolist() == [1, 2, 2, 3, 0]
    for name in ("value", "variance", "degrees_of_freedom"):
        assert np.isnan(getattr(result, name)).tolist() == [True, True, True, False, True]
    assert absolute_effect(side(result, 3), side(result, 0)).reason.tolist() == ["treatment: fewer than two clusters"]


def test_clusters_that_agree_leave_no_variance() -> None:
    result = clustered_estimates([0.1 * k for k in (1, 3, 7)], [1, 3, 7], group=[0, 0, 0], groups=1)
    assert result.variance.tolist() == [0]


@pytest.mark.parametrize(("above", "below", "words"), [([1, np.nan], [1, 1], "numerator nan"), ([1, 1], [1, -2], "denominator -2")])
def test_impossible_clusters_are_refused(above: list[float], below: list[float], words: str) -> None:
    with pytest.raises(ImpossibleMoments, match=words) as error:
        clustered_estimates(above, below, group=[0, 1], groups=2)
    assert error.value.row == 1


@pytest.mark.parametrize("group", [[0, 2], [-1, 0], [0.0, 1.0], [0]])
def test_groups_that_are_no_variants_are_refused(group: list[float]) -> None:
    with pytest.raises(RowsMismatch):
        clustered_estimates([1, 2], [1, 1], group=group, groups=2)


def test_no_cluster_at_all() -> None:
    empty = np.zeros(0)
    assert clustered_estimates(empty, empty, group=empty.astype(int), groups=1).reason.tolist() == ["fewer than two clusters"]


@pytest.mark.parametrize(
    ("arm", "cluster", "y", "reason"),
    [
        ([0, 0, 1, 1], [0, 0, 0, 0], [1, 2, 3, 5], "fewer than two clusters"),
        ([1, 1, 1, 1], [0, 0, 1, 1], [1, 2, 3, 5], "the other columns explain this one, so it has no coefficient of its own"),
        ([0, 0, 0, 1], [0, 1, 2, 3], [1, 2, 3, 5], "one cluster alone carries the effect, so its standard error is unknown"),
        ([0, 0, 1, 1], [0, 1, 2, 3], [0.1, 0.1, 0.3, 0.3], "no variation, so no test is possible"),
    ],
)
def test_no_inference_has_a_reason(arm: list[int], cluster: list[int], y: list[float], reason: str) -> None:
    effect = cr2(np.column_stack((np.ones(4), arm)), y, cluster, coefficient=1)
    assert effect.reason == reason
    assert np.isnan([effect.degrees_of_freedom, effect.p_value(), *effect.interval(0.05)]).all()


def test_interval_and_p_value_are_those_of_student_s_t() -> None:
    effect = cr2(np.column_stack((np.ones(9), np.arange(9) % 2)), [3, 9, 4, 7, 2, 8, 4, 7, 1], np.arange(9), coefficient=1)
    low, high = effect.interval(0.1)
    half = stats.t.ppf(0.95, effect.degrees_of_freedom) * effect.standard_error
    assert (low, high) == pytest.approx((effect.estimate - half, effect.estimate + half), rel=1e-12)
    assert effect.p_value() == pytest.approx(2 * stats.t.cdf(-effect.estimate / effect.standard_error, effect.degrees_of_freedom), rel=1e-9)
    with pytest.raises(ProbabilityOutOfRange):
        effect.interval(1.5)


@pytest.mark.parametrize(
    ("design", "y", "cluster", "coefficient", "error"),
    [
        (np.ones(3), [1, 2, 3], [0, 1, 2], 0, RowsMismatch),
        (np.ones((3, 1)), [1, 2], [0, 1, 2], 0, RowsMismatch),
        (np.ones((3, 1)), [1, 2, 3], [0, 1], 0, RowsMismatch),
        (np.ones((3, 1)), [1, 2, 3], [0, 1, 2], 1, RowsMismatch),
        (np.ones((0, 1)), [], [], 0, RegressionInvalid),
        (np.ones((3, 1)), [1, math.nan, 3], [0, 1, 2], 0, RegressionInvalid),
        ([[1], [1], [math.inf]], [1, 2, 3], [0, 1, 2], 0, RegressionInvalid),
    ],
)
def test_rows_that_cannot_be_regressed_are_refused(design: Any, y: Any, cluster: Any, coefficient: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        cr2(design, y, cluster, coefficient=coefficient)


def test_a_single_column_has_no_others() -> None:
    effect = cr2(np.ones((4, 1)), [1, 2, 3, 6], [0, 1, 2, 3], coefficient=0)
    theirs = stats.ttest_1samp([1, 2, 3, 6], 0)
    assert (effect.p_value(), effect.degrees_of_freedom) == pytest.approx((theirs.pvalue, 3), rel=1e-9)


def test_one_weighted_row_a_cluster_is_the_regression_of_its_rows() -> None:
    """What the docstring of `clustered_estimates` says of the degrees of freedom of a difference."""
    sizes = np.array([3, 9, 5, 7, 2, 6])
    x, y, cluster = design_of(np.random.default_rng(5), sizes.tolist(), [0, 2, 5])
    rows, root = x[:, :2], np.sqrt(sizes)
    ours = cr2(rows[np.cumsum(sizes) - 1] * root[:, None], np.bincount(cluster, y) / root, np.arange(6), coefficient=1)
    plain = sandwich(rows, y, cluster, 1, "CR2")
    found = (ours.estimate, ours.standard_error, ours.degrees_of_freedom)
    assert found == pytest.approx((plain.estimate, plain.standard_error, plain.degrees_of_freedom), rel=1e-9)
