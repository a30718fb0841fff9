"""The split: which test counts when, and where it goes wrong."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats as scipy_stats

from analysis.plans import a_plan
from splitmile.analysis.sample_ratio import ExposureCount, check_sample_ratio, daily_units
from splitmile.registry import Role

START = date(2026, 3, 2)
SHARES = (0.5, 0.5)


def days_of(units: np.ndarray) -> list[date]:
    return [START + timedelta(days=index) for index in range(len(units))]


def test_units_are_counted_by_day_of_their_exposure() -> None:
    plan = a_plan(("orders", "mean", Role.primary, "increase"))
    later = START + timedelta(days=2)
    exposures = [
        ExposureCount("b", later, 3, 0),
        ExposureCount("a", START, 5, 0),
        ExposureCount("b", START, 4, 1),
        ExposureCount("a", later, 0, 2),
    ]
    days, units = daily_units(plan, exposures)
    assert days == (START, later)
    assert units.tolist() == [[5, 4], [0, 3]]


def test_before_the_first_unit_there_is_no_test() -> None:
    ratio = check_sample_ratio((), np.zeros((0, 2), dtype=int), SHARES, 0.001, has_ended=False)
    assert (ratio.p_value, ratio.sequential_p_value, ratio.is_mismatch, ratio.by_day) == (None, None, False, ())


def test_while_it_runs_the_sequential_test_raises_the_alarm() -> None:
    """A split that χ² alone would call broken on the day it is looked at, and that daily looks meet by chance."""
    units = np.array([[300, 240], [300, 240]])
    running, ended = (check_sample_ratio(days_of(units), units, SHARES, 0.001, has_ended=has_ended) for has_ended in (False, True))
    assert running.p_value == pytest.approx(scipy_stats.chisquare([600, 480]).pvalue, rel=1e-9)
    assert running.p_value is not None
    assert running.sequential_p_value is not None
    assert running.p_value < 0.001 < running.sequential_p_value
    assert (running.is_mismatch, ended.is_mismatch) == (False, True)


def test_an_alarm_once_raised_stands() -> None:
    units = np.array([[400, 200], [200, 400]])
    ratio = check_sample_ratio(days_of(units), units, SHARES, 0.001, has_ended=True)
    assert ratio.p_value == pytest.approx(1.0)
    assert ratio.is_mismatch


def test_the_day_that_went_wrong_is_named() -> None:
    units = np.array([[100, 104], [180, 90], [101, 99], [2, 1]])
    ratio = check_sample_ratio(days_of(units), units, SHARES, 0.001, has_ended=False)
    assert [day.segment for day in ratio.by_day if day.is_mismatch] == ["2026-03-03"]
    assert ratio.by_day[1].units == (180, 90)
    assert ratio.by_day[1].p_value == pytest.approx(scipy_stats.chisquare([180, 90]).pvalue, rel=1e-9)
    assert (ratio.by_day[3].p_value, ratio.by_day[3].p_value_adjusted) == (None, None)


def test_traffic_in_an_arm_planned_without_any_is_an_alarm() -> None:
    units = np.array([[500, 500, 1]])
    assert check_sample_ratio(days_of(units), units, (0.5, 0.5, 0.0), 0.001, has_ended=False).is_mismatch
