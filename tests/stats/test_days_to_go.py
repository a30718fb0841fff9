from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitmile.stats import CountsInvalid, RowsMismatch, days_to_go


def test_a_constant_rate_goes_on() -> None:
    forecast = days_to_go(2000, 1400, [100] * 14)
    assert forecast.days.tolist() == [6.0]
    assert forecast.units_per_day.tolist() == [100.0]
    assert forecast.weekly_factor.tolist() == [1.0]
    assert forecast.reason.tolist() == [""]


@given(st.integers(30, 95), st.integers(1, 3000), st.integers(100, 2000))
def test_a_decline_goes_on_by_the_same_factor(percent: int, missing: int, week_before: int) -> None:
    this_week = week_before * percent // 100
    forecast = days_to_go(missing, 0, [week_before, *[0] * 6, this_week, *[0] * 6])
    factor = this_week / week_before
    if week_before - this_week <= 1.6448536 * math.sqrt(week_before + this_week):
        assert forecast.weekly_factor.tolist() == [1.0], "such a decline may be chance"
        return
    # The closed form against adding up the weeks one by one.
    total, week = 0.0, this_week * factor
    for weeks in itertools.count(1):
        total += week
        if total >= missing or weeks > 2000:
            break
        week *= factor
    if math.isinf(forecast.days[0]):
        assert total < missing
        assert str(forecast.reason[0]).startswith("new units are drying up")
    else:
        assert 7 * (weeks - 1) - 1e-6 <= forecast.days[0] <= 7 * weeks + 1
        assert forecast.reason[0] == ""


def test_more_units_never_take_longer_and_a_rise_is_not_extrapolated() -> None:
    declining = [120] * 7 + [90] * 7
    days = days_to_go(np.arange(1000, 2600, 100), 900, declining).days
    assert np.all(np.diff(days) >= 0)
    assert np.isinf(days_to_go(900 + 630 * 3 + 1, 900, declining).days[0]), "630·(¾ + ¾² + …) = 1,890 more at most"
    assert days_to_go(1600, 900, [50] * 7 + [100] * 7).days.tolist() == [7.0]


def test_only_the_last_two_weeks_count_and_weekends_are_no_trend() -> None:
    week = [100, 100, 100, 100, 100, 20, 20]
    assert days_to_go(1080, 0, [9999, *week, *week]).days.tolist() == [14.0]
    assert days_to_go(1080, 0, week[:5]).days.tolist() == [11.0], "less than a week: the mean of what there is"


def test_what_is_known_is_answered_and_the_rest_has_its_reason() -> None:
    daily = np.array([[10] * 8, [0] * 8, [10] * 8, [0] * 8])
    forecast = days_to_go([100, 100, np.nan, 50], [100, 50, 50, 50], daily)
    assert forecast.days.tolist() == pytest.approx([0.0, math.inf, math.nan, 0.0], nan_ok=True)
    assert forecast.reason.tolist() == ["", "no new units in the last days", "the number of units needed is not known", ""]
    first_morning = days_to_go([100, 10], 10, np.zeros((2, 0)))
    assert first_morning.days.tolist() == pytest.approx([math.nan, 0.0], nan_ok=True)
    assert first_morning.reason.tolist() == ["no day of new units yet", ""]
    assert np.isnan(first_morning.units_per_day).all()
    assert np.isnan(first_morning.weekly_factor).all()
    stopped = days_to_go(200, 100, [90] * 7 + [0] * 7)
    assert (stopped.days[0], stopped.weekly_factor[0], stopped.reason[0]) == (math.inf, 0.0, "no new units in the last days")


def test_impossible_inputs_are_refused() -> None:
    for arguments in ((100, -1, [5]), (100, 1.5, [5]), (100, 1, [-5]), (100, 1, [math.nan])):
        with pytest.raises(CountsInvalid):
            days_to_go(*arguments)
    for shapes in ((np.ones(3), np.ones(2), [5]), (np.ones(3), 1, np.ones((2, 7))), (1, 1, np.ones((2, 2, 7)))):
        with pytest.raises(RowsMismatch, match="days"):
            days_to_go(*shapes)
