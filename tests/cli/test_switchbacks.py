"""`splitmile switchback`: design, then analyze what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from splitmile.results.codec import json_schema
from splitmile.results.readouts import SwitchbackReadout
from splitmile.workbench.schedules import read_design

from .conftest import Run

DESIGN = ["switchback", "design", "--zones", "a,b", "--start", "2026-03-02T00:00+09:00", "--window", 60]


@pytest.fixture
def kept(run: Run, tmp_path: Path) -> Path:
    code, out, err = run(*DESIGN, "--days", 4, "--seed", 3, "-o", tmp_path / "d.json", "--csv", tmp_path / "windows.csv")
    assert (code, err) == (0, "")
    assert "2 zones, 96 windows each of 60 minutes from 2026-03-01 15:00 UTC, seed 3." in out
    return tmp_path / "d.json"


def rows(folder: Path, *, scheduled: bool = True) -> Path:
    lines = (folder / "windows.csv").read_text().splitlines()
    path = folder / "rows.csv"
    cells = [line.split(",") for line in lines[1:]]
    for place, cell in enumerate(cells):
        cell.append(str(20 + place % 7 - 3 * int(cell[3]) + place % 5))
        cell[3] = cell[3] if scheduled or place else str(1 - int(cell[3]))
    path.write_text("\n".join([f"{lines[0]},minutes", *map(",".join, cells)]) + "\n")
    return path


def asking(folder: Path, *options: object) -> list[object]:
    wanted = ["--period", "start", "--treatment", "treatment", "--zone", "zone", "--outcome", "m=minutes", "--draws", 99]
    return ["switchback", "analyze", folder / "rows.csv", *wanted, *options]


def test_a_design_is_analyzed_as_json(run: Run, kept: Path) -> None:
    rows(kept.parent)
    code, out, err = run(*asking(kept.parent, "--design", kept, "--carryover", 1, "--format", "json"))
    assert (code, err) == (0, "")
    answer = json.loads(out)
    jsonschema.validate(answer, json_schema(SwitchbackReadout))
    assert [effect["method"] for effect in answer["effects"]] == ["cr2", "hajek", "horvitz_thompson"]
    assert answer["effects"][0]["absolute"]["estimate"] == pytest.approx(-3, abs=0.8)
    assert answer["randomization_tests"][0] == {"metric": "m", "method": "cr2", "p_value": 0.01, "draws": 99}


def test_as_a_table_that_fits_100_columns(run: Run, kept: Path) -> None:
    rows(kept.parent, scheduled=False)
    code, out, _ = run(*asking(kept.parent, "--design", kept))
    words = " ".join(out.split())
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "2 zones with 96 windows of 60 minutes" in words
    assert "Contaminated: 1 row (0.521 %) met another variant than scheduled; they count by the schedule." in words
    assert "carry-over beyond 0 windows: " in words
    _, out, _ = run(*asking(kept.parent))
    words = " ".join(out.split())
    assert "No --design: every zone and window is taken to have been assigned by a fair coin of its own." in words


def test_without_variation_there_are_reasons(run: Run, kept: Path) -> None:
    path = rows(kept.parent)
    path.write_text(
        "\n".join(line if "minutes" in line else f"{line.rsplit(',', 1)[0]},5" for line in path.read_text().splitlines()) + "\n"
    )
    code, out, _ = run(*asking(kept.parent, "--design", kept))
    assert code == 0
    assert "m, cr2, effect: no variation" in " ".join(out.split())
    assert "no test, no variation" in " ".join(out.split())


def test_a_seed_is_drawn_where_none_is_given(run: Run, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        assert run(*DESIGN, "--windows", 24, "-o", tmp_path / name)[0] == 0
    assert read_design(tmp_path / "one.json").seed != read_design(tmp_path / "two.json").seed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--windows", 5, "--mechanism", "fair"], "mechanism: found 'fair', expected one of independent, balanced, minimax"),
        (["--windows", 5, "--share", 2], "treatment_share: found 2.0"),
        (["--windows", 5, "--start", "tomorrow"], "start: found 'tomorrow', expected an instant with a time zone"),
        ([], "give --windows or --days, one of the two"),
    ],
)
def test_a_design_that_cannot_be_drawn_is_one_sentence(run: Run, tmp_path: Path, options: list[object], said: str) -> None:
    code, out, err = run(*DESIGN, "-o", tmp_path / "d.json", *options)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert said in err
    assert not (tmp_path / "d.json").exists()


def test_an_order_that_is_too_long(run: Run, kept: Path) -> None:
    rows(kept.parent)
    code, _, err = run(*asking(kept.parent, "--design", kept, "--carryover", 96))
    assert (code, err.count("\n")) == (1, 1)
