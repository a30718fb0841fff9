from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks.calibration import DOCUMENT, PARTS, MarkerUnknown, fill
from benchmarks.calibration_pictures import draw

from splitmile.calibration import Calibration, Feed, calibrate
from splitmile.calibration.feeds import Covariates


@pytest.fixture(scope="module")
def found() -> Calibration:
    """Sixty units on five days, split four times: enough for every table and picture, not for any conclusion."""
    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(60), 12)
    value = np.rint(rng.normal(2000, 400, unit.size) * rng.lognormal(0, 0.2, 60)[unit])
    before = Covariates(np.rint(rng.normal(8000, 900, 60)), np.full(60, 4.0))
    feed = Feed("town", "Drawn numbers.", 60, unit, value, rng.integers(0, 5, unit.size), before, np.arange(60) % 3)
    return calibrate(feed, draws=4, seed=1)


def test_every_marked_part_of_the_document_is_made(found: Calibration) -> None:
    document = "\n".join(f"<!-- measured: {part} -->\nold\n<!-- end -->" for part in PARTS)
    made = fill(document, [found])
    assert "old" not in made
    assert "### Town: False positive rates" in made
    assert fill(made, [found]) == made
    with pytest.raises(MarkerUnknown, match="'nothing'"):
        fill("<!-- measured: nothing -->\n\n<!-- end -->", [found])


def test_the_document_shows_a_calibration_of_enough_draws() -> None:
    text = DOCUMENT.read_text()
    draws = re.findall(r"^\| (?:city|flights) \|.*\| ([0-9,]+) \|$", text, re.MULTILINE)
    assert len(draws) == 2
    assert all(int(each.replace(",", "")) >= 2000 for each in draws)
    assert text.count("<!-- end -->") == len(PARTS)


def test_pictures_are_the_same_twice(found: Calibration, tmp_path: Path) -> None:
    first, second = ([path.read_bytes() for path in draw([found], tmp_path)] for _ in range(2))
    assert first == second
    assert len(first) == 4
