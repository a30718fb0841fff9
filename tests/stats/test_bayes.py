from __future__ import annotations

import math

import numpy as np
import pytest
from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from gbstats.models.statistics import SampleMeanStatistic
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from splitmile.stats import Effects, MarginInvalid, Moments, PriorInvalid, ProbabilityOutOfRange, posterior, relative_effect


def effects(estimate: float, standard_error: float) -> Effects:
    return Effects([estimate], [standard_error], [900.0], [""])


@pytest.mark.parametrize(("estimate", "standard_error", "prior"), [(0.04, 0.03, 0.05), (-0.2, 0.1, 0.02), (0.01, 0.5, 1.0)])
@pytest.mark.parametrize("direction", ["increase", "decrease"])
def test_agrees_with_bayes_theorem_by_quadrature(estimate: float, standard_error: float, prior: float, direction: str) -> None:
    def joint(effect: float) -> float:
        return math.exp(-(effect**2) / (2 * prior**2) - (estimate - effect) ** 2 / (2 * standard_error**2))

    sign = 1 if direction == "increase" else -1
    reach = 12 * min(prior, standard_error)
    centre = estimate * prior**2 / (prior**2 + standard_error**2)

    def expect(of: object) -> float:
        assert callable(of)
        bends = [0.0] if abs(centre) < reach else None
        return float(integrate.quad(lambda x: of(x) * joint(x), centre - reach, centre + reach, points=bends, epsabs=0, limit=200)[0])

    evidence = expect(lambda _: 1.0)
    mean = expect(lambda x: x) / evidence
    view = posterior(effects(estimate, standard_error), prior_standard_deviation=prior, direction=direction)
    assert view.mean == pytest.approx([mean], rel=1e-8)
    assert view.standard_deviation == pytest.approx([math.sqrt(expect(lambda x: (x - mean) ** 2) / evidence)], rel=1e-8)
    assert view.chance_to_beat_control == pytest.approx([expect(lambda x: float(sign * x > 0)) / evidence], rel=1e-8)
    assert view.expected_loss == pytest.approx([expect(lambda x: max(0.0, -sign * x)) / evidence], rel=1e-8)
    low, high = view.interval(0.1)
    assert expect(lambda x: float(low[0] < x < high[0])) / evidence == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("prior", [None, 0.03])
def test_agrees_with_gbstats(prior: float | None) -> None:
    rng = np.random.default_rng(4)
    arms = rng.gamma(4, 5, 800), rng.gamma(4, 5.2, 900)
    theirs = EffectBayesianABTest(
        *(SampleMeanStatistic(n=arm.size, sum=arm.sum(), sum_squares=(arm**2).sum()) for arm in arms),
        config=EffectBayesianConfig(
            difference_type="relative", prior_effect=GaussianPrior(mean=0, variance=(prior or 1) ** 2, proper=prior is not None)
        ),
    ).compute_result()
    relative = relative_effect(*(Moments.from_units(arm) for arm in arms))
    ours = posterior(relative, prior_standard_deviation=prior or math.inf, direction="increase")
    assert ours.mean == pytest.approx([theirs.uplift.mean], rel=1e-9)
    assert ours.standard_deviation == pytest.approx([theirs.uplift.stddev], rel=1e-9)
    assert ours.chance_to_beat_control == pytest.approx([theirs.chance_to_win], rel=1e-9)
    assert ours.expected_loss == pytest.approx([theirs.risk[1]], rel=1e-8)
    assert [x[0] for x in ours.interval(0.05)] == pytest.approx(theirs.ci, rel=1e-9)


def test_loss_keeps_the_digits_of_its_tail() -> None:
    view = posterior(effects(36.0, 1.0), prior_standard_deviation=math.inf, direction="increase")
    # Asymptotic series of the unit normal loss integral: φ(z)/z²·(1 − 3/z² + 15/z⁴ − 105/z⁶).
    series = stats.norm.pdf(36) / 36**2 * (1 - 3 / 36**2 + 15 / 36**4 - 105 / 36**6)
    assert 0 < view.expected_loss[0] < 1e-280
    assert view.expected_loss[0] == pytest.approx(series, rel=1e-8)
    worse = posterior(effects(36.0, 1.0), prior_standard_deviation=math.inf, direction="decrease")
    assert worse.chance_to_beat_control[0] == pytest.approx(stats.norm.sf(36), rel=1e-12)
    assert worse.expected_loss[0] == pytest.approx(36.0)


@given(st.floats(-3, 3), st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0.01, 100))
def test_both_directions_and_all_units_tell_one_story(estimate: float, standard_error: float, prior: float, unit: float) -> None:
    up = posterior(effects(estimate, standard_error), prior_standard_deviation=prior, direction="increase")
    down = posterior(effects(estimate, standard_error), prior_standard_deviation=prior, direction="decrease")
    assert up.chance_to_beat_control + down.chance_to_beat_control == pytest.approx([1.0])
    assert down.expected_loss - up.expected_loss == pytest.approx(up.mean, abs=1e-12)
    assert np.abs(up.mean) <= abs(estimate)
    scaled = posterior(effects(unit * estimate, unit * standard_error), prior_standard_deviation=unit * prior, direction="increase")
    assert scaled.expected_loss == pytest.approx(unit * up.expected_loss, rel=1e-9)


def test_no_inference_gives_no_posterior() -> None:
    none = Effects([0.1, np.nan, 0.1], [0.0, np.nan, 0.1], [np.nan, np.nan, 9.0], ["no variation", "too few", ""])
    view = posterior(none, prior_standard_deviation=[0.1, 0.1, 0.2], direction=["increase", "decrease", "increase"])
    assert view.reason.tolist() == ["no variation", "too few", ""]
    for column in (view.mean, view.standard_deviation, view.chance_to_beat_control, view.expected_loss, *view.interval(0.05)):
        assert np.isnan(column).tolist() == [True, True, False]


def test_impossible_inputs_are_refused() -> None:
    for prior in (0.0, -0.1, math.nan):
        with pytest.raises(PriorInvalid, match="above 0"):
            posterior(effects(0.1, 0.1), prior_standard_deviation=prior, direction="increase")
    with pytest.raises(MarginInvalid, match="'up'"):
        posterior(effects(0.1, 0.1), prior_standard_deviation=0.1, direction="up")
    with pytest.raises(ProbabilityOutOfRange):
        posterior(effects(0.1, 0.1), prior_standard_deviation=0.1, direction="increase").interval(1)
