"""Switchback files to their answers, against row-level regression by statsmodels and the definitions."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import statsmodels.api as sm

from splitmile.results.comparisons import Comparison
from splitmile.results.readouts import Cause, SwitchbackReadout
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.workbench.cells import periods_of
from splitmile.workbench.questions import read_outcome
from splitmile.workbench.refusals import FileInvalid, OptionInvalid
from splitmile.workbench.schedules import block_of, read_design, read_zones, windows_of, write_design, write_schedule
from splitmile.workbench.switchback import SwitchbackQuestion, analyze_switchback

DESIGN = SwitchbackDesign(("north", "south"), "2026-03-02T00:00:00+09:00", 60, 96, seed=4)  # type: ignore[arg-type]
QUESTION = SwitchbackQuestion(
    period="at", treatment="treated", outcomes=(read_outcome("minutes=minutes"),), zone="zone", design=DESIGN, draws=199
)


def rows_of(design: SwitchbackDesign, *, effect: float = -2.0, carryover: float = 0.0, per_window: int = 4) -> list[dict[str, object]]:
    rng = np.random.default_rng(9)
    arms = design.draw()
    rows: list[dict[str, object]] = []
    for zone, name in enumerate(design.zones):
        for window in range(design.windows):
            for _ in range(per_window):
                before = carryover * arms[zone, window - 1] if window else 0.0
                minutes = 30 + 3 * zone + effect * arms[zone, window] + before + rng.normal(0, 2)
                offset = window * design.window_minutes + int(rng.integers(design.window_minutes))
                at = np.datetime64(design.start.replace(tzinfo=None), "m") + np.timedelta64(offset, "m")
                rows.append(
                    {"zone": name, "at": f"{at}:00Z", "window": window, "treated": int(arms[zone, window]), "minutes": minutes, "orders": 1}
                )
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def by_method(readout: SwitchbackReadout) -> dict[str, Comparison]:
    return {effect.method: effect for effect in readout.effects}


def window_means(rows: list[dict[str, object]]) -> np.ndarray:
    cells = np.array([DESIGN.zones.index(str(row["zone"])) * 96 + int(str(row["window"])) for row in rows])
    values = np.array([row["minutes"] for row in rows], dtype=float)
    return (np.bincount(cells, values) / np.bincount(cells)).reshape(2, 96)


def test_the_regression_and_hajek_are_what_they_say(tmp_path: Path) -> None:
    rows = rows_of(DESIGN)
    readout = analyze_switchback(write(tmp_path / "s.csv", rows), QUESTION)
    effects = by_method(readout)
    means, arms = window_means(rows), DESIGN.draw()
    zone, hour = np.repeat([0, 1], 96), np.tile(DESIGN.hours(), 2)
    design = np.column_stack([arms.ravel(), zone, np.eye(24)[hour]])
    expected = sm.OLS(means.ravel(), design).fit().params[0]
    assert effects["cr2"].absolute.estimate == pytest.approx(expected, rel=1e-9)
    assert effects["hajek"].absolute.estimate == pytest.approx(means[arms == 1].mean() - means[arms == 0].mean(), rel=1e-9)
    shifted = (means * (arms / 0.5 - (1 - arms) / 0.5)).mean()
    assert effects["horvitz_thompson"].absolute.estimate == pytest.approx(shifted, rel=1e-9)
    assert (effects["cr2"].n_control, effects["cr2"].n_treatment) == (int((arms == 0).sum()), int((arms == 1).sum()))
    assert effects["hajek"].degrees_of_freedom is None
    assert {test.method: test.p_value for test in readout.randomization_tests} == {"cr2": 1 / 200, "hajek": 1 / 200}
    assert (readout.is_design_given, readout.zones, readout.windows, readout.left_out) == (True, 2, 96, ())
    assert readout.carryover_tests[0].gain.p_value is not None


def test_carry_over_is_found_and_allowed_for(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows_of(DESIGN, carryover=-2.0))
    readout = analyze_switchback(path, QUESTION)
    gain = readout.carryover_tests[0].gain
    assert gain.p_value is not None
    assert gain.p_value < 0.001
    longer = by_method(analyze_switchback(path, replace(QUESTION, order=1)))["hajek"]
    assert longer.absolute.interval is not None
    assert longer.absolute.interval.low is not None
    assert longer.absolute.interval.high is not None
    assert longer.absolute.interval.low < -4 < longer.absolute.interval.high


def test_numbered_windows_without_a_design_take_a_fair_coin(tmp_path: Path) -> None:
    rows = [row for row in rows_of(DESIGN) if row["window"] != 40]
    rows[0]["treated"] = 1 - int(str(rows[0]["treated"]))  # a window with rows of both
    question = replace(QUESTION, design=None, period="window", order=1, cluster="zone")
    readout = analyze_switchback(write(tmp_path / "s.csv", rows), question)
    assert not readout.is_design_given
    assert (readout.windows, readout.window_minutes, readout.contamination.units) == (96, None, 1)
    assert [arm.planned_share for arm in readout.variants] == [0.5, 0.5]
    assert sum(arm.units for arm in readout.variants) == 2 * 95 - 1
    assert {entry.cause for entry in readout.left_out} == {Cause.several_variants}
    known = by_method(readout)["hajek"]
    arms = DESIGN.draw()
    is_seen = np.ones((2, 96), dtype=bool)
    is_seen[:, 40] = is_seen[0, 0] = False
    both_seen = is_seen[:, 1:] & is_seen[:, :-1]
    assert known.n_treatment == int(np.sum(both_seen & (arms[:, 1:] == 1) & (arms[:, :-1] == 1)))


def test_instants_without_a_design_need_the_length_of_a_window(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", rows_of(DESIGN))
    with pytest.raises(OptionInvalid, match="no starts of equal windows; give --design, or --window"):
        analyze_switchback(path, replace(QUESTION, design=None))
    found = analyze_switchback(path, replace(QUESTION, design=None, window_minutes=60))
    assert (found.windows, found.window_minutes) == (96, 60)
    given = analyze_switchback(path, QUESTION)
    assert by_method(found)["cr2"].absolute == by_method(given)["cr2"].absolute
    starts = [
        {**row, "at": str(np.datetime64("2026-03-01T15:00") + np.timedelta64(int(str(row["window"])), "h"))} for row in rows_of(DESIGN)
    ]
    assert analyze_switchback(write(tmp_path / "w.csv", starts), replace(QUESTION, design=None)).window_minutes == 60


def test_a_ratio_weighs_windows_by_its_denominator(tmp_path: Path) -> None:
    rows = rows_of(DESIGN)[:-7]
    path = write(tmp_path / "s.csv", rows)
    readout = analyze_switchback(path, replace(QUESTION, outcomes=(read_outcome("m=minutes/orders"), read_outcome("n = minutes"))))
    ratio = next(effect for effect in readout.effects if (effect.metric, effect.method) == ("m", "hajek"))
    of_arm = {arm: [row["minutes"] for row in rows if row["treated"] == arm] for arm in (0, 1)}
    assert (ratio.kind, ratio.treatment_value) == ("ratio", pytest.approx(np.mean(np.array(of_arm[1], dtype=float)), rel=1e-9))
    assert all(effect.p_value_adjusted is not None for effect in readout.effects)


def test_burn_in_and_rows_outside_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(DESIGN)
    rows.append({**rows[-1], "zone": "west"})
    rows.append({**rows[-1], "zone": "north", "treated": "", "minutes": ""})
    rows.append({**rows[0], "minutes": ""})
    rows.append({**rows[0], "at": "2030-01-01T00:00:00Z"})
    readout = analyze_switchback(write(tmp_path / "s.csv", rows), replace(QUESTION, burn_in_minutes=15))
    counted = {entry.cause: entry.rows for entry in readout.left_out}
    assert counted.pop(Cause.burn_in) > 50
    assert counted.get(Cause.outside_schedule) == 2
    assert counted.get(Cause.no_variant) == 1
    with pytest.raises(OptionInvalid, match="--burn-in needs instants"):
        analyze_switchback(tmp_path / "s.csv", replace(QUESTION, design=None, period="window", burn_in_minutes=15))


def test_names_of_variants_parquet_and_one_zone(tmp_path: Path) -> None:
    rows = [row for row in rows_of(DESIGN) if row["zone"] == "south"]
    table = pa.table(
        {
            "at": pa.array([np.datetime64(str(row["at"]).rstrip("Z"), "us") for row in rows]),
            "treated": ["new" if row["treated"] else "old" for row in rows],
            "minutes": [row["minutes"] for row in rows],
        }
    )
    pa.parquet.write_table(table, tmp_path / "s.parquet")
    one = replace(QUESTION, zone=None, design=None, window_minutes=60)
    with pytest.raises(OptionInvalid, match="say with --control which is the control"):
        analyze_switchback(tmp_path / "s.parquet", one)
    with pytest.raises(OptionInvalid, match="--control is 'current', and column 'treated' holds 'new', 'old'"):
        analyze_switchback(tmp_path / "s.parquet", replace(one, control="current"))
    readout = analyze_switchback(tmp_path / "s.parquet", replace(one, control="old"))
    assert (readout.control, readout.treatment, readout.zones) == ("old", "new", 1)
    with pytest.raises(OptionInvalid, match="the design has 2 zones; name their column with --zone"):
        analyze_switchback(tmp_path / "s.parquet", replace(one, control="old", design=DESIGN, window_minutes=None))


def test_rows_that_are_not_of_the_design_are_refused_or_counted(tmp_path: Path) -> None:
    rows = rows_of(DESIGN)
    rows[0]["treated"] = 1 - int(str(rows[0]["treated"]))
    path = write(tmp_path / "s.csv", rows)
    readout = analyze_switchback(path, QUESTION)
    assert (readout.contamination.units, readout.contamination.is_alarming) == (1, False)
    with pytest.raises(OptionInvalid, match="is it the design of this experiment, and '1' its control"):
        analyze_switchback(path, replace(QUESTION, control="1"))
    elsewhere = replace(DESIGN, zones=("nord", "sud"))
    with pytest.raises(OptionInvalid, match="column 'zone' has none of the design's zones; did you mean 'nord'"):
        analyze_switchback(path, replace(QUESTION, design=elsewhere))
    with pytest.raises(OptionInvalid, match="--window is given beside --design"):
        analyze_switchback(path, replace(QUESTION, window_minutes=60))
    with pytest.raises(OptionInvalid, match="holds numbers of windows, not instants"):
        analyze_switchback(path, replace(QUESTION, design=None, period="window", window_minutes=60))
    with pytest.raises(FileInvalid, match=r"and \d+ other variants; a switchback needs two variants"):
        analyze_switchback(path, replace(QUESTION, treatment="minutes"))
    with pytest.raises(FileInvalid, match="its zone and window has rows of another cluster"):
        analyze_switchback(path, replace(QUESTION, cluster="at"))
    with pytest.raises(FileInvalid, match="row 1 below the header: 'north' is no instant"):
        analyze_switchback(path, replace(QUESTION, period="zone"))
    with pytest.raises(OptionInvalid, match="2 outcomes are named 'minutes'"):
        replace(QUESTION, outcomes=QUESTION.outcomes * 2)


def test_rows_without_a_place(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", [{"zone": "", "at": "", "window": "", "treated": 0, "minutes": 1}] * 2)
    with pytest.raises(FileInvalid, match="no row has a zone and a period"):
        analyze_switchback(path, replace(QUESTION, design=None))
    gap = write(tmp_path / "g.csv", [{"zone": "z", "window": w, "treated": 0, "minutes": 1} for w in (0, "", 2)])
    with pytest.raises(FileInvalid, match="1 empty cells; every row needs the number of its window"):
        analyze_switchback(gap, replace(QUESTION, period="window"))
    far = write(tmp_path / "f.csv", [{"zone": "z", "window": w, "treated": w % 2, "minutes": 1} for w in (0, 10**9)])
    with pytest.raises(FileInvalid, match="spans 1,000,000,001 windows"):
        analyze_switchback(far, replace(QUESTION, period="window", design=None))


@pytest.mark.parametrize("name", ["design.json", "design.yaml"])
def test_a_design_is_kept_and_drawn_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_design(DESIGN, path)
    assert read_design(path) == DESIGN
    assert read_design(path).draw().tolist() == DESIGN.draw().tolist()
    with pytest.raises(OptionInvalid, match="is not overwritten, so name another file"):
        write_design(DESIGN, path)
    write_schedule(DESIGN, tmp_path / "schedule.csv")
    with (tmp_path / "schedule.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 192
    assert [int(row["treatment"]) for row in rows] == DESIGN.draw().ravel().tolist()
    assert rows[0]["start"] == "2026-03-01T15:00:00+00:00"


def test_what_is_no_design(tmp_path: Path) -> None:
    for content, said in (("- 1\n", "this is no design"), ("a: [", "neither JSON nor YAML"), ('{"zones": ["a"]}', "start: found None")):
        (tmp_path / "d.json").write_text(content)
        with pytest.raises(FileInvalid, match=said):
            read_design(tmp_path / "d.json")
    with pytest.raises(FileInvalid, match="the design cannot be read"):
        read_design(tmp_path / "none.json")
    for write_file in (write_design, write_schedule):
        with pytest.raises(OptionInvalid, match="cannot be written"):
            write_file(DESIGN, tmp_path / "nowhere" / "file")


def test_zones_and_lengths(tmp_path: Path) -> None:
    (tmp_path / "zones.txt").write_text("마포\nGangnam \n\n", encoding="utf-8")
    assert read_zones(str(tmp_path / "zones.txt")) == ("마포", "Gangnam")
    assert read_zones("a, b") == ("a", "b")
    (tmp_path / "zones.txt").write_bytes("마포".encode("cp949"))
    with pytest.raises(FileInvalid, match="not UTF-8"):
        read_zones(str(tmp_path / "zones.txt"))
    with pytest.raises(OptionInvalid, match="names 'a' 2 times"):
        read_zones("a,b,a")
    with pytest.raises(OptionInvalid, match="expected names"):
        read_zones(",")
    assert (windows_of(2, None, 90), windows_of(None, 5, 60)) == (32, 5)
    assert [block_of("independent", 24, 120), block_of("balanced", 24, 120), block_of("balanced", 30, 120)] == [1, 12, 30]
    assert block_of("balanced", 10, 7) == 10
    for days, windows, minutes in ((None, None, 60), (1, 24, 60), (1, None, 7), (1, None, 0)):
        with pytest.raises(OptionInvalid):
            windows_of(days, windows, minutes)
    for text in ("minutes", "m=a/b/c", "m=a/", "=a"):
        with pytest.raises(OptionInvalid, match="expected NAME=COL"):
            read_outcome(text)


def test_instants_may_be_as_fine_as_nanoseconds() -> None:
    path = Path("t.csv")
    for text, expected in (
        ("2026-03-01T21:39:19.458675507+00:00", "2026-03-01T21:39:19.458675"),
        ("2026-03-01T21:39:19.458675507", "2026-03-01T21:39:19.458675"),
        ("2026-03-02T06:39:19+09:00", "2026-03-01T21:39:19"),
    ):
        assert periods_of(path, "at", pa.array([text])) == np.array([expected], dtype="datetime64[us]")
