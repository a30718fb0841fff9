from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmile.stats import RowsMismatch
from splitmile.stats.switchback_design import SwitchbackDesign, SwitchbackDesignInvalid
from splitmile.stats.switchback_rows import after_burn_in, locate, violations, window_sums

pytestmark = pytest.mark.filterwarnings("error")
START = np.datetime64("2024-05-01T00:00")
DESIGN = SwitchbackDesign(("Mapo", "Jongno"), "2024-05-01T09:00:00+09:00", 30, 4, 3)
ARMS = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=np.int8)


def at(minutes: list[float]) -> np.ndarray:
    return START + np.array([timedelta(minutes=each) for each in minutes], dtype="timedelta64[us]")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Mapo", "Jongno", "Gangnam"]), st.integers(-(10**10), 10**10)), min_size=1, max_size=20))
def test_places_agree_with_the_design(rows: list[tuple[str, int]]) -> None:
    zones, offsets = [zone for zone, _ in rows], [timedelta(microseconds=offset) for _, offset in rows]
    zone_index, window_index = locate(DESIGN, zones, START + np.array(offsets, dtype="timedelta64[us]"))
    for row, (zone, offset) in enumerate(zip(zones, offsets, strict=True)):
        try:
            arm = DESIGN.assignment_at(zone, datetime(2024, 5, 1, tzinfo=UTC) + offset)
        except SwitchbackDesignInvalid:
            assert (zone_index[row], window_index[row]) == (-1, -1)
        else:
            assert DESIGN.zones[zone_index[row]] == zone
            assert DESIGN.draw()[zone_index[row], window_index[row]] == arm


def test_an_instant_that_is_missing_lies_outside() -> None:
    assert [index.tolist() for index in locate(DESIGN, ["Mapo"], ["NaT"])] == [[-1], [-1]]


def test_burn_in_leaves_out_the_minutes_after_a_switch_of_either_arm_and_after_the_start() -> None:
    """Mapo switches at 0 (start) and 60 minutes, Jongno at 0, 30 and 90."""
    minutes = [0, 9.9, 10, 30, 59, 60, 69.9, 70, 95, 119.9, 120, -1]
    kept = after_burn_in(DESIGN, ARMS, ["Mapo"] * 12, at(minutes), 10)
    assert kept.tolist() == [False, False, True, True, True, False, False, True, True, True, False, False]
    kept = after_burn_in(DESIGN, ARMS, ["Jongno"] * 12, at(minutes), 10)
    assert kept.tolist() == [False, False, True, False, True, True, True, True, False, True, False, False]
    assert after_burn_in(DESIGN, ARMS, ["Mapo", "Gangnam"], at([0, 0]), 0).tolist() == [True, False]


def test_sums_of_rows_in_windows() -> None:
    sums = window_sums(DESIGN, [2, 3, 10, 99, 0], ["Mapo", "Mapo", "Jongno", "Gangnam", "Jongno"], at([0, 29.9, 30, 30, 100]))
    expected = [[5, math.nan, math.nan, math.nan], [math.nan, 10, math.nan, 0]]
    np.testing.assert_array_equal(sums, expected)


def test_share_of_rows_that_met_another_arm() -> None:
    zones, instants = ["Mapo", "Mapo", "Jongno", "Jongno", "Gangnam"], at([0, 70, 0, 40, 0])
    assert violations(DESIGN, ARMS, [1, 1, 0, 1, 1], zones, instants) == 0.25
    assert violations(DESIGN, ARMS, [1, 0, 0, 1, 1], zones, instants) == 0
    assert math.isnan(violations(DESIGN, ARMS, [1], ["Gangnam"], at([0])))


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(RowsMismatch):
        locate(DESIGN, ["Mapo"], at([0, 1]))
    with pytest.raises(RowsMismatch):
        window_sums(DESIGN, [1], ["Mapo", "Mapo"], at([0, 1]))
    with pytest.raises(RowsMismatch):
        violations(DESIGN, ARMS, [1], ["Mapo", "Mapo"], at([0, 1]))
    for call in (lambda: after_burn_in(DESIGN, ARMS.T, ["Mapo"], at([0]), 5), lambda: violations(DESIGN, ARMS.T, [1], ["Mapo"], at([0]))):
        with pytest.raises(RowsMismatch, match=r"shape \(2, 4\)"):
            call()
