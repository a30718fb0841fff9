from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, stats

from splitmile.stats import (
    CountsInvalid,
    CovariateMoments,
    ProbabilityOutOfRange,
    absolute_effect,
    always_valid_p_value,
    confidence_sequence,
    cuped,
    normal_mixture_bound,
    relative_effect,
    tuned_rho,
)


def test_published_normal_mixture_bound() -> None:
    assert float(normal_mixture_bound(100, 12.60056, 0.05)) == pytest.approx(30.35209, abs=5e-6)
    assert float(tuned_rho(100, 0.05)) == pytest.approx(12.60056, abs=5e-6)


def test_tuning_is_within_a_thousandth_of_the_tightest_boundary() -> None:
    tightest = optimize.minimize_scalar(lambda x: float(normal_mixture_bound(900, math.exp(x), 0.05)), bounds=(0, 8), method="bounded").fun
    assert float(normal_mixture_bound(900, tuned_rho(900, 0.05), 0.05)) == pytest.approx(tightest, rel=1e-3)


def test_interval_is_the_boundary_of_the_sum_over_n() -> None:
    # A sum of n unit-variance terms: the mean ± boundary/n, its standard error 1/√n.
    n = np.array([50, 400, 2000])
    low, high = confidence_sequence(np.zeros(3), 1 / np.sqrt(n), n, 400, 0.05)
    expected = normal_mixture_bound(n, tuned_rho(400, 0.05), 0.05) / n
    assert high == pytest.approx(expected, rel=1e-12)
    assert low == pytest.approx(-expected, rel=1e-12)


def test_at_the_planned_end_it_costs_about_half_again_and_early_much_more() -> None:
    _, high = confidence_sequence([0.0, 0.0], [1.0, 1.0], [4, 900], 900, 0.05)
    assert high[1] / stats.norm.isf(0.025) == pytest.approx(1.55, abs=0.01)
    assert high[0] > 10, "four units must not raise an alarm"


@settings(deadline=None)
@given(
    st.floats(-20, 20),
    st.floats(0.1, 10),
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.sampled_from([0.001, 0.05, 0.2]),
)
def test_p_value_is_below_alpha_exactly_where_the_interval_excludes_zero(
    value: float, standard_error: float, n: int, planned_n: int, alpha: float
) -> None:
    low, high = confidence_sequence([value], [standard_error], [n], planned_n, alpha)
    p = always_valid_p_value([value], [standard_error], [n], planned_n, alpha)[0]
    assert 0 <= p <= 1
    if abs(p - alpha) > 1e-9:
        assert (p < alpha) == bool(low[0] > 0 or high[0] < 0)


def test_p_value_is_the_level_of_the_boundary_through_the_estimate() -> None:
    rho = tuned_rho(900, 0.05)
    p = always_valid_p_value([3.9], [1.0], [700], 900, 0.05)[0]
    root = optimize.brentq(lambda a: float(normal_mixture_bound(700, rho, a)) / math.sqrt(700) - 3.9, 1e-9, 0.5)
    assert p == pytest.approx(root, rel=1e-6)


def test_p_value_keeps_the_digits_of_its_tail() -> None:
    p = always_valid_p_value([38.0], [1.0], [900], 900, 0.05)[0]
    rho = float(tuned_rho(900, 0.05))
    assert 0 < p < 1e-270
    assert math.log(p) == pytest.approx(math.log((900 + rho) / rho) / 2 - 38**2 * 900 / (900 + rho) / 2, rel=1e-12)


def test_no_estimate_stays_none() -> None:
    columns = ([np.nan, 1.0, 1.0, 1.0], [1.0, np.nan, 0.0, 1.0], [10, 10, 10, 0], 100, 0.05)
    assert np.isnan(confidence_sequence(*columns)).all()
    assert np.isnan(always_valid_p_value(*columns)).all()


def test_plans_may_differ_by_row() -> None:
    _, high = confidence_sequence([0.0, 0.0], [1.0, 1.0], [100, 100], [100, 400], [0.05, 0.01])
    assert [x.tolist() for x in high] == [
        float(confidence_sequence(0.0, 1.0, 100, 100, 0.05)[1]),
        float(confidence_sequence(0.0, 1.0, 100, 400, 0.01)[1]),
    ]


@pytest.mark.parametrize("call", [confidence_sequence, always_valid_p_value])
def test_impossible_counts_and_levels_are_refused(call: object) -> None:
    assert callable(call)
    for n, planned_n, words in ((-1, 10, "n holds -1"), (1.5, 10, "n holds 1.5"), (5, 0, "planned_n holds 0"), (5, math.nan, "planned_n")):
        with pytest.raises(CountsInvalid, match=words):
            call([1.0], [1.0], [n], [planned_n], 0.05)
    with pytest.raises(ProbabilityOutOfRange):
        call([1.0], [1.0], [5], [10], 1.0)
    for v, rho in ((-1, 1), (math.inf, 1), (1, 0), (1, math.nan)):
        with pytest.raises(CountsInvalid, match="expected finite v"):
            normal_mixture_bound(v, rho, 0.05)


RUNS, UNITS, LOOKS = 2000, 1200, 40


def looks(
    treatment: NDArray[np.float64], control: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Effect, standard error and units of both arms together at every look, from data of shape (runs, units of an arm)."""
    n = np.arange(1, LOOKS + 1) * (treatment.shape[1] // LOOKS)
    means, variances = [], []
    for arm in (treatment, control):
        mean = np.cumsum(arm, axis=1)[:, n - 1] / n
        means.append(mean)
        variances.append((np.cumsum(arm**2, axis=1)[:, n - 1] - n * mean**2) / (n - 1) / n)
    return means[0] - means[1], np.sqrt(variances[0] + variances[1]), np.broadcast_to(2 * n, means[0].shape)


def ever_rejected(estimate: NDArray[np.float64], standard_error: NDArray[np.float64], n: NDArray[np.int64], planned_n: int) -> float:
    low, high = confidence_sequence(estimate, standard_error, n, planned_n, 0.05)
    return float(np.mean(np.any((low > 0) | (high < 0), axis=1)))


def ever_rejected_fixed(estimate: NDArray[np.float64], standard_error: NDArray[np.float64]) -> float:
    return float(np.mean(np.any(np.abs(estimate / standard_error) > stats.norm.isf(0.025), axis=1)))


MONTE_CARLO_ERROR = 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("shape", ["normal", "skewed", "rare"])
def test_looking_every_day_keeps_the_error_rate(shape: str) -> None:
    """2,000 A/A tests of 600 units an arm, read 40 times, with heavy tails and rare events too."""
    rng = np.random.default_rng(20260302)
    draw = {
        "normal": lambda: rng.normal(0, 1, (RUNS, UNITS // 2)),
        "skewed": lambda: rng.lognormal(0, 1, (RUNS, UNITS // 2)),
        "rare": lambda: (rng.random((RUNS, UNITS // 2)) < 0.06) + 1e-9 * rng.normal(size=(RUNS, UNITS // 2)),
    }[shape]
    at_looks = looks(draw(), draw())
    assert ever_rejected(*at_looks, planned_n=UNITS) <= 0.05 + MONTE_CARLO_ERROR
    assert ever_rejected_fixed(*at_looks[:2]) > 0.15, "the same looks at a fixed-horizon test must over-reject"


def test_units_that_all_arrive_on_the_first_day_keep_the_error_rate() -> None:
    """All 400 units are there from the start and only their totals grow: the clock stands still, the evidence does not."""
    rng = np.random.default_rng(8)
    arms = []
    for _ in range(2):
        level = rng.normal(0, 1, (RUNS, 200, 1))
        mean_so_far = np.cumsum(level + rng.normal(0, 3, (RUNS, 200, 28)), axis=2) / np.arange(1, 29)
        arms.append((mean_so_far.mean(axis=1), mean_so_far.var(axis=1, ddof=1) / 200))
    estimate, standard_error = arms[0][0] - arms[1][0], np.sqrt(arms[0][1] + arms[1][1])
    assert ever_rejected(estimate, standard_error, np.full(estimate.shape, 400), planned_n=400) <= 0.05 + MONTE_CARLO_ERROR


def test_a_real_effect_is_found() -> None:
    rng = np.random.default_rng(9)
    arms = rng.normal(0.35, 1, (RUNS, UNITS // 2)), rng.normal(0, 1, (RUNS, UNITS // 2))
    assert ever_rejected(*looks(*arms), planned_n=UNITS) > 0.99


def couriers(rng: np.random.Generator, runs: int, joining: int) -> dict[str, NDArray[np.float64]]:
    """Couriers who join on one day: seconds and deliveries, heavy-tailed, and the same of the weeks before."""
    pace = rng.lognormal(7, 0.5, runs * joining)
    deliveries, before = (np.ceil(rng.lognormal(2, 1, runs * joining)) for _ in range(2))
    return {
        "numerator": deliveries * pace * rng.lognormal(0, 0.5, runs * joining),
        "denominator": deliveries,
        "covariate_numerator": before * pace,
        "covariate_denominator": before,
    }


@pytest.mark.parametrize("method", ["ratio", "relative ratio", "cuped"])
def test_sixty_looks_at_couriers_keep_the_error_rate(method: str) -> None:
    """A/A tests of couriers with unequal numbers of deliveries; the clock counts couriers, not deliveries."""
    rng, runs, joining, days = np.random.default_rng(60), 800, 8, 60
    run = np.repeat(np.arange(runs), joining)
    ever, ever_fixed = np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    control = treatment = CovariateMoments.from_units(**couriers(rng, 0, 0), group=[], groups=runs)
    for _ in range(days):
        control, treatment = (
            side + CovariateMoments.from_units(**couriers(rng, runs, joining), group=run, groups=runs) for side in (control, treatment)
        )
        if method == "cuped":
            adjusted = cuped(control, treatment)
            effect = absolute_effect(adjusted.control, adjusted.treatment, covariance=adjusted.covariance)
        else:
            effect = (relative_effect if method == "relative ratio" else absolute_effect)(control.metric, treatment.metric)
        n = control.metric.n + treatment.metric.n
        low, high = confidence_sequence(effect.estimate, effect.standard_error, n, 2 * joining * days, 0.05)
        ever |= (low > 0) | (high < 0)
        ever_fixed |= effect.p_value() < 0.05
    assert ever.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert ever_fixed.mean() > 0.15, "the same looks at a fixed-horizon test must over-reject"
