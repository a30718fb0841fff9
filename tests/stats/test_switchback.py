from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from splitmile.stats import Estimates, RowsMismatch, absolute_effect, relative_effect
from splitmile.stats.clusters import clustered_estimates, cr2
from splitmile.stats.switchback import hajek, horvitz_thompson, switchback_regression
from splitmile.stats.switchback_carryover import carryover_test
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_exposure import OrderInvalid, exposed, exposure
from splitmile.stats.switchback_windows import SwitchbackWindows, WindowsInvalid

pytestmark = pytest.mark.filterwarnings("error")


def a_design(zones: int = 1, windows: int = 8, size: int = 1, mechanism: str = "independent", share: float = 0.5) -> SwitchbackDesign:
    names = tuple(f"zone {number}" for number in range(zones))
    return SwitchbackDesign(names, "2024-05-01T00:00:00Z", 60, windows, 3, mechanism, share, size)


def possible_schedules(design: SwitchbackDesign) -> tuple[Any, Any]:
    """Every schedule of one zone with its probability, straight from the definition of the mechanism."""
    size, share, schedules, chances = design.windows_per_block, design.treatment_share, [], []
    if design.mechanism == "balanced":
        block = [b for b in itertools.product([0, 1], repeat=size) if sum(b) == round(share * size)]
        schedules = [sum(choice, ()) for choice in itertools.product(block, repeat=design.windows // size)]
        return np.array(schedules, dtype=np.int8), np.full(len(schedules), 1 / len(schedules))
    blocks = design.blocks()
    for coins in itertools.product([0, 1], repeat=int(blocks[-1]) + 1):
        schedules.append(np.array(coins)[blocks])
        chances.append(math.prod(share if coin else 1 - share for coin in coins))
    return np.array(schedules, dtype=np.int8), np.array(chances)


SMALL = [
    a_design(),
    a_design(windows=9, size=3),
    a_design(windows=8, size=2, share=0.3),
    a_design(windows=10, size=2, mechanism="minimax"),
    a_design(windows=8, size=4, mechanism="balanced"),
    a_design(windows=10, size=5, mechanism="balanced", share=0.4),
    a_design(windows=6, size=6, mechanism="balanced"),
]


@pytest.mark.parametrize("order", [0, 1, 2, 4])
@pytest.mark.parametrize("design", SMALL, ids=lambda d: f"{d.mechanism}-{d.windows_per_block}")
def test_exposure_probabilities_are_those_of_all_schedules(design: SwitchbackDesign, order: int) -> None:
    schedules, chances = possible_schedules(design)
    flags = np.array(exposed(schedules, order), dtype=float)
    found = exposure(design, order)
    assert found.probability == pytest.approx(np.einsum("d,adt->at", chances, flags), abs=1e-12)
    joint = np.einsum("d,adt,bdu->abtu", chances, flags, flags)
    product = found.probability[:, None, :, None] * found.probability[None, :, None, :]
    expected = np.abs(np.divide(joint, product, out=np.ones_like(joint), where=product > 0) - 1)
    firsts = np.flatnonzero(np.diff(found.group, prepend=-1))
    for lag, groups in itertools.product(range(firsts.size), [firsts]):
        pairs = expected[:, :, groups[: groups.size - lag], groups[lag:]]
        ours = found.correlation[lag] if lag < len(found.correlation) else np.zeros_like(pairs)
        assert np.where(product[:, :, groups[: groups.size - lag], groups[lag:]] > 0, ours, 1) == pytest.approx(
            np.where(product[:, :, groups[: groups.size - lag], groups[lag:]] > 0, pairs, 1), abs=1e-9
        )


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("design", SMALL, ids=lambda d: f"{d.mechanism}-{d.windows_per_block}")
def test_horvitz_thompson_is_unbiased_and_its_variance_never_too_small(design: SwitchbackDesign, order: int) -> None:
    """Over all schedules: the mean estimate is the truth exactly, the mean variance at least the true one."""
    rng = np.random.default_rng(1)
    never, always = rng.normal(10, 3, design.windows), rng.normal(11, 3, design.windows)
    schedules, chances = possible_schedules(design)
    usable = np.all(exposure(design, order).probability > 0, axis=0)
    truth, estimates, variances = np.mean((always - never)[order:][usable]), [], []
    for arms in schedules:
        treated = np.convolve(arms, np.ones(order + 1))[: arms.size] == order + 1
        outcome = np.where(treated, always, never)  # mixed windows have some outcome too; it must not matter
        effect = horvitz_thompson(SwitchbackWindows.of_means(arms[None], outcome[None]), design, order=order).absolute
        found = exposure(design, order)
        inverse = np.where(usable, exposed(arms, order) / np.where(usable, found.probability, 1), 0.0)
        estimates.append(np.sum((inverse[1] - inverse[0]) * outcome[order:]) / usable.sum())
        variances.append(found.variance_bound(list(np.sqrt(inverse)[:, None] * outcome[order:] / usable.sum()), usable[None]))
        if not effect.reason:
            assert (effect.estimate, effect.standard_error**2) == pytest.approx((estimates[-1], variances[-1]), rel=1e-9)
        else:
            assert "no window is exposed" in effect.reason
    assert chances @ estimates == pytest.approx(truth, rel=1e-9)
    assert chances @ np.array(variances) >= (chances @ (np.array(estimates) - truth) ** 2) * (1 - 1e-9)


def test_the_variance_is_the_formula_of_the_paper() -> None:
    """Corollary 1: (8Ȳ₀² + Σ 32·Ȳ_k²·1{two draws alike} + 8Ȳ_{n−2}²)/(T − m)², Ȳ_k = Σ of the windows (k + 1)m + 1 … (k + 2)m."""
    m, n = 3, 14
    design = a_design(windows=m * n, size=m, mechanism="minimax")
    arms, outcome = design.draw()[0], np.random.default_rng(2).normal(5, 2, m * n)
    sums = outcome.reshape(n, m).sum(axis=1)[1:]
    coins = arms[[0, *range(2 * m, (n - 1) * m, m)]]
    squares = 8 * sums[0] ** 2 + 8 * sums[-1] ** 2 + sum(32 * sums[k] ** 2 * (coins[k - 1] == coins[k]) for k in range(1, n - 2))
    effect = horvitz_thompson(SwitchbackWindows.of_means(arms[None], outcome[None]), design, order=m)
    assert effect.absolute.standard_error == pytest.approx(math.sqrt(squares) / (m * n - m), rel=1e-12)
    assert effect.absolute.degrees_of_freedom == math.inf


@pytest.mark.parametrize(("believed", "published"), [(2, (9.028, 20.10, 24.25)), (3, (9.012, 30.10, 36.32)), (1, (6.037, 10.14, 10.92))])
def test_published_simulation(believed: int, published: tuple[float, float, float]) -> None:
    """Table of the paper: T = 120, outcome log t + 3·(this and the two windows before) + noise; mean, variance, mean bound."""
    design, rng = a_design(windows=120, size=believed, mechanism="minimax"), np.random.default_rng(5)
    estimates, variances = [], []
    for arms in design.redraw(600, 1):
        acting = sum(np.pad(arms, ((0, 0), (back, 0)))[:, :120] for back in range(3))
        outcome = np.log(np.arange(1, 121)) + 3 * acting + rng.normal(size=120)
        effect = horvitz_thompson(SwitchbackWindows.of_means(arms, outcome), design, order=believed)
        if not effect.absolute.reason:
            estimates.append(effect.absolute.estimate)
            variances.append(effect.absolute.standard_error**2)
    mean, variance, bound = published
    assert np.mean(estimates) == pytest.approx(mean, abs=4 * math.sqrt(variance / 600))
    assert np.var(estimates) == pytest.approx(variance, rel=0.23)  # four standard errors, √(2/600) each
    assert np.mean(variances) == pytest.approx(bound, rel=0.1)


def test_hajek_without_carryover_is_welch_with_known_spread() -> None:
    rng = np.random.default_rng(3)
    design = a_design(zones=4, windows=50)
    outcome = rng.normal(1000, 20, (4, 50))
    effect = hajek(SwitchbackWindows.of_means(design.draw(), outcome), design)
    treated = design.draw() == 1
    groups = [outcome[~treated], outcome[treated]]
    assert effect.absolute.estimate == pytest.approx(groups[1].mean() - groups[0].mean(), rel=1e-9)
    expected = math.sqrt(sum(2 * group.var() / group.size for group in groups) / 2)
    assert effect.absolute.standard_error == pytest.approx(expected, rel=1e-9)
    assert (effect.control_mean, effect.windows_control) == (pytest.approx(groups[0].mean()), groups[0].size)
    ratio = groups[1].mean() / groups[0].mean()
    spread = math.sqrt(groups[1].var() / groups[1].size + ratio**2 * groups[0].var() / groups[0].size) / groups[0].mean()
    assert (effect.relative.estimate, effect.relative.standard_error) == pytest.approx((ratio - 1, spread), rel=1e-9)


def test_hajek_of_a_ratio_is_that_of_the_sums_and_needs_no_empty_window() -> None:
    rng = np.random.default_rng(4)
    design = a_design(zones=3, windows=40, size=2)
    below = rng.integers(0, 9, (3, 40)).astype(float)
    above = below * rng.normal(30, 4, (3, 40))
    above[0, 5], below[1, 6] = np.nan, np.nan
    effect = hajek(SwitchbackWindows.from_sums(design.draw(), above, below), design, order=1)
    is_given = ~np.isnan(above + below) & (np.nan_to_num(below) > 0)
    means = []
    for arm, flags in enumerate(exposed(design.draw(), 1)):
        counted = (flags == 1) & is_given[:, 1:]
        inverse = 1 / exposure(design, 1).probability[arm] * counted
        means.append(np.sum(inverse * np.where(counted, above[:, 1:], 0)) / np.sum(inverse * np.where(counted, below[:, 1:], 0)))
        assert (effect.windows_control, effect.windows_treatment)[arm] == counted.sum()
    assert effect.absolute.estimate == pytest.approx(means[1] - means[0], rel=1e-9)


def test_windows_that_a_design_cannot_expose_are_left_out() -> None:
    """Blocks of two, one treated: only a window and the last one of the block before can be alike."""
    design = a_design(zones=30, windows=12, size=2, mechanism="balanced")
    effect = hajek(SwitchbackWindows.of_means(design.draw(), np.random.default_rng(5).normal(9, 1, (30, 12))), design, order=1)
    assert effect.absolute.reason == ""
    assert (effect.absolute.clusters, effect.windows_control + effect.windows_treatment < 90) == (150, True)
    impossible = hajek(SwitchbackWindows.of_means(design.draw(), np.ones((30, 12))), design, order=2)
    assert impossible.absolute.reason == impossible.relative.reason == "no window is exposed to control at order 2"
    assert math.isnan(impossible.absolute.estimate)


@pytest.mark.parametrize("estimator", [hajek, horvitz_thompson])
def test_relabelling_and_rescaling(estimator: Any) -> None:
    design = a_design(zones=6, windows=24, size=2)
    arms, outcome = design.draw(), np.random.default_rng(6).normal(50, 5, (6, 24))
    plain = estimator(SwitchbackWindows.of_means(arms, outcome), design, order=1)
    other = estimator(SwitchbackWindows.of_means(1 - arms, 60 * outcome), design, order=1)
    assert other.absolute.estimate == pytest.approx(-60 * plain.absolute.estimate, rel=1e-9)
    assert other.absolute.p_value() == pytest.approx(plain.absolute.p_value(), rel=1e-9)
    assert 1 + other.relative.estimate == pytest.approx(1 / (1 + plain.relative.estimate), rel=1e-9)


def test_regression_is_cr2_on_dummies_weighted() -> None:
    rng = np.random.default_rng(7)
    design = a_design(zones=5, windows=36, size=3)
    arms, outcome, weight = design.draw(), rng.normal(20, 4, (5, 36)), rng.integers(0, 6, (5, 36)).astype(float)
    outcome[2, 7] = np.nan
    windows = SwitchbackWindows(arms, outcome, weight)
    zone, hour = np.indices((5, 36))[0], np.broadcast_to(design.hours(), (5, 36))
    seen = windows.is_observed
    columns = np.column_stack((arms[seen], zone[seen][:, None] == np.arange(5), hour[seen][:, None] == np.arange(1, 24)))
    root = np.sqrt(weight[seen])
    for cluster in (design.independent_units(), zone):
        effect = switchback_regression(windows, hour=design.hours(), cluster=cluster)
        plain = cr2(columns * root[:, None], outcome[seen] * root, cluster[seen], coefficient=0)
        for name in ("estimate", "standard_error", "degrees_of_freedom"):
            assert getattr(effect.absolute, name) == pytest.approx(getattr(plain, name), rel=1e-8)
        assert effect.absolute.clusters == plain.clusters
    assert effect.windows_control == np.sum(seen & (arms == 0))


def test_regression_of_one_zone_and_hour_is_the_closed_form_of_clusters() -> None:
    """Nothing to absorb: both effects, the relative one too, are those of the clusters' sums of each arm."""
    rng = np.random.default_rng(8)
    design = a_design(windows=40, size=4)
    below = rng.integers(1, 30, 40).astype(float)
    above = below * rng.normal(30, 4, 40)
    block, arms = design.blocks(), design.draw()[0]
    effect = switchback_regression(
        SwitchbackWindows.from_sums(arms[None], above[None], below[None]), hour=np.zeros(40), cluster=design.independent_units()
    )
    both = clustered_estimates(np.bincount(block, above), np.bincount(block, below), group=arms[::4], groups=2)
    sides = [Estimates(*(getattr(both, name)[[arm]] for name in Estimates.__slots__)) for arm in (0, 1)]
    for ours, theirs in ((effect.absolute, absolute_effect(*sides)), (effect.relative, relative_effect(*sides))):
        assert (ours.estimate, ours.standard_error) == pytest.approx((theirs.estimate[0], theirs.standard_error[0]), rel=1e-9)
    assert (effect.control_mean, effect.treatment_mean) == pytest.approx(both.value.tolist(), rel=1e-9)


def test_regression_without_an_answer_has_a_reason() -> None:
    design = a_design(zones=2, windows=6)
    arms, hour, units = design.draw(), design.hours(), design.independent_units()
    nothing = switchback_regression(SwitchbackWindows.of_means(arms, np.full((2, 6), np.nan)), hour=hour, cluster=units)
    assert nothing.absolute.reason == "no window has an outcome"
    same = switchback_regression(SwitchbackWindows.of_means(np.ones((2, 6)), np.ones((2, 6))), hour=hour % 2, cluster=units)
    assert same.relative.reason == "treatment does not vary within zones and hours of the day"
    flat = switchback_regression(SwitchbackWindows.of_means(arms, np.full((2, 6), 4.0)), hour=np.zeros(6), cluster=units)
    assert flat.absolute.reason == flat.relative.reason == "no variation, so no test is possible"
    centred = np.random.default_rng(9).normal(0, 1, (2, 6))
    near_zero = switchback_regression(SwitchbackWindows.of_means(arms, centred), hour=np.zeros(6), cluster=units)
    assert near_zero.absolute.reason == ""
    assert near_zero.relative.reason == "zero lies within the control's 95 % confidence interval"
    for wrong in ({"hour": hour[:5], "cluster": units}, {"hour": hour, "cluster": units[0]}):
        with pytest.raises(RowsMismatch):
            switchback_regression(SwitchbackWindows.of_means(arms, centred), **wrong)


def test_a_control_without_spread_is_a_share_of_something() -> None:
    design = a_design(zones=2, windows=20)
    arms = design.draw()
    noise = np.random.default_rng(1).normal(6, 1, (2, 20))
    constant = hajek(SwitchbackWindows.of_means(arms, np.where(arms == 1, noise, 5.0)), design)
    assert constant.relative.reason == ""
    zero = hajek(SwitchbackWindows.of_means(arms, np.where(arms == 1, noise, 0.0)), design)
    assert zero.relative.reason == "no variation, so no test is possible"
    flat = hajek(SwitchbackWindows.of_means(arms, np.full((2, 20), 5.0)), design)
    assert (flat.absolute.estimate, flat.absolute.standard_error) == (0, 0)
    assert flat.absolute.reason == "no variation, so no test is possible"
    assert math.isnan(flat.absolute.p_value())


def carried_over(arms: Any, rng: np.random.Generator, back: int) -> Any:
    """A steady level of each zone, an effect of 1 of each of the last windows, and noise."""
    acting = sum(np.pad(arms, ((0, 0), (lag, 0)))[:, : arms.shape[1]] for lag in range(back + 1))
    return rng.normal(30, 2, (len(arms), 1)) + acting + rng.normal(0, 1, arms.shape)


@pytest.mark.parametrize(
    ("mechanism", "size", "gain"), [("independent", 1, 1.0), ("independent", 3, 19 / 59), ("balanced", 6, 0.8), ("minimax", 2, 27 / 59)]
)
def test_carryover_is_found_at_its_order_and_not_beyond(mechanism: str, size: int, gain: float) -> None:
    """Over redrawn schedules: p-values below 5 % about as often as that where the order is right, the gain where it is not.

    The gain is the share of windows whose window before was drawn by itself, times the effect of 1; in balanced blocks some
    are settled by later windows.
    """
    design, rng = a_design(zones=6, windows=60, size=size, mechanism=mechanism), np.random.default_rng(10)
    right, short = [], []
    for arms in design.redraw(300, 4):
        windows = SwitchbackWindows.of_means(arms, carried_over(arms, rng, 1))
        right.append(carryover_test(windows, design, order=1))
        short.append(carryover_test(windows, design, order=0).estimate)
    z = np.array([effect.estimate / effect.standard_error for effect in right])
    assert np.mean([effect.p_value() < 0.05 for effect in right]) < 0.10  # four standard errors above 5 %
    assert np.mean(z) == pytest.approx(0, abs=0.24)
    assert np.mean(short) == pytest.approx(gain, abs=0.1)


def test_the_gain_of_an_order_is_the_difference_of_both_estimates_on_centred_outcomes() -> None:
    """One draw a window and arms of mean zero each: Horvitz and Thompson at m + 1 less at m, on the same windows."""
    design = a_design(zones=3, windows=30)
    arms = design.draw()
    outcome = np.random.default_rng(11).normal(0, 1, (3, 30))
    for flags in exposed(arms[:, 1:], 0):
        chosen = np.pad(flags, ((0, 0), (1, 0))) == 1
        outcome[chosen] -= outcome[chosen].mean()
    treated, control = arms[:, 1:] == 1, arms[:, 1:] == 0
    expected = 0.0
    for arm, sign, chosen in ((1, 1, treated), (0, -1, control)):
        alike = arms[:, :-1] == arm
        expected += sign * np.sum(outcome[:, 1:] * chosen * (alike / 0.5 - 1)) / chosen.sum()
    assert carryover_test(SwitchbackWindows.of_means(arms, outcome), design, order=0).estimate == pytest.approx(expected, rel=1e-9)


def test_carryover_test_without_an_answer_has_a_reason() -> None:
    whole = a_design(zones=2, windows=6, size=6)
    windows = SwitchbackWindows.of_means(whole.draw(), np.random.default_rng(1).normal(5, 1, (2, 6)))
    assert "fewer than two" in carryover_test(windows, whole, order=0).reason
    design = a_design(zones=2, windows=12)
    flat = carryover_test(SwitchbackWindows.of_means(design.draw(), np.full((2, 12), 4.0)), design, order=0)
    assert (flat.reason, flat.estimate) == ("no variation, so no test is possible", 0)


@pytest.mark.parametrize("order", [-1, 8, 1.0, True])
def test_an_order_without_room_is_refused(order: Any) -> None:
    windows = SwitchbackWindows.of_means(a_design().draw(), np.ones((1, 8)))
    with pytest.raises(OrderInvalid, match="from 0 to 7"):
        hajek(windows, a_design(), order=order)
    with pytest.raises(OrderInvalid):
        carryover_test(windows, a_design(), order=7)


def test_windows_that_cannot_be_are_refused() -> None:
    ones = np.ones((2, 4))
    for arguments in ((ones[0], ones[0], ones[0]), (ones, ones[:1], ones), (ones, ones, ones[:1])):
        with pytest.raises(RowsMismatch):
            SwitchbackWindows(*arguments)
    with pytest.raises(RowsMismatch):
        SwitchbackWindows.from_sums(ones, ones, ones[:1])
    for arguments, words in (
        ((2 * ones, ones, ones), "treatment"),
        ((ones, np.inf * ones, ones), "outcome"),
        ((ones, ones, -ones), "weight"),
        ((ones, ones, np.nan * ones), "weight"),
    ):
        with pytest.raises(WindowsInvalid, match=words):
            SwitchbackWindows(*arguments)
    balanced = a_design(zones=2, windows=4, size=2, mechanism="balanced")
    with pytest.raises(WindowsInvalid, match=r"zones and windows \(2, 4\), found \(2, 3\)"):
        hajek(SwitchbackWindows.of_means(ones[:, :3], ones[:, :3]), balanced)
    with pytest.raises(WindowsInvalid, match="block 1 of zone zone 0 has 2 windows of treatment, expected 1"):
        hajek(SwitchbackWindows.of_means([[0, 1, 1, 1], [0, 1, 0, 1]], ones), balanced)
