from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from splitmile.stats.inputs import CountsInvalid, ProbabilityOutOfRange, RowsMismatch
from splitmile.stats.switchback import switchback_regression
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_power import SwitchbackPower, switchback_power
from splitmile.stats.switchback_randomization import randomization_p_value
from splitmile.stats.switchback_slopes import regression_slopes
from splitmile.stats.switchback_windows import SwitchbackWindows, WindowsInvalid

DESIGN = SwitchbackDesign(
    ("Mapo", "Jung", "Guro", "Nowon"), "2024-05-01T00:00:00Z", 180, 8 * 6, seed=4, mechanism="balanced", windows_per_block=8
)
RNG = np.random.default_rng(30)
OUTCOME = 1500 + 80 * np.sin(DESIGN.hours() / 4) + RNG.normal(0, 60, (4, 1)) + RNG.normal(0, 90, DESIGN.shape)
OUTCOME[1, 5] = np.nan
WEIGHT = RNG.poisson(12, DESIGN.shape) + 1.0


def test_slopes_are_those_of_the_regression_and_shift_by_the_effect() -> None:
    arms = DESIGN.redraw(5, seed=1)
    slopes = regression_slopes(SwitchbackWindows(arms[0], OUTCOME, WEIGHT), DESIGN.hours())(arms)
    for schedule, slope in zip(arms, slopes, strict=True):
        injected = SwitchbackWindows(schedule, OUTCOME + 25 * schedule, WEIGHT)
        effect = switchback_regression(injected, hour=DESIGN.hours(), cluster=DESIGN.independent_units())
        assert effect.absolute.estimate == pytest.approx(slope + 25, rel=1e-9)


def test_power_is_the_share_of_significant_randomisation_tests() -> None:
    """Against the long way: an effect injected into 150 schedules, each tested by redrawing the design."""
    plan = switchback_power(OUTCOME, DESIGN, weight=WEIGHT, draws=2000, seed=1)
    effect = plan.minimum_detectable_effect(0.6)
    assert plan.power(effect) == pytest.approx(0.6, abs=0.001)
    rejected = []
    for draw, arms in enumerate(DESIGN.redraw(150, seed=2)):
        windows = SwitchbackWindows(arms, OUTCOME + effect * arms, WEIGHT)
        rejected.append(randomization_p_value(windows, DESIGN, statistic="regression", draws=200, seed=draw) <= 0.05)
    assert np.mean(rejected) == pytest.approx(0.6, abs=3 * math.sqrt(0.24 / 150))


def test_power_grows_from_alpha_with_effect_and_days_and_scales_with_the_unit() -> None:
    plan = switchback_power(OUTCOME, DESIGN, draws=2000, seed=3)
    curve = plan.power([0, 10, 20, 40, 80, 1000])
    assert curve[0] == pytest.approx(0.05, abs=0.001)
    assert np.all(np.diff(curve) >= 0)
    assert curve[-1] == 1.0
    assert plan.power(-40) == pytest.approx(curve[3], abs=0.05)
    assert np.std(plan.estimates) == pytest.approx(2 * 90 / math.sqrt(OUTCOME.size), rel=0.25)
    minutes = switchback_power(OUTCOME / 60, DESIGN, draws=2000, seed=3)
    assert minutes.minimum_detectable_effect() == pytest.approx(plan.minimum_detectable_effect() / 60, rel=1e-9)
    first_half = SwitchbackDesign(DESIGN.zones, DESIGN.start, 180, 24, seed=4, mechanism="balanced", windows_per_block=8)
    assert switchback_power(OUTCOME[:, :24], first_half, seed=3).minimum_detectable_effect() > plan.minimum_detectable_effect()


def test_no_answer_has_its_reason() -> None:
    flat = switchback_power(np.full(DESIGN.shape, 1500.1), DESIGN, draws=50, seed=1)
    empty = switchback_power(np.full(DESIGN.shape, np.nan), DESIGN, draws=50, seed=1)
    hasty = switchback_power(OUTCOME, DESIGN, draws=18, seed=1)
    assert flat.reason == empty.reason == "no variation in the history, so no test is possible"
    assert hasty.reason == "too few draws to reject at this level at all"
    for plan in (flat, empty, hasty):
        assert math.isnan(plan.critical_value)
        assert math.isnan(plan.minimum_detectable_effect())
        assert np.isnan(plan.power([1.0, 2.0])).all()
    assert switchback_power(OUTCOME, DESIGN, draws=19, seed=1).reason == ""


def test_schedules_without_an_estimate_never_reject() -> None:
    tiny = SwitchbackDesign(("Mapo",), "2024-05-01T00:00:00Z", 60, 2, seed=1)
    plan = switchback_power([[10.0, 13.0]], tiny, hour=[0, 0], draws=400, seed=1)
    # Half of the four schedules have one arm only, so no estimate lies beyond any bound.
    assert np.isnan(plan.estimates).mean() == pytest.approx(0.5, abs=0.08)
    assert plan.critical_value == math.inf
    assert plan.power(100.0) == 0.0
    assert plan.minimum_detectable_effect() == math.inf
    half = SwitchbackPower(np.array([1.0, np.nan, -1.0, np.nan]), 1.0, "")
    assert half.power(5.0) == 0.5
    assert half.minimum_detectable_effect(0.5) == 2.0
    assert half.minimum_detectable_effect(0.6) == math.inf


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"outcome": OUTCOME[:, 1:]}, RowsMismatch, "zones, windows"),
        ({"weight": WEIGHT[:2]}, RowsMismatch, "zones, windows"),
        ({"weight": -WEIGHT}, WindowsInvalid, "weight"),
        ({"outcome": np.full(DESIGN.shape, np.inf)}, WindowsInvalid, "infinite"),
        ({"draws": 0}, CountsInvalid, "draws"),
        ({"alpha": 1.0}, ProbabilityOutOfRange, "alpha"),
    ],
)
def test_impossible_inputs_are_refused(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    given: dict[str, Any] = {"outcome": OUTCOME, "draws": 20, "seed": 1} | changes
    with pytest.raises(error, match=words):
        switchback_power(given.pop("outcome"), DESIGN, **given)


def test_the_power_asked_for_is_a_chance() -> None:
    plan = switchback_power(OUTCOME, DESIGN, draws=20, seed=1)
    for power in (0.0, 1.0, math.nan):
        with pytest.raises(ProbabilityOutOfRange, match="power"):
            plan.minimum_detectable_effect(power)
