"""Switchback scorecards: what counts of a window, which inference counts when, and when the numbers may not be read."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.switchback_plans import ARMS, CANCELLED, DESIGN, ORDERS, SECONDS, START, a_switchback_scorecard
from splitmile import stats
from splitmile.analysis.switchback import ExposureCounts
from splitmile.results.codec import from_json, to_json
from splitmile.results.scorecards import Decision, ReasonCode, Scorecard
from splitmile.results.sentences import say


def test_effects_are_those_of_the_statistics_on_the_windows() -> None:
    card = a_switchback_scorecard()
    ratio = stats.SwitchbackWindows.from_sums(ARMS, SECONDS, ORDERS)
    wanted = stats.switchback_regression(ratio, hour=DESIGN.hours(), cluster=DESIGN.independent_units())
    delivery_time, orders, cancelled = card.effects
    assert delivery_time.method == "switchback"
    assert delivery_time.absolute.estimate == pytest.approx(wanted.absolute.estimate)
    assert delivery_time.relative.standard_error == pytest.approx(wanted.relative.standard_error)
    assert delivery_time.absolute.p_value == pytest.approx(wanted.absolute.p_value())
    assert (delivery_time.n_control, delivery_time.n_treatment) == (int((1 - ARMS).sum()), int(ARMS.sum()))
    # The first ten minutes after a switch are not there, so the sum of such a window stands for 5/6 of it.
    is_switch = np.diff(ARMS, axis=1, prepend=2) != 0
    part = np.where(is_switch, 50 / 60, 1.0)
    mean = stats.SwitchbackWindows(ARMS, ORDERS / part, part)
    expected = stats.switchback_regression(mean, hour=DESIGN.hours(), cluster=DESIGN.independent_units()).absolute
    assert orders.absolute.estimate == pytest.approx(expected.estimate)
    assert orders.absolute.standard_error == pytest.approx(expected.standard_error)
    is_cancelled = stats.SwitchbackWindows.of_means(ARMS, np.minimum(CANCELLED, 1))
    share = stats.switchback_regression(is_cancelled, hour=DESIGN.hours(), cluster=DESIGN.independent_units())
    assert cancelled.treatment_value == pytest.approx(share.treatment_mean)
    assert card.switchback is not None
    assert card.switchback.burn_in_orders == 7
    found = {(effect.metric, effect.method): effect for effect in card.switchback.effects}
    assert found["delivery_time", "hajek"].absolute.estimate == pytest.approx(stats.hajek(ratio, DESIGN, order=1).absolute.estimate)
    assert found["orders", "horvitz_thompson"].absolute.estimate == pytest.approx(
        stats.horvitz_thompson(mean, DESIGN, order=1).absolute.estimate
    )
    tests = {(test.metric, test.method): test.p_value for test in card.switchback.randomization_tests}
    assert tests["delivery_time", "switchback"] == stats.randomization_p_value(ratio, DESIGN, statistic="regression", draws=2000, seed=11)
    gain = card.switchback.carryover_tests[0].gain
    assert gain.p_value == pytest.approx(stats.carryover_test(ratio, DESIGN, order=0).p_value())
    assert from_json(Scorecard, to_json(card)) == card


def test_a_window_counts_once_it_is_over_and_running_experiments_are_read_by_their_confidence_sequence() -> None:
    card = a_switchback_scorecard(as_of=START)
    effect = card.effects[0]
    assert effect.n_control + effect.n_treatment == 3 * 8
    assert sum(variant.units for variant in card.variants) == 3 * 8
    over = np.where(np.arange(12) < 8, ORDERS, 0)
    wanted = stats.switchback_regression(
        stats.SwitchbackWindows.from_sums(ARMS, SECONDS, over), hour=DESIGN.hours(), cluster=DESIGN.independent_units()
    ).absolute
    assert effect.absolute.estimate == pytest.approx(wanted.estimate)
    low, high = stats.confidence_sequence(
        wanted.estimate, wanted.standard_error, 3 * 8, 3 * 12, 0.05, degrees_of_freedom=wanted.degrees_of_freedom
    )
    assert effect.sequential is not None
    assert effect.sequential.interval is not None
    assert (effect.sequential.interval.low, effect.sequential.interval.high) == pytest.approx((float(low), float(high)))
    # What is valid for one look only waits for the planned end.
    assert card.switchback is not None
    assert (card.switchback.effects, card.switchback.randomization_tests, card.switchback.carryover_tests) == ((), (), ())


def test_the_verdict_follows_the_primary_metric_and_the_schedule() -> None:
    assert a_switchback_scorecard().verdict.decision is Decision.ship
    harmed = a_switchback_scorecard(seconds=SECONDS * np.where(ARMS == 1, 1.3, 1.0))
    assert (harmed.verdict.decision, harmed.verdict.reasons[0].code) == (Decision.harmful, ReasonCode.primary_worse)
    assert a_switchback_scorecard(seconds=np.zeros(DESIGN.shape)).verdict.decision is Decision.keep_running
    # Two of a hundred are accepted; those outside of the schedule are of no variant of it.
    assert a_switchback_scorecard(exposures=ExposureCounts(150, 2, 50)).verdict.decision is Decision.ship
    broken = a_switchback_scorecard(exposures=ExposureCounts(150, 3, 50))
    assert (broken.verdict.decision, broken.verdict.reasons[0].code) == (Decision.invalid, ReasonCode.schedule_broken)
    sentence = say(broken.verdict.reasons[0], broken)
    assert "3 exposures (3 %)" in sentence
    assert say(broken.verdict.reasons[0], broken, "ko") != sentence
