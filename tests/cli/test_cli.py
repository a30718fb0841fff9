"""The command line: what it prints, where, and how it ends."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import typer.main

from analysis.plans import sums_of
from small_city import EXPERIMENT, write_experiment
from splitmile.analysis import analyze_experiment
from splitmile.cli import app
from splitmile.settings import Settings
from splitmile.transform import read_registry
from splitmile.warehouse import open_warehouse

DAY = date(2026, 3, 2)
NEXT = date(2026, 3, 3)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A state folder whose warehouse has one experiment's results of two dates; shared, so that dbt parses once."""
    folder = tmp_path_factory.mktemp("installation")
    write_experiment(folder / "experiments", DAY)
    settings = Settings(state_dir=folder / "state", experiments_dir=folder / "experiments")
    (plan,) = read_registry(settings).plans
    with open_warehouse(settings) as warehouse:
        warehouse.execute("create schema marts")
        warehouse.execute("create schema intermediate")
        warehouse.execute("create table intermediate.int_deliveries_timed (ordered_at timestamp, business_date date, is_delivered integer)")
        warehouse.execute(
            "create table marts.experiment_moments (experiment_id varchar, variant varchar, metric varchar, segment varchar, "
            "as_of_date date, units bigint, sum_numerator hugeint, sum_denominator hugeint, sum_numerator_squared hugeint, "
            "sum_numerator_denominator hugeint, sum_denominator_squared hugeint)"
        )
        warehouse.execute(
            "create table marts.experiment_exposures_daily (experiment_id varchar, variant varchar, business_date date, "
            "exposed_units bigint, contaminated_units bigint)"
        )
        for variant, shift in (("current", 0), ("ranked", -200)):
            warehouse.append(
                "marts.experiment_exposures_daily",
                [{"experiment_id": EXPERIMENT, "variant": variant, "business_date": DAY, "exposed_units": 200, "contaminated_units": 0}],
            )
            for as_of in (DAY, NEXT):
                for metric, value in (("delivery_time", 2000 + shift), ("cancellation_rate", 40)):
                    (sums,) = sums_of(variant, **{metric: _spread(value, 200 if as_of == NEXT else 100)})
                    row = {name: value for name in sums.__slots__ if (value := getattr(sums, name)) is not None}
                    warehouse.append(
                        "marts.experiment_moments", [row | {"experiment_id": EXPERIMENT, "segment": "all", "as_of_date": as_of}]
                    )
        for as_of in (DAY, NEXT):
            analyze_experiment(warehouse, settings, plan, as_of, "abc123")
    return settings


def _spread(centre: int, units: int) -> np.ndarray:
    return centre + np.arange(units) % 21 - 10


@pytest.mark.parametrize("command", ["", *typer.main.get_command(app).commands])  # type: ignore[attr-defined]
def test_help_of_every_command(run: Run, command: str) -> None:
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Usage: splitmile {command}".strip() in out


def test_validate_a_good_folder(run: Run, installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLITMILE_STATE_DIR", str(installation.state))
    code, out, err = run("validate", "--experiments", installation.experiments_dir)
    assert (code, out, err) == (0, f"1 experiment is valid: {EXPERIMENT}\n", "")


def test_validate_a_bad_folder(run: Run, installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLITMILE_STATE_DIR", str(installation.state))
    file = write_experiment(tmp_path, DAY)
    write_experiment(tmp_path, DAY, "sound")
    file.write_text(file.read_text().replace("metric: delivery_time", "metric: delivery_tme").replace("control: current", "control: x"))
    code, out, _ = run("validate", "--experiments", tmp_path)
    assert code == 1
    lines = out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{file}:7: `control` is 'x'")
    assert lines[1].startswith(f"{file}:14: `metrics.primary[0].metric` is 'delivery_tme'")
    assert lines[1].endswith("did you mean `delivery_time`?")


def test_validate_an_empty_folder_says_so(run: Run, installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLITMILE_STATE_DIR", str(installation.state))
    assert run("validate", "--experiments", tmp_path)[:2] == (0, f"There is no experiment file in {tmp_path}.\n")


def test_a_folder_that_is_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    # What stands in square brackets is text, not the terminal's markup.
    missing = tmp_path / "no [metrics] here"
    code, out, err = run("validate", "--metrics", missing)
    assert (code, out) == (1, "")
    assert err.startswith(f"splitmile: {missing} is no folder; metrics_dir must name")
    assert err.count("\n") == 1


def test_results_as_a_table(run: Run, installation: Settings) -> None:
    code, out, err = run("results", EXPERIMENT, "--state", installation.state)
    assert (code, err) == (0, "")
    assert f"{EXPERIMENT} as of {NEXT}" in out
    assert "Ship it (ship)" in out
    (row,) = [line for line in out.splitlines() if line.strip().startswith("delivery_time")]
    assert row.split()[1:6] == ["primary", "ranked", "200", "/", "200"]
    assert "−200" in row
    assert "−10.00" in row


def test_results_as_json_and_csv_say_the_same(run: Run, installation: Settings) -> None:
    code, out, _ = run("results", EXPERIMENT, "--state", installation.state, "--as-of", DAY, "--format", "json")
    assert code == 0
    scorecard = json.loads(out)
    assert (scorecard["experiment_id"], scorecard["as_of_date"]) == (EXPERIMENT, DAY.isoformat())
    code, out, _ = run("results", EXPERIMENT, "--state", installation.state, "--as-of", DAY, "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (
        [row["metric"] for row in rows] == [effect["metric"] for effect in scorecard["effects"]] == ["delivery_time", "cancellation_rate"]
    )
    for row, effect in zip(rows, scorecard["effects"], strict=True):
        assert float(row["relative_estimate"]) == effect["relative"]["estimate"]
        assert float(row["relative_low"]) == effect["relative"]["interval"]["low"]
        assert float(row["sequential_relative_low"]) == effect["sequential"]["relative_interval"]["low"]
        assert (int(row["n_control"]), row["decision"]) == (100, scorecard["verdict"]["decision"])


def test_a_verdict_not_to_read_the_numbers_shows_none(run: Run, installation: Settings, tmp_path: Path) -> None:
    """The same experiment with a broken split: nothing in the table, everything in the JSON."""
    settings = installation.model_copy(update={"state_dir": tmp_path / "state"})
    (plan,) = read_registry(installation).plans
    with open_warehouse(settings) as warehouse:
        warehouse.execute("create schema marts")
        warehouse.execute(f"attach '{installation.warehouse_file}' as good (read_only)")
        for table in ("experiment_moments", "experiment_exposures_daily"):
            warehouse.execute(f"create table marts.{table} as select * from good.marts.{table}")
        warehouse.execute("detach good")
        warehouse.execute("update marts.experiment_exposures_daily set exposed_units = 400 where variant = 'ranked'")
        analyze_experiment(warehouse, settings, plan, DAY, "abc123")
    _, out, _ = run("results", EXPERIMENT, "--state", settings.state)
    assert "Do not read the numbers (invalid)" in out
    assert "delivery_time" not in out
    assert "--format json" in out
    _, out, _ = run("results", EXPERIMENT, "--state", settings.state, "--format", "json")
    assert json.loads(out)["effects"][0]["metric"] == "delivery_time"


def test_results_of_an_unknown_experiment_name_those_there_are(run: Run, installation: Settings) -> None:
    code, out, err = run("results", "dispatch", "--state", installation.state)
    assert (code, out) == (1, "")
    assert err.startswith("splitmile: there is no result of dispatch. There is: dispatch_ranking (2026-03-02 to 2026-03-03).")


def test_report_of_the_newest_date_and_of_one_without_results(run: Run, installation: Settings) -> None:
    here = ["--state", installation.state, "--experiments", installation.experiments_dir]
    code, out, _ = run("report", *here)
    assert code == 0
    assert "Ship it" in out
    page = installation.report_dir / "index.html"
    before = page.read_text()
    code, out, err = run("report", *here, "--as-of", "2030-01-01")
    assert (code, out) == (1, "")
    assert f"no result as of 2030-01-01; the newest is of {NEXT}" in err
    assert page.read_text() == before


def test_dates_the_wrong_way_round(run: Run) -> None:
    code, _, err = run("backfill", "--from", "2026-03-03", "--to", "2026-03-01")
    assert code == 1
    assert err == "splitmile: the last date, 2026-03-01, lies before the first, 2026-03-03; exchange them\n"


@pytest.mark.parametrize("arguments", [["run", "--date", "yesterday"], ["results"], ["demo", "--days", "29"], ["no-such-command"]])
def test_a_command_line_that_cannot_be_read_ends_with_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: splitmile" in err


def test_doctor_with_broken_settings(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "[broken] splitmile.toml"
    broken.write_text('[feeds]\nbuckt = "x"\n')
    monkeypatch.setenv("SPLITMILE_CONFIG", str(broken))
    monkeypatch.setenv("COLUMNS", "1000")
    code, out, err = run("doctor")
    assert (code, err) == (1, "")
    (line,) = [line for line in out.splitlines() if line.startswith("to do")]
    assert str(broken) in line
    assert "feeds.buckt" in line
    assert "warehouse" not in out, "what rests on the settings is not looked at"


def test_doctor_names_a_broken_experiment_and_looks_on(
    run: Run, installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_experiment(tmp_path / "experiments", DAY)
    file.write_text(file.read_text().replace("control: current", "control: x"))
    monkeypatch.setenv("SPLITMILE_STATE_DIR", str(installation.state))
    monkeypatch.setenv("SPLITMILE_EXPERIMENTS_DIR", str(tmp_path / "experiments"))
    monkeypatch.setenv("COLUMNS", "1000")
    code, out, _ = run("doctor")
    assert code == 1
    findings = {line[7:].split()[0]: line[:5] for line in out.splitlines()}
    assert findings["experiments"] == "to do"
    assert findings["warehouse"].strip() == "ok"
    assert "1 problems" not in out
