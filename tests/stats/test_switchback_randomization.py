from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from splitmile.stats import CountsInvalid
from splitmile.stats.switchback import hajek, horvitz_thompson, switchback_regression
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_exposure import OrderInvalid
from splitmile.stats.switchback_randomization import Statistic, randomization_p_value
from splitmile.stats.switchback_windows import SwitchbackWindows, WindowsInvalid

pytestmark = pytest.mark.filterwarnings("error")


def a_design(zones: int, windows: int, size: int = 1, mechanism: str = "independent") -> SwitchbackDesign:
    return SwitchbackDesign(tuple("abcdefghij"[:zones]), "2024-05-01T00:00:00Z", 60, windows, 3, mechanism, 0.5, size)


def estimate_of(statistic: Statistic, windows: SwitchbackWindows, design: SwitchbackDesign, order: int) -> float:
    if statistic == "regression":
        effect = switchback_regression(windows, hour=design.hours(), cluster=design.independent_units())
    else:
        effect = {"hajek": hajek, "horvitz_thompson": horvitz_thompson}[statistic](windows, design, order=order)
    return effect.absolute.estimate


@pytest.mark.parametrize(("statistic", "order"), [("regression", 0), ("hajek", 0), ("hajek", 1), ("horvitz_thompson", 1)])
@pytest.mark.parametrize(("mechanism", "size"), [("independent", 2), ("balanced", 4), ("minimax", 2)])
def test_p_value_counts_the_redrawn_estimates(statistic: Any, order: int, mechanism: str, size: int) -> None:
    """Each schedule estimated by the estimator itself, one after the other; missing windows and weights included."""
    rng = np.random.default_rng(1)
    design = a_design(3, 48, size, mechanism)
    outcome, weight = rng.normal(50, 5, (3, 48)), rng.integers(0, 9, (3, 48)).astype(float)
    outcome[1, 4:7] = np.nan
    arms = design.redraw(1, 99)[0]  # a schedule of the same mechanism need not be the design's own
    observed = abs(estimate_of(statistic, SwitchbackWindows(arms, outcome, weight), design, order))
    redrawn = [abs(estimate_of(statistic, SwitchbackWindows(a, outcome, weight), design, order)) for a in design.redraw(40, 5)]
    expected = (1 + sum(not each < observed * (1 - 1e-9) for each in redrawn)) / 41
    windows = SwitchbackWindows(arms, outcome, weight)
    assert randomization_p_value(windows, design, statistic=statistic, order=order, draws=40, seed=5) == expected


def test_many_draws_come_near_the_count_of_all_schedules() -> None:
    """One balanced block of eight windows: all 70 schedules, as Fisher's exact permutation test counts them."""
    design = a_design(1, 8, 8, "balanced")
    outcome = np.array([[3.1, 5.2, 4.0, 8.3, 6.7, 2.2, 9.1, 5.9]])
    arms = np.zeros((1, 8), dtype=int)
    arms[0, [1, 3, 4, 6]] = 1
    observed = abs(outcome[arms == 1].mean() - outcome[arms == 0].mean())
    differences = []
    for chosen in itertools.combinations(range(8), 4):
        inside = np.isin(range(8), chosen)
        differences.append(abs(outcome[0, inside].mean() - outcome[0, ~inside].mean()))
    exact = np.mean(np.array(differences) >= observed - 1e-9)
    windows = SwitchbackWindows.of_means(arms, outcome)
    found = randomization_p_value(windows, design, draws=4000, seed=2)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))


def test_p_values_are_uniform_where_nothing_has_an_effect() -> None:
    """Every schedule equally likely, one outcome: 400 p-values; 5 % and 20 % within their 99 % Monte-Carlo bands."""
    design = a_design(4, 24, 4, "balanced")
    outcome = np.random.default_rng(3).standard_t(2, (4, 24)) + np.arange(24)  # heavy tails and a trend do not matter
    p = np.array(
        [
            randomization_p_value(SwitchbackWindows.of_means(arms, outcome), design, statistic="regression", draws=199, seed=number)
            for number, arms in enumerate(design.redraw(400, 8))
        ]
    )
    for level in (0.05, 0.2):
        assert np.mean(p <= level) == pytest.approx(level, abs=2.58 * math.sqrt(level * (1 - level) / 400))


def test_draws_without_an_estimate_count_against_rejection_and_none_at_hand_is_no_answer() -> None:
    design = a_design(1, 2)
    split = SwitchbackWindows.of_means([[0, 1]], [[1.0, 9.0]])
    assert randomization_p_value(split, design, draws=50, seed=1) == 1.0
    assert randomization_p_value(split, design, statistic="regression", hour=[0, 0], draws=50, seed=1) == 1.0
    one_sided = SwitchbackWindows.of_means([[1, 1]], [[1.0, 9.0]])
    for statistic in ("hajek", "regression"):
        assert math.isnan(randomization_p_value(one_sided, design, statistic=statistic, draws=50, seed=1))  # type: ignore[arg-type]
    nothing = SwitchbackWindows.of_means([[0, 1]], [[np.nan, np.nan]])
    for statistic in ("hajek", "horvitz_thompson", "regression"):
        assert math.isnan(randomization_p_value(nothing, design, statistic=statistic, draws=50, seed=1))  # type: ignore[arg-type]


def test_impossible_requests_are_refused() -> None:
    design, windows = a_design(1, 4), SwitchbackWindows.of_means([[0, 1, 1, 0]], np.ones((1, 4)))
    with pytest.raises(OrderInvalid):
        randomization_p_value(windows, design, order=4, draws=9, seed=1)
    with pytest.raises(WindowsInvalid):
        randomization_p_value(windows, a_design(2, 4), draws=9, seed=1)
    with pytest.raises(CountsInvalid):
        randomization_p_value(windows, design, draws=0, seed=1)
