from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from splitmile.stats import (
    CountsInvalid,
    MarginInvalid,
    ProbabilityOutOfRange,
    anytime_harm_p_value,
    anytime_noninferiority_p_value,
    one_sided_multiple,
    tuned_rho,
)


def p_value(z: float, n: int, planned_n: int = 100, alpha: float = 0.05) -> float:
    return float(anytime_noninferiority_p_value([z], [1.0], [n], planned_n, alpha, margin=0, direction="increase")[0])


def test_published_one_sided_normal_mixture() -> None:
    """Figures of the reference implementation of Howard et al., tuned to v = 100 and alpha 0.05."""
    assert float(one_sided_multiple(100, 100, 0.05)) * math.sqrt(100) == pytest.approx(27.66071, abs=1e-5)
    # At S = 10, v = 100 the logarithm of the mixture is −0.06502391: no evidence, and p is capped at 1.
    assert p_value(10 / 10, 100) == 1.0
    assert p_value(27.66071 / 10, 100) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("z", [2.5, 4.0, 9.0])
def test_evidence_is_the_mixture_over_positive_effects(z: float) -> None:
    n, rho = 60, float(tuned_rho(100, 0.1))
    prior = stats.halfnorm(scale=1 / math.sqrt(rho)).pdf
    total = z * math.sqrt(n)
    top = total / (n + rho)
    mixture = integrate.quad(lambda x: prior(x) * math.exp(x * total - x * x * n / 2), 0, top + 2, points=[top], epsabs=0, limit=200)[0]
    assert p_value(z, n) == pytest.approx(1 / mixture, rel=1e-8)


@given(st.floats(-9, 9), st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([0.001, 0.05, 0.3]), st.floats(0, 3))
def test_p_value_is_below_alpha_exactly_beyond_the_bound(z: float, n: int, planned_n: int, alpha: float, margin: float) -> None:
    arguments: Any = ([2.0], [n], planned_n, alpha)
    p = anytime_noninferiority_p_value([2 * z], *arguments, margin=margin, direction="increase")[0]
    distance = z + margin / 2 - float(one_sided_multiple(n, planned_n, alpha))
    if abs(distance) > 1e-9:
        assert (p < alpha) == (distance > 0)
    mirrored = anytime_noninferiority_p_value([-2 * z], *arguments, margin=margin, direction="decrease")[0]
    assert mirrored == p
    harm = anytime_harm_p_value([-2 * z - 2 * margin], *arguments, margin=margin, direction="increase")[0]
    assert harm == pytest.approx(p, rel=1e-9), "harm is non-inferiority seen from the other side of the margin"


def test_p_value_keeps_the_digits_of_its_tail() -> None:
    p, rho = p_value(38.0, 900, 900), float(tuned_rho(900, 0.1))
    assert 0 < p < 1e-270
    assert math.log(p) == pytest.approx(math.log((900 + rho) / rho) / 2 - 38**2 * 900 / (900 + rho) / 2 - math.log(2), rel=1e-12)


RUNS, LOOKS = 4000, 50


@pytest.mark.parametrize(("loss", "at_most"), [(1.0, 0.05), (1.2, 0.02), (0.0, None)])
def test_daily_looks_at_a_guardrail(loss: float, at_most: float | None) -> None:
    """4,000 runs of 50 looks at 20 units each: a loss of the margin or more is let through in 5 % at most."""
    rng = np.random.default_rng(17)
    n = 20 * np.arange(1, LOOKS + 1)
    total = np.cumsum(rng.normal(-20 * loss, 8 * math.sqrt(20), (RUNS, LOOKS)), axis=1)
    units, errors = np.broadcast_to(n, total.shape), np.broadcast_to(8 / np.sqrt(n), total.shape)
    p = anytime_noninferiority_p_value(total / n, errors, units, 1000, 0.05, margin=1.0, direction="increase")
    ever = float(np.mean(np.any(p < 0.05, axis=1)))
    if at_most is None:
        assert ever > 0.8, "no loss at all must be seen to be harmless"
    else:
        assert ever <= at_most + 3 * math.sqrt(at_most / RUNS)
    once = float(np.mean(np.any((total / n + 1.0) / errors > stats.norm.isf(0.05), axis=1)))
    assert loss != 1.0 or once > 0.2, "the same looks at a fixed-horizon test must over-reject"


def test_no_estimate_stays_none() -> None:
    columns: Any = ([np.nan, 1.0, 1.0, 1.0], [1.0, np.nan, 0.0, 1.0], [10, 10, 10, 0], 100, 0.05)
    for call in (anytime_noninferiority_p_value, anytime_harm_p_value):
        assert np.isnan(call(*columns, margin=0.1, direction="increase")).all()


def test_impossible_inputs_are_refused() -> None:
    def call(**changes: Any) -> None:
        good: dict[str, Any] = {"n": [5], "planned_n": 10, "alpha": 0.05, "margin": 0.1, "direction": "increase"}
        anytime_noninferiority_p_value([1.0], [1.0], **(good | changes))

    for changes in ({"n": [-1]}, {"n": [1.5]}, {"planned_n": 0}):
        with pytest.raises(CountsInvalid):
            call(**changes)
    for alpha, words in ((0.5, "below 0.5"), (0.0, "strictly between"), (math.nan, "strictly between")):
        with pytest.raises(ProbabilityOutOfRange, match=words):
            call(alpha=alpha)
    for changes in ({"margin": -1}, {"margin": math.inf}, {"direction": "up"}):
        with pytest.raises(MarginInvalid):
            call(**changes)
    with pytest.raises(CountsInvalid, match="from 1 up"):
        one_sided_multiple(0, 10, 0.05)
