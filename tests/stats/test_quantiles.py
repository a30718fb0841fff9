from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from splitmile.stats import (
    Estimates,
    Histogram,
    HistogramInvalid,
    Moments,
    ProbabilityOutOfRange,
    RowsMismatch,
    UnitsInvalid,
    absolute_effect,
    estimate,
    quantile,
    quantile_estimates,
    quantile_of_units,
)

Z = stats.norm.ppf(0.975)


def estimates(values: object, unit: object, q: float, **options: object) -> Estimates:
    return quantile_estimates(*quantile_of_units(values, unit, q, **options), q)


def by_hand(values: Sequence[float], units: Sequence[object], q: float) -> tuple[float, float, float]:
    """Quantile, variance and degrees of freedom, observation by observation; NaN where the interval leaves the data."""
    n, ordered = len(values), sorted(values)
    value = next(v for v in ordered if sum(x <= v for x in values) >= n * q - 1e-9)
    distinct = sorted(set(values))
    steps = [b - a for a, b in pairwise(distinct)]
    below, above = [steps[0], *steps], [*steps, steps[-1]]

    def evenly(share: float) -> float:
        passed = 0.0
        for v, left, right in zip(distinct, below, above, strict=True):
            mass = values.count(v) / n
            if share <= passed + mass:
                return v - left / 2 + (left + right) / 2 * (share - passed) / mass
            passed += mass
        raise AssertionError

    names = sorted(set(units))
    inside = {u: sum(x <= value for x, w in zip(values, units, strict=True) if w == u) for u in names}
    of_unit = {u: list(units).count(u) for u in names}
    share = sum(inside.values()) / n
    k = len(names)
    clustered = sum((inside[u] - share * of_unit[u]) ** 2 for u in names) / (k - 1) * k / n**2
    if clustered == 0:
        return math.nan, math.nan, math.nan
    effective_n = share * (1 - share) / clustered
    error = math.sqrt(q * (1 - q) / effective_n)
    half = Z * error
    if q - half <= 0 or q + half >= 1:
        return math.nan, math.nan, math.nan
    variance = ((evenly(q + error) - evenly(q - error)) / 2) ** 2
    place = distinct.index(value)
    jumps = [0.0]
    if place > 0 and sum(x < value for x in values) / n >= q - half:
        jumps.append(value - distinct[place - 1])
    if place + 1 < len(distinct) and sum(x <= value for x in values) / n < q + half:
        jumps.append(distinct[place + 1] - value)
    return value, variance + (max(jumps) / 2) ** 2, 1 / (1 / (k - 1) + 1 / (n * error))


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.sampled_from([1, 7, 40, 100, 150]), st.sampled_from([0.3, 0.5, 0.7]))
def test_estimate_is_the_formula_counted_by_hand(seed: int, grid: int, q: float) -> None:
    rng = np.random.default_rng(seed)
    units = rng.integers(0, 9, 90)
    values = np.floor((rng.gamma(2, 40, 90) + 20 * units) / grid) * grid
    value, variance, freedom = by_hand(values.tolist(), units.tolist(), q)
    found = estimates(values, units, q)
    assert found.value[0] == pytest.approx(value, nan_ok=True)
    assert found.variance[0] == pytest.approx(variance, rel=1e-9, nan_ok=True)
    assert found.degrees_of_freedom[0] == pytest.approx(freedom, rel=1e-12, nan_ok=True)
    assert found.n[0] == len(set(units.tolist()))


@pytest.mark.parametrize(("tied", "q"), [((27, 33, 40), 0.3), ((40, 33, 27), 0.7)], ids=["lowest", "highest"])
def test_interval_may_end_among_the_ties_of_an_outermost_value(tied: tuple[int, ...], q: float) -> None:
    values, units = np.repeat([0, 100, 250], tied), np.arange(100)
    assert estimates(values, units, q).variance[0] == pytest.approx(by_hand(values.tolist(), units.tolist(), q)[1], rel=1e-12)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95])
def test_standard_error_of_independent_observations_is_the_one_that_the_density_gives(q: float) -> None:
    # Exponential: density at the q-quantile is 1 − q, so the standard error is √(q/((1−q)·n)).
    rng, n = np.random.default_rng(1), 8000
    found = [estimates(rng.exponential(1, n), np.arange(n), q).standard_error[0] for _ in range(30)]
    assert np.mean(found) == pytest.approx(math.sqrt(q / (1 - q) / n), rel=0.04)


def test_interval_of_independent_observations_is_as_wide_as_that_of_exact_order_statistics() -> None:
    rng, n = np.random.default_rng(2), 4000
    widths = []
    for _ in range(30):
        values = rng.lognormal(7, 0.6, n)
        exact = stats.quantile_test(values, q=1100, p=0.9).confidence_interval(0.95)
        low, high = estimates(values, np.arange(n), 0.9).interval(0.05)
        widths.append((high[0] - low[0]) / (exact.high - exact.low))
    assert np.mean(widths) == pytest.approx(1, rel=0.05)


def city(rng: np.random.Generator, couriers: int, *, spread: float = 0.4) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Whole seconds of deliveries, log-normal around each courier's own level, and their couriers of very unequal workload."""
    courier = np.repeat(np.arange(couriers), rng.geometric(1 / 12, couriers))
    level = spread * rng.normal(size=couriers)
    return np.round(np.exp(7 + level[courier] + 0.4 * rng.normal(size=courier.size))), courier


def test_standard_error_is_that_of_the_bootstrap_of_couriers() -> None:
    rng = np.random.default_rng(3)
    ratios, naive = [], []
    for _ in range(8):
        seconds, courier = city(rng, 600)
        order = np.argsort(seconds)
        seconds, courier = seconds[order], courier[order]
        resampled = []
        for _ in range(250):
            weight = np.cumsum(np.bincount(rng.integers(0, 600, 600), minlength=600)[courier])
            resampled.append(seconds[np.searchsorted(weight, 0.9 * weight[-1])])
        found = estimates(seconds, courier, 0.9).standard_error[0]
        ratios.append(found / np.std(resampled))
        naive.append(estimates(seconds, np.arange(seconds.size), 0.9).standard_error[0] / np.std(resampled))
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)
    assert np.mean(naive) < 0.65, "couriers must matter here, or the test shows nothing"


DRAWS = 300


@pytest.mark.parametrize("grid", [1, 300], ids=["seconds", "five minutes"])
def test_false_positive_rate_of_couriers_split_at_random(grid: int) -> None:
    rng, p_values, naive = np.random.default_rng(4), [], []
    for _ in range(DRAWS):
        seconds, courier = city(rng, 120)
        seconds = np.ceil(seconds / grid) * grid
        arm = (rng.permutation(120) % 2)[courier]
        for unit, found in ((courier, p_values), (np.arange(seconds.size), naive)):
            both = estimates(seconds, unit, 0.9, group=arm, groups=2)
            found.append(absolute_effect(both.take([0]), both.take([1])).p_value()[0])
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / DRAWS)
    if grid == 1:
        assert np.mean(np.array(p_values) < 0.05) >= 0.02
        assert np.mean(np.array(naive) < 0.05) > 0.2, "deliveries taken for independent must over-reject"


def test_quantile_on_a_coarse_grid_is_never_certain() -> None:
    # Half of the mass at 60, half at 120: the median jumps by 60 from draw to draw, and no interval in between exists.
    values, units = np.repeat([60, 120], [51, 49]), np.arange(100)
    at_the_edge = estimates(values, units, 0.5)
    assert at_the_edge.value[0] == 60
    assert at_the_edge.standard_error[0] > 30
    # Far from the edge the tie is spread over its cell, and no step is added.
    inside = estimates(np.repeat([60, 120, 180], [1, 98, 1]), units, 0.5)
    assert inside.value[0] == 120
    assert 0 < inside.standard_error[0] < 5


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([0.25, 4.0]), st.integers(-3, 3))
def test_changing_units_of_measurement_changes_nothing_else(seed: int, factor: float, shift: int) -> None:
    rng = np.random.default_rng(seed)
    seconds, courier = city(rng, 25)
    before, after = estimates(seconds, courier, 0.75), estimates(factor * seconds + 1024 * shift, courier, 0.75)
    assert after.value[0] == factor * before.value[0] + 1024 * shift
    assert after.variance[0] == pytest.approx(factor**2 * before.variance[0], rel=1e-9)
    assert after.degrees_of_freedom[0] == before.degrees_of_freedom[0]


def test_relabelled_variants_units_and_rows_change_nothing() -> None:
    rng = np.random.default_rng(6)
    seconds, courier = city(rng, 60)
    arm = courier % 3
    plain = estimates(seconds, courier, 0.9, group=arm, groups=3)
    order = rng.permutation(seconds.size)
    named = np.array([f"courier {c}" for c in courier])
    other = estimates(seconds[order], named[order], 0.9, group=(2 - arm)[order], groups=3)
    for name in ("n", "value", "variance", "degrees_of_freedom"):
        assert getattr(other, name)[::-1] == pytest.approx(getattr(plain, name), rel=1e-12)


def test_two_steps_of_a_warehouse_give_what_the_rows_give() -> None:
    """Histograms by day that are added, and exact integer sums over units."""
    rng = np.random.default_rng(7)
    seconds, courier = city(rng, 40)
    day = rng.integers(0, 3, seconds.size)
    histogram = sum((Histogram.from_values(seconds[day == d]) for d in (0, 1, 2)), Histogram([], []))
    is_at_most = seconds <= quantile(histogram, 0.9)
    s, n = np.bincount(courier, is_at_most).astype(int), np.bincount(courier)
    sums = [[int(x)] for x in (40, s.sum(), n.sum(), (s * s).sum(), (s * n).sum(), (n * n).sum())]
    warehouse, rows = quantile_estimates([histogram], Moments.from_sums(*sums), 0.9), estimates(seconds, courier, 0.9)
    assert warehouse.value.tolist() == rows.value.tolist()
    assert warehouse.variance == pytest.approx(rows.variance, rel=1e-12)


def test_a_method_for_few_units_may_bring_its_own_variance_and_degrees_of_freedom() -> None:
    seconds, courier = city(np.random.default_rng(8), 12)
    histograms, at_most = quantile_of_units(seconds, courier, 0.5)
    plain = estimate(at_most)
    wider = Estimates(plain.n, plain.value, 2 * plain.variance, plain.degrees_of_freedom / 2, plain.reason)
    found, before = quantile_estimates(histograms, wider, 0.5), quantile_estimates(histograms, at_most, 0.5)
    assert found.variance[0] == pytest.approx(2 * before.variance[0], rel=0.2), "but for the curve of the distribution function"
    effective_n = plain.value[0] * (1 - plain.value[0]) / (2 * plain.variance[0])
    assert found.degrees_of_freedom[0] == pytest.approx(1 / (1 / 5.5 + 1 / (seconds.size * math.sqrt(0.25 / effective_n))), rel=1e-9)


def test_censored_rows_stand_above_all_and_count_in_their_units() -> None:
    rng = np.random.default_rng(9)
    seconds, courier = city(rng, 50)
    never = rng.random(seconds.size) < 0.03
    marked = np.where(never, np.nan, seconds)
    histograms, at_most = quantile_of_units(marked, courier, 0.9, censored=never)
    assert histograms[0].censored == never.sum()
    assert at_most.mean_denominator[0] * 50 == pytest.approx(seconds.size)
    found = quantile_estimates(histograms, at_most, 0.9)
    as_infinite = np.where(never, 10 * seconds.max(), seconds)
    assert found.value[0] == np.quantile(as_infinite, 0.9, method="inverted_cdf")
    assert found.variance == pytest.approx(estimates(as_infinite, courier, 0.9).variance, rel=1e-12)


@pytest.mark.parametrize(
    ("values", "units", "censored", "q", "reason"),
    [
        ([], [], [], 0.5, "no observation"),
        (range(100), [0] * 100, [False] * 100, 0.5, "fewer than two units"),
        (range(73), range(73), [False] * 73, 0.95, "too few units or observations for an interval around this quantile"),
        (range(73), range(73), [False] * 73, 0.05, "too few units or observations for an interval around this quantile"),
        (range(100), range(100), [False] * 40 + [True] * 60, 0.5, "the quantile lies among the censored observations"),
        (
            range(100),
            range(100),
            [False] * 59 + [True] * 41,
            0.5,
            "the interval around the quantile reaches into the censored observations",
        ),
        ([7] * 100, range(100), [False] * 70 + [True] * 30, 0.5, "all observed values are equal, so the quantile has no standard error"),
        ([7] * 100, range(100), [False] * 100, 0.5, "no observation lies above the quantile, so it has no standard error"),
        (
            [*range(50)] * 2,
            [0] * 50 + [1] * 50,
            [False] * 100,
            0.5,
            "every unit has the same share at or below the quantile, so it has no standard error",
        ),
    ],
)
def test_where_no_spread_can_be_read_there_is_a_reason(
    values: Sequence[int], units: Sequence[int], censored: Sequence[bool], q: float, reason: str
) -> None:
    found = estimates(np.array(values, dtype=np.float64), np.array(units, dtype=np.int64), q, censored=censored)
    assert found.reason.tolist() == [reason]
    assert np.isnan([found.value, found.variance, found.degrees_of_freedom]).all()
    assert found.n[0] == len(set(units))


def test_just_enough_observations_give_an_estimate() -> None:
    assert estimates(np.arange(74), np.arange(74), 0.95).reason.tolist() == [""]
    assert estimates(np.arange(74), np.arange(74), 0.05).reason.tolist() == [""]
    barely = estimates(np.arange(100), np.arange(100), 0.5, censored=[False] * 60 + [True] * 40)
    assert barely.reason.tolist() == [""]


def test_rows_keep_to_themselves() -> None:
    seconds, courier = city(np.random.default_rng(10), 80)
    alone = estimates(seconds, courier, 0.5)
    both = estimates(np.append(seconds, 5), np.append(courier, 99), 0.5, group=np.append(np.full(seconds.size, 1), 3), groups=6)
    assert both.reason.tolist() == ["no observation", "", "no observation", "fewer than two units", *["no observation"] * 2]
    assert both.value[1] == alone.value[0]
    assert both.variance[1] == alone.variance[0]
    assert both.n.tolist() == [0, 80, 0, 1, 0, 0]
    assert len(quantile_estimates([], Moments.from_units([], groups=0), 0.5)) == 0


def test_moments_of_other_observations_are_refused() -> None:
    histograms, at_most = quantile_of_units(np.arange(100), np.arange(100) // 5 % 10, 0.5)
    with pytest.raises(HistogramInvalid, match=r"share 0\.5 of .* the quantile 89, the histogram 0\.9; histogram and moments"):
        quantile_estimates(histograms, at_most, 0.9)
    with pytest.raises(RowsMismatch, match="found 1 rows and 2 histograms"):
        quantile_estimates(histograms * 2, at_most, 0.5)


def test_impossible_rows_are_refused() -> None:
    with pytest.raises(UnitsInvalid, match="unit b has rows in more than one group"):
        quantile_of_units([1, 2, 3], ["a", "b", "b"], 0.5, group=[0, 0, 1], groups=2)
    with pytest.raises(RowsMismatch, match=r"values \(3,\), unit \(2,\), censored \(3,\), group \(3,\)"):
        quantile_of_units([1, 2, 3], ["a", "b"], 0.5)
    with pytest.raises(RowsMismatch, match=r"censored \(2,\)"):
        quantile_of_units([1, 2, 3], ["a", "b", "c"], 0.5, censored=[True, False])
    with pytest.raises(HistogramInvalid, match=r"observed nan, .*count a missing one as censored"):
        quantile_of_units([1, math.nan], ["a", "b"], 0.5)
    with pytest.raises(ProbabilityOutOfRange, match="q is 90"):
        quantile_of_units([1, 2], ["a", "b"], 90)
    with pytest.raises(UnitsInvalid, match="its group is 2"):
        quantile_of_units([1, 2], ["a", "b"], 0.5, group=[0, 2], groups=2)
