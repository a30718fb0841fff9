from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmile.stats import CountsInvalid
from splitmile.stats.switchback_design import ScheduleRow, SwitchbackDesign, SwitchbackDesignInvalid

pytestmark = pytest.mark.filterwarnings("error")
START = datetime(2024, 5, 1, tzinfo=UTC)


def a_design(**changes: Any) -> SwitchbackDesign:
    return SwitchbackDesign(**{"zones": ("Mapo", "Jongno"), "start": START, "window_minutes": 60, "windows": 8, "seed": 7} | changes)


@pytest.mark.parametrize(
    ("changes", "drawn", "redrawn"),
    [
        ({}, "00011010 01111100", "11111110 11110011"),
        ({"treatment_share": 0.3, "windows_per_block": 2}, "00000011 00001100", "00111111 11000000"),
        ({"mechanism": "balanced", "windows_per_block": 4}, "10011010 00111100", "01011010 01100011"),
        ({"mechanism": "minimax", "windows_per_block": 2}, "00000000 00001111", "11111111 11111111"),
    ],
)
def test_a_stored_design_draws_the_same_schedule_for_ever(changes: dict[str, Any], drawn: str, redrawn: str) -> None:
    """Golden: a schedule that has run in a city must be drawn again years later."""
    stored = json.loads(json.dumps(a_design(**changes).to_dict()))
    design = SwitchbackDesign.from_dict(stored)
    assert design == a_design(**changes)
    assert " ".join("".join(map(str, zone)) for zone in design.draw().tolist()) == drawn
    assert " ".join("".join(map(str, zone)) for zone in design.redraw(3, 7)[0].tolist()) == redrawn


def test_the_draw_is_the_documented_stream() -> None:
    """PCG64 seeded with the seed: its raw 64-bit words, the upper 53 bits as a double, one a zone and window."""
    words = np.random.PCG64(7).random_raw(16)
    assert (a_design().draw().ravel() == ((words >> 11) * 2.0**-53 < 0.5)).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**40), st.sampled_from([(0.5, 4), (0.25, 4), (2 / 3, 3), (0.9, 10)]), st.integers(1, 5))
def test_balanced_blocks_have_the_planned_share(seed: int, shape: tuple[float, int], blocks: int) -> None:
    share, size = shape
    design = a_design(seed=seed, mechanism="balanced", treatment_share=share, windows_per_block=size, windows=size * blocks)
    by_block = design.redraw(5, 1).reshape(5, 2, blocks, size).sum(axis=-1)
    assert (by_block == round(share * size)).all()
    assert design.balance().by_zone == pytest.approx([share, share])


def test_every_balanced_arrangement_is_as_likely_as_any_other() -> None:
    arms = a_design(zones=("Mapo",), windows=4, mechanism="balanced", windows_per_block=4).redraw(6000, 2)[:, 0]
    times = np.unique(arms @ [8, 4, 2, 1], return_counts=True)[1]
    assert len(times) == 6
    assert np.sum((times - 1000) ** 2 / 1000) < 20.5  # the 0.1 % point of χ² with 5 degrees


def test_independent_blocks_are_treated_with_the_planned_probability() -> None:
    design = a_design(treatment_share=0.3, windows_per_block=2)
    arms = design.redraw(5000, 3)
    assert (arms[..., ::2] == arms[..., 1::2]).all()
    assert arms.mean(axis=0) == pytest.approx(np.full((2, 8), 0.3), abs=0.026)  # four standard errors
    assert design.independent_units().tolist() == [[0, 0, 1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 6, 6, 7, 7]]


def test_minimax_switches_where_the_paper_says() -> None:
    """T = 12 and m = 2: {1, 5, 7, 9}, the table of section 3 of the paper."""
    blocks = a_design(windows=12, mechanism="minimax", windows_per_block=2).blocks()
    assert [1, *(np.flatnonzero(np.diff(blocks)) + 2)] == [1, 5, 7, 9]


def test_redraws_do_not_depend_on_how_many_are_held_at_once_nor_repeat_the_schedule() -> None:
    design = a_design()
    parts = list(design.redraws(7, 5, at_once=3))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert (np.concatenate(parts) == design.redraw(7, 5)).all()
    assert (design.redraw(1, design.seed)[0] != design.draw()).any()
    with pytest.raises(CountsInvalid, match="draws"):
        design.redraw(0, 5)


def test_schedule_and_assignment_agree() -> None:
    design = a_design(start="2024-05-01T09:30:00+09:00", window_minutes=45)
    rows = list(design.schedule())
    assert len(rows) == 16
    assert rows[0] == ScheduleRow("Mapo", datetime(2024, 5, 1, 0, 30, tzinfo=UTC), datetime(2024, 5, 1, 1, 15, tzinfo=UTC), 0)
    for row in rows:
        assert design.assignment_at(row.zone, row.start) == row.variant
        assert design.assignment_at(row.zone, row.end - timedelta(microseconds=1)) == row.variant
    assert design.hours().tolist() == [row.start.hour for row in rows[:8]]
    for zone, instant in (("Gangnam", rows[0].start), ("Mapo", rows[-1].end), ("Mapo", rows[0].start - timedelta(microseconds=1))):
        with pytest.raises(SwitchbackDesignInvalid):
            design.assignment_at(zone, instant)


def test_balance_by_zone_and_hour() -> None:
    design = a_design(window_minutes=720)
    balance, arms = design.balance(), design.draw()
    assert balance.share == arms.mean()
    assert balance.by_zone.tolist() == arms.mean(axis=1).tolist()
    assert balance.by_hour[[0, 12]].tolist() == [arms[:, ::2].mean(), arms[:, 1::2].mean()]
    assert np.isnan(np.delete(balance.by_hour, [0, 12])).all()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("zones", (), "names"),
        ("zones", "Mapo", "names"),
        ("zones", ("Mapo", "Mapo"), "each once"),
        ("zones", ("Mapo", ""), "names"),
        ("zones", (1,), "names"),
        ("zones", 3, "names"),
        ("start", "2024-05-01T00:00:00", "time zone"),
        ("start", "tomorrow", "time zone"),
        ("start", 5, "time zone"),
        ("window_minutes", 0, "whole number from 1"),
        ("window_minutes", True, "whole number from 1"),
        ("windows", 1.5, "whole number"),
        ("windows", 7, "multiple of windows_per_block"),
        ("seed", -1, "whole number from 0"),
        ("mechanism", "alternating", "one of independent, balanced, minimax"),
        ("treatment_share", 1, "strictly between"),
        ("treatment_share", "half", "strictly between"),
        ("treatment_share", True, "strictly between"),
    ],
)
def test_a_field_that_no_schedule_can_be_drawn_from_is_named(field: str, value: object, words: str) -> None:
    with pytest.raises(SwitchbackDesignInvalid, match=f"{field}: found .*{words}") as error:
        a_design(**{"windows_per_block": 2} | {field: value})
    assert error.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mechanism": "balanced", "windows_per_block": 4, "treatment_share": 0.3}, "treatment_share"),
        ({"mechanism": "balanced", "windows_per_block": 1}, "treatment_share"),
        ({"mechanism": "minimax", "treatment_share": 0.3}, "treatment_share"),
        ({"mechanism": "minimax", "windows_per_block": 4}, "windows"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(SwitchbackDesignInvalid) as error:
        a_design(**changes)
    assert error.value.field == field


def test_a_stored_document_with_a_field_too_many_or_too_few_is_refused() -> None:
    document = a_design().to_dict()
    with pytest.raises(SwitchbackDesignInvalid, match="city: found 'Seoul', expected no such field"):
        SwitchbackDesign.from_dict(document | {"city": "Seoul"})
    del document["seed"]
    with pytest.raises(SwitchbackDesignInvalid, match="seed: found None, expected a value"):
        SwitchbackDesign.from_dict(document)
