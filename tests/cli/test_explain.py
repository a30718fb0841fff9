"""`splitmile explain` as a user reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis import explained_zones
from analysis.explained_town import EXPRESSIONS, PLAN, Town
from cli.conftest import Run
from splitmile import transform
from splitmile.registry import Registry
from splitmile.settings import Settings, load_settings
from splitmile.transform import measures
from splitmile.warehouse import open_warehouse


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with small marts; what dbt would parse is given."""
    settings = load_settings()
    with open_warehouse(settings) as warehouse:
        Town(settings).build(warehouse)
    monkeypatch.setattr(transform, "read_registry", lambda _: Registry((PLAN,), ()))
    monkeypatch.setattr(measures, "read_expressions", lambda _: EXPRESSIONS)
    compiled = settings.dbt_target_dir / "compiled" / "splitmile" / "models" / "marts" / "unit_days.sql"
    compiled.parent.mkdir(parents=True)
    compiled.write_text("select the_model_as_it_ran\n")
    return settings


def test_the_answer_says_units_sums_rows_and_sql(town: Settings, run: Run) -> None:
    code, out, _ = run("explain", "e", "fee_per_order", "--unit", "u2")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "Fee_Per_Order · fee_per_order, secondary ratio of e, as of 2026-03-09"
    for heading in (
        "What is counted",
        "Measures",
        "Units",
        "Estimate",
        "Unit u2",
        "The SQL that dbt ran",
        "The same from unit_days, to paste",
    ):
        assert heading in lines, heading
    assert "adds up" in out
    assert "ADD UP" not in out
    assert "…" not in out
    assert "the_model_as_it_ran" not in out
    # What is printed is SQL as it stands.
    query = out.split("The same from deliveries, to paste\n")[1]
    with open_warehouse(town) as warehouse:
        assert [row["variant"] for row in warehouse.fetch(query)] == ["a", "b"]
    assert "the_model_as_it_ran" in run("explain", "e", "active", "--sql")[1]


def test_json_has_all_of_it(town: Settings, run: Run) -> None:
    code, out, _ = run("explain", "e", "fee_per_order", "--date", "2026-03-09", "--unit", "u2", "--json", "--sql")
    document = json.loads(out)
    assert code == 0
    assert (document["as_of_date"], document["is_reproduced"]) == ("2026-03-09", True)
    assert all(each["adds_up"] for each in document["trail"]["sums"])
    assert document["compiled_sql"] == {"unit_days": "select the_model_as_it_ran\n"}
    assert Path(document["compiled"]["unit_days"]).is_file()


def test_an_unknown_metric_ends_with_1_and_names_the_likely_one(town: Settings, run: Run) -> None:
    code, out, err = run("explain", "e", "activ")
    assert (code, out) == (1, "")
    assert "did you mean `active`?" in err


def test_a_switchback_is_answered_with_windows(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    settings = load_settings()
    with open_warehouse(settings) as warehouse:
        explained_zones.Zones().build(warehouse)
        explained_zones.publish(warehouse, settings, explained_zones.END)
    monkeypatch.setattr(transform, "read_registry", lambda _: Registry((explained_zones.PLAN,), ()))
    monkeypatch.setattr(measures, "read_expressions", lambda _: explained_zones.EXPRESSIONS)
    code, out, _ = run("explain", "e", "delivery_time", "--unit", "north/2")
    assert code == 0
    lines = out.splitlines()
    assert lines[1] == "An experiment · by window of zones, 2026-03-02 to 2026-03-03, day 2"
    for heading in ("Windows", "Estimate", "Window north/2", "Its sums", "The same from switchback_window_days, to paste"):
        assert heading in lines, heading
    assert "published by switchback: " in out
    assert "against the schedule" in out
    assert out.count("adds up") == 2
    assert "have changed since" not in out
    query = out.split("The same from deliveries, to paste\n")[1]
    with open_warehouse(settings) as warehouse:
        assert [row["variant"] for row in warehouse.fetch(query)] == ["off", "on"]
    code, out, _ = run("explain", "e", "delivery_time", "--unit", "north/2", "--json")
    document = json.loads(out)
    assert (code, document["is_reproduced"]) == (0, True)
    assert [row["variant"] for row in document["counts"]] == ["off", "on"]
    assert document["trail"]["value"]["zone_id"] == "north"
