"""Experiment files to plans; each kind of problem with its line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from splitmile.errors import RegistryInvalid
from splitmile.registry import Direction, Known, Layer, Metric, MetricKind, Problem, Registry, Role, json_schema, load_registry
from splitmile.registry.document import read_document
from splitmile.registry.excluded_units import read_excluded_units
from splitmile.registry.plan import Window
from splitmile.settings import BusinessDay
from splitmile.stats import SwitchbackDesign

ROOT = Path(__file__).resolve().parents[2]

METRICS = {
    name: Metric(name, name.capitalize(), "…", MetricKind.ratio, "above", "below", Direction.decrease, "s")
    for name in ("delivery_time", "late_rate", "cancellation_rate", "deliveries_per_unit")
}
METRICS["first_week"] = replace(METRICS["deliveries_per_unit"], name="first_week", kind=MetricKind.mean, window=Window(0, 6))
METRICS["p90"] = Metric("p90", "P90", "…", MetricKind.quantile, "above", None, Direction.decrease, "s", quantile=0.9)
KNOWN = Known(METRICS, ("orders", "delivered_orders"), BusinessDay(timezone="Asia/Seoul", cutover_hour=5))

GOOD = """\
id: dispatch_ranking
title: Dispatch ranks couriers
owner: dispatch-team@example.com
service: dispatch recommendation
hypothesis: >-
  Nearer couriers
  deliver sooner.
unit: courier
control: current
variants: {ranked: 0.5, current: 0.5}
start: 2026-03-02
end: 2026-03-29
planned_units: 900
metrics:
  guardrails:
    - {metric: cancellation_rate, margin: 0.05}
  primary:
    - {metric: delivery_time, minimum_effect: 0.01}
  secondary:
    - metric: late_rate
"""

SWITCHBACK = (
    GOOD.replace("unit: courier", "unit: zone")
    + """\
switchback:
  zones: [mapo, jongno]
  start: 2026-03-02T05:00:00+09:00
  window_minutes: 120
  windows: 336
  seed: 7
  mechanism: balanced
  windows_per_block: 12
  burn_in_minutes: 15
"""
)


def load(folder: Path, **files: str | bytes) -> Registry:
    experiments = folder / "experiments"
    experiments.mkdir(exist_ok=True)
    for stem, content in files.items():
        (experiments / f"{stem}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_registry(experiments, KNOWN, relative_to=folder)


def problems_of(folder: Path, text: str | bytes) -> list[Problem]:
    """The problems of a broken file, after seeing that it stopped nothing but itself."""
    registry = load(folder, dispatch_ranking=text, sound=GOOD.replace("id: dispatch_ranking", "id: sound"))
    assert [plan.experiment_id for plan in registry.plans] == ["sound"]
    assert {problem.path for problem in registry.problems} == {"experiments/dispatch_ranking.yaml"}
    return list(registry.problems)


def test_a_good_file_becomes_a_plan(tmp_path: Path) -> None:
    registry = load(tmp_path, dispatch_ranking=GOOD)
    assert registry.problems == ()
    (plan,) = registry.plans
    assert plan.experiment_id == "dispatch_ranking"
    assert plan.hypothesis == "Nearer couriers deliver sooner."
    assert (plan.start_date, plan.end_date) == (date(2026, 3, 2), date(2026, 3, 29))
    assert (plan.unit_type, plan.planned_units, plan.alpha, plan.slack_channel) == ("courier", 900, 0.05, None)
    assert plan.control.name == "current"
    assert [(v.name, v.planned_share, v.is_control) for v in plan.variants] == [("current", 0.5, True), ("ranked", 0.5, False)]
    assert [(m.metric.name, m.role, m.margin, m.minimum_effect) for m in plan.metrics] == [
        ("delivery_time", Role.primary, None, 0.01),
        ("late_rate", Role.secondary, None, None),
        ("cancellation_rate", Role.guardrail, 0.05, None),
    ]


def test_what_decides_the_units_is_in_the_plan(tmp_path: Path) -> None:
    extra = """\
segments: [vehicle, tenure]
activation: delivered_orders
allowed_units: ["7", c-8]
denied_units: [c-9]
layer: {name: pay, share: 1/3}
"""
    (plan,) = load(tmp_path, dispatch_ranking=GOOD + extra, excluded_units="courier: [{unit: c-0, reason: test account}]").plans
    assert (plan.segments, plan.activation) == (("vehicle", "tenure"), "delivered_orders")
    assert (plan.allowed_units, plan.denied_units) == (("7", "c-8"), ("c-9", "c-0"))
    assert (plan.layer, plan.holdout_of, plan.switchback) == (Layer("pay", 1 / 3), None, None)


def test_a_switchback_keeps_the_design_that_its_schedule_is_drawn_from(tmp_path: Path) -> None:
    registry = load(tmp_path, dispatch_ranking=SWITCHBACK)
    assert registry.problems == ()
    switchback = registry.plans[0].switchback
    assert switchback
    assert switchback.burn_in_minutes == 15
    zones, start = ("mapo", "jongno"), "2026-03-01T20:00:00Z"
    drawn = SwitchbackDesign(zones, start, 120, 336, seed=7, mechanism="balanced", windows_per_block=12)  # type: ignore[arg-type]
    assert SwitchbackDesign.from_dict(switchback.design) == drawn
    json.dumps(dict(switchback.design))


def test_thirds_names_like_flags_and_options(tmp_path: Path) -> None:
    text = GOOD.replace("{ranked: 0.5, current: 0.5}", '{"off": 1/3, on: "1 / 3", 1: 1/3, paused: 0}').replace(
        "control: current", 'control: "off"'
    )
    registry = load(tmp_path, dispatch_ranking=text + 'alpha: 0.01\nslack_channel: "#dispatch"\n')
    assert registry.problems == ()
    (plan,) = registry.plans
    assert [(v.name, v.planned_share) for v in plan.variants] == [("off", 1 / 3), ("on", 1 / 3), ("1", 1 / 3), ("paused", 0)]
    assert (plan.alpha, plan.slack_channel) == (0.01, "#dispatch")


def test_files_are_read_in_order_whatever_their_ending_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "b.yml").write_bytes(
        b"\xef\xbb\xbf" + GOOD.replace("id: dispatch_ranking", "id: b").replace("\n", "\r\n").encode()
    )
    (tmp_path / "experiments" / "notes.txt").write_text("not an experiment")
    registry = load(tmp_path, c=GOOD.replace("id: dispatch_ranking", "id: c"), a=GOOD.replace("id: dispatch_ranking", "id: a"))
    assert registry.problems == ()
    assert [plan.experiment_id for plan in registry.plans] == ["a", "b", "c"]


# What is replaced in the good file, by what, the line of the problem and what its message says.
BROKEN = [
    ("unit: courier", "unit: rider", 8, ["`unit` is 'rider'", "courier, store, customer or zone"]),
    ("title: Dispatch ranks couriers", "title: 3", 2, ["`title` is 3", "valid string"]),
    ("title: Dispatch ranks couriers", "title: '  '", 2, ["`title`", "at least 1 character"]),
    ("title: Dispatch ranks couriers", f"title: {'배' * 171}", 2, ["513 bytes", "may take 512"]),
    ("owner: dispatch-team@example.com\n", "", 1, ["`owner` is missing", "whom to ask", "dispatch-team@example.com", "add it"]),
    ("service:", "servce:", 4, ["`servce` is no known key", "did you mean `service`?"]),
    ("unit: courier", "unit: courier\nzzz: 1", 9, ["`zzz` is no known key", "every known key: activation, allowed_units, alpha, control"]),
    ("id: dispatch_ranking", "id: Dispatch", 1, ["`id` is 'Dispatch'", "lower-case"]),
    ("id: dispatch_ranking", "id: other", 1, ["`id` is 'other' in a file named dispatch_ranking.yaml", "rename"]),
    ("id: dispatch_ranking\n", "", 1, ["`id` is missing"]),
    ("0.5, current: 0.5", "0.5, current: 0.4", 10, ["add up to 0.9", "expected 1"]),
    ("0.5, current: 0.5", "0.5, current: 0.500000002", 10, ["add up to 1.000000002"]),
    ("{ranked: 0.5, current: 0.5}", "{ranked: 0.33, other: 1/3, current: 1/3}", 10, ['thirds as "1/3"']),
    ("{ranked: 0.5, current: 0.5}", "\n  ranked: -0.5\n  current: 1.5", 11, ["`variants.ranked` is -0.5", "negative"]),
    ("0.5, current: 0.5", "half, current: 0.5", 10, ["`variants.ranked` is 'half'", "fraction"]),
    ("0.5, current: 0.5", "1/0, current: 0.5", 10, ["0 below the line"]),
    ("0.5, current: 0.5", ".nan, current: 0.5", 10, ["`variants.ranked` is nan"]),
    ("0.5, current: 0.5", f"{'9' * 400}, current: 0.5", 10, ["`variants.ranked` is 999", "at most 1"]),
    ("0.5, current: 0.5", f"{'9' * 400}/1, current: 0.5", 10, ["`variants.ranked`", "at most 1"]),
    ("0.5, current: 0.5", "true, current: 0.5", 10, ["`variants.ranked` is True"]),
    ("{ranked: 0.5, current: 0.5}", "{current: 1}", 10, ["`variants`", "at least 2"]),
    ("{ranked: 0.5, current: 0.5}", "[ranked, current]", 10, ["`variants`", "dictionary", "{current: 0.5, ranked: 0.5}"]),
    ("{ranked: 0.5, current: 0.5}", '{" ranked": 0.5, current: 0.5}', 10, ["`variants. ranked`"]),
    ("control: current", "control: currnt", 9, ["`control` is 'currnt'", "did you mean `current`?"]),
    ("control: current", "control: baseline", 9, ["none of `variants`", "every known variant: current, ranked"]),
    ("end: 2026-03-29", "end: 2026-03-01", 12, ["`end` is 2026-03-01, before `start` 2026-03-02"]),
    ("start: 2026-03-02", "start: 2026-13-02", 11, ["`start` is '2026-13-02'", "no such day"]),
    ("start: 2026-03-02", "start: 2026-02-30", 11, ["no such day"]),
    ("start: 2026-03-02", "start: 20260302", 11, ["`start` is 20260302", "YYYY-MM-DD"]),
    ("start: 2026-03-02", "start: 2026-03-02T10:00:00", 11, ["YYYY-MM-DD", "start: 2026-03-02`"]),
    ("planned_units: 900", 'planned_units: "900"', 13, ["`planned_units` is '900'", "valid integer"]),
    ("planned_units: 900", "planned_units: 0", 13, ["greater than 0"]),
    ("planned_units: 900", f"planned_units: {'9' * 5000}", 13, ["`planned_units` is '999", "no number that can be read"]),
    ("planned_units: 900", f"planned_units: 900\nalpha: {'9' * 400}", 14, ["`alpha` is 999"]),
    ("title: Dispatch ranks couriers", 'title: "\\ud800"', 2, ["`title` is '\\ud800'"]),
    ("planned_units: 900", "planned_units: 0b2", 13, ["`planned_units`"]),
    ("planned_units: 900", "planned_units: 900\nalpha: 1", 14, ["`alpha` is 1", "at most 0.5"]),
    ("planned_units: 900", "planned_units: 900\nslack_channel: #dispatch", 14, ["`slack_channel` is empty", "in quotes"]),
    ("planned_units: 900", "planned_units: 900\nslack_channel: dispatch", 14, ["`slack_channel` is 'dispatch'", '"#dispatch"']),
    ("delivery_time", "delivery_tme", 18, ["'delivery_tme', no metric of the dbt project", "did you mean `delivery_time`?"]),
    ("metric: late_rate", "metric: zzz", 20, ["every known metric: cancellation_rate, deliveries_per_unit"]),
    ("metric: late_rate", "metric: delivery_time", 20, ["already in `metrics.primary[0].metric`", "one role"]),
    ("metric: late_rate", "metric: late_rate\n    - metric: late_rate", 21, ["already in `metrics.secondary[0].metric`"]),
    ("minimum_effect", "minimum_efect", 18, ["`metrics.primary[0].minimum_efect`", "did you mean `minimum_effect`?"]),
    ("minimum_effect: 0.01", "minimum_effect: ", 18, ["`metrics.primary[0].minimum_effect` is empty"]),
    ("minimum_effect: 0.01", "minimum_effect: 1", 18, ["less than 1", "0.01 is 1 %"]),
    ("minimum_effect: 0.01", "margin: 0.01", 18, ["`metrics.primary[0].margin` is no known key"]),
    (", margin: 0.05", "", 16, ["`metrics.guardrails[0].margin` is missing", "margin: 0.05"]),
    ("margin: 0.05", "margin: -0.05", 16, ["greater than or equal to 0"]),
    ("  primary:\n    - {metric: delivery_time, minimum_effect: 0.01}\n", "", 14, ["`metrics.primary` is missing"]),
    ("\n    - {metric: delivery_time, minimum_effect: 0.01}", " []", 17, ["`metrics.primary`", "at least 1 item"]),
    ("    - metric: late_rate\n", "", 19, ["`metrics.secondary` is empty"]),
    ("- metric: late_rate", "- late_rate", 20, ["`metrics.secondary[0]` is 'late_rate'", "{metric: late_rate}"]),
    ("service: dispatch recommendation", "title: Again", 4, ["`title` is written twice, first in line 2"]),
    ("margin: 0.05", "margin: 0.05, margin: 0.1", 16, ["`metrics.guardrails[0].margin` is written twice"]),
    ("service: dispatch recommendation", "service: [a", 5, ["broken YAML"]),
    ("  primary:", "\tprimary:", 17, ["broken YAML", "never by tabs"]),
    ("unit: courier", "unit: !unit courier", 8, ["the tag '!unit'", "plain value"]),
    ("unit: courier", "unit: !!python/name:os.system x", 8, ["the tag"]),
    ("unit: courier", "unit: *unit", 8, ["broken YAML", "undefined alias"]),
    ("unit: courier", "unit: courier\n? [a]\n: 1", 9, ["a key is a list or a mapping"]),
    ("metric: late_rate", "&again\n      metric: late_rate\n    - *again", 20, ["`metrics.secondary[1]` is an alias"]),
    ("planned_units: 900", "planned_units: 900\n---\nid: second", 14, ["broken YAML", "another document"]),
    # What units an experiment has.
    ("planned_units: 900", "planned_units: 900\nsegments: [a, b, c, d]", 14, ["`segments`", "at most 3"]),
    ("planned_units: 900", "planned_units: 900\nsegments: [a, a]", 14, ["`segments`", "'a' is in it twice"]),
    ("planned_units: 900", "planned_units: 900\nsegments:\n  - app version", 15, ["`segments[0]` is 'app version'", "[vehicle]"]),
    ("planned_units: 900", "planned_units: 900\nactivation: deliverd_orders", 14, ["no measure", "did you mean `delivered_orders`?"]),
    ("planned_units: 900", "planned_units: 900\nactivation: delivery_time", 14, ["`activation` is 'delivery_time'", "no measure"]),
    ("planned_units: 900", "planned_units: 900\nactivation:", 14, ["`activation` is empty"]),
    ("planned_units: 900", "planned_units: 900\nallowed_units: []", 14, ["`allowed_units`", "at least 1"]),
    ("planned_units: 900", "planned_units: 900\ndenied_units: [17]", 14, ["`denied_units[0]` is 17", "in quotes"]),
    (
        "planned_units: 900",
        "planned_units: 900\nallowed_units: [a, b]\ndenied_units: [c, b]",
        15,
        ["`denied_units[1]`", "`allowed_units[1]`"],
    ),
    ("planned_units: 900", "planned_units: 900\nlayer: {name: pay, share: 0}", 14, ["`layer.share` is 0", "in no layer"]),
    ("planned_units: 900", "planned_units: 900\nlayer:", 14, ["`layer` is empty"]),
    ("planned_units: 900", "planned_units: 900\nlayer: {name: pay}", 14, ["`layer.share` is missing"]),
    ("planned_units: 900", "planned_units: 900\nlayer: {name: pay, share: 0.5}\nholdout_of: pay", 15, ["take `layer` out of a holdout"]),
    ("planned_units: 900", "planned_units: 900\nholdout_of: pay", 14, ["'pay', a layer without experiments", "no layer at all yet"]),
]

# The same of the switchback experiment, whose first own line is 21.
BROKEN_SWITCHBACK = [
    ("unit: zone", "unit: courier", 8, ["`unit` is 'courier' in a switchback", "expected zone"]),
    ("{ranked: 0.5, current: 0.5}", "{ranked: 0.5, current: 0.25, third: 0.25}", 10, ["`variants` are 3", "one treatment"]),
    ("{ranked: 0.5, current: 0.5}", "{ranked: 0.25, current: 0.75}", 21, ["treatment_share` is 0.5", "in `variants` 0.25"]),
    ("windows: 336", "windows: 7", 25, ["`switchback.windows`: found 7, expected a multiple of windows_per_block (12)"]),
    ("windows: 336", "windows: 348", 25, ["`switchback.windows` is 348", "after `end` 2026-03-29", "2026-03-29T20:00:00+00:00"]),
    ("windows: 336", f"windows: {12 * 10**15}", 25, ["after `end` 2026-03-29"]),
    ("2026-03-02T05:00:00+09:00", "2026-03-02T04:59:00+09:00", 23, ["`switchback.start` is 2026-03-02T04:59:00+09:00, before `start`"]),
    ("2026-03-02T05:00:00+09:00", "2026-03-02T05:00:00", 23, ["`switchback.start`", "with a time zone"]),
    ("[mapo, jongno]", "[mapo, mapo]", 22, ["`switchback.zones`", "each once"]),
    ("mechanism: balanced", "mechanism: blanced", 27, ["`switchback.mechanism` is 'blanced'", "balanced or minimax"]),
    ("  seed: 7\n", "", 21, ["`switchback.seed` is missing"]),
    ("seed: 7", "sed: 7", 26, ["`switchback.sed` is no known key", "did you mean `seed`?"]),
    ("burn_in_minutes: 15", "burn_in_minutes: 120", 29, ["leaves nothing of a window of 120 minutes"]),
    ("planned_units: 900", "planned_units: 900\nsegments: [vehicle]", 14, ["`segments` is about units that keep their variant"]),
    (
        "  windows: 336\n  seed: 7\n  mechanism: balanced\n  windows_per_block: 12\n",
        "  windows: 1\n  seed: 7\n",
        25,
        ["no zone ever switches"],
    ),
    ("metric: late_rate", "metric: p90", 20, ["`metrics.secondary[0].metric` is 'p90'", "take another metric"]),
    ("metric: late_rate", "metric: first_week", 20, ["`metrics.secondary[0].metric` is 'first_week'", "take another metric"]),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "parts"), BROKEN, ids=[re.sub(r"\W+", "-", new)[:40] or old[:20] for old, new, _, _ in BROKEN]
)
def test_a_problem_has_its_line_and_its_remedy(tmp_path: Path, old: str, new: str, line: int, parts: list[str]) -> None:
    assert old in GOOD
    matching = [problem for problem in problems_of(tmp_path, GOOD.replace(old, new)) if all(part in problem.message for part in parts)]
    assert [problem.line for problem in matching] == [line]
    assert str(matching[0]).startswith(f"experiments/dispatch_ranking.yaml:{line}: ")


@pytest.mark.parametrize(("old", "new", "line", "parts"), BROKEN_SWITCHBACK, ids=[new[:40] or old for old, new, _, _ in BROKEN_SWITCHBACK])
def test_a_switchback_that_cannot_be_run_is_refused(tmp_path: Path, old: str, new: str, line: int, parts: list[str]) -> None:
    assert old in SWITCHBACK
    problems = problems_of(tmp_path, SWITCHBACK.replace(old, new))
    matching = [problem for problem in problems if all(part in problem.message for part in parts)]
    assert [problem.line for problem in matching] == [line]


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        ("", 1, "the file is empty"),
        ("# only a comment\n", 1, "the file is empty"),
        ("- id: dispatch_ranking\n", 1, "no mapping"),
        ("\n\njust text\n", 3, "no mapping"),
        (GOOD.encode() + "title2: 배달\n".encode("euc-kr"), 21, "no UTF-8"),
        (GOOD + "x: \x00\n", 1, "broken YAML"),
        ("a: " + "[" * 1000, 1, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_experiment_at_all(tmp_path: Path, content: str | bytes, line: int, part: str) -> None:
    (problem,) = problems_of(tmp_path, content)
    assert (problem.line, problem.experiment_id) == (line, None)
    assert part in problem.message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "experiments" / "folder.yaml").mkdir(parents=True)
    (tmp_path / "experiments" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    registry = load(tmp_path, dispatch_ranking=GOOD)
    assert len(registry.plans) == 1
    assert [(p.path, p.line) for p in registry.problems] == [("experiments/folder.yaml", 1), ("experiments/gone.yaml", 1)]
    assert all("cannot be read" in problem.message for problem in registry.problems)


def test_two_files_with_one_id_both_stop(tmp_path: Path) -> None:
    registry = load(tmp_path, dispatch_ranking=GOOD, copy="# copied\n" + GOOD, sound=GOOD.replace("id: dispatch_ranking", "id: sound"))
    assert [plan.experiment_id for plan in registry.plans] == ["sound"]
    shared = [problem for problem in registry.problems if "is also the id of" in problem.message]
    assert [(p.path, p.line, p.experiment_id) for p in shared] == [
        ("experiments/copy.yaml", 2, "dispatch_ranking"),
        ("experiments/dispatch_ranking.yaml", 1, "dispatch_ranking"),
    ]
    assert "experiments/copy.yaml" in shared[1].message


def test_one_id_stops_both_files_even_where_one_is_broken_otherwise(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "dispatch_ranking.yml").write_text(GOOD.replace("unit: courier", "unit: rider"))
    assert load(tmp_path, dispatch_ranking=GOOD).plans == ()


def test_all_problems_of_a_file_are_named_at_once_in_order(tmp_path: Path) -> None:
    text = GOOD.replace("control: current", "control: x").replace("end: 2026-03-29", "end: 2026-03-01").replace("late_rate", "lte_rate")
    problems = problems_of(tmp_path, text)
    assert [problem.line for problem in problems] == [9, 12, 20]
    assert {problem.experiment_id for problem in problems} == {"dispatch_ranking"}


def experiment(name: str, start: str, end: str, extra: str, unit: str = "courier") -> str:
    text = GOOD.replace("id: dispatch_ranking", f"id: {name}").replace("unit: courier", f"unit: {unit}")
    return text.replace("2026-03-02", start).replace("2026-03-29", end) + extra


def test_a_layer_is_not_given_out_twice(tmp_path: Path) -> None:
    """The file that starts later stops, alone; who starts when the others are over has their units."""
    registry = load(
        tmp_path,
        a=experiment("a", "2026-03-02", "2026-03-15", "layer: {name: pay, share: 0.4}\n"),
        b=experiment("b", "2026-03-09", "2026-03-29", "layer: {name: pay, share: 0.5}\n"),
        c=experiment("c", "2026-03-10", "2026-03-20", "layer: {name: pay, share: 0.2}\n"),
        d=experiment("d", "2026-03-11", "2026-03-20", "layer: {name: pay, share: 1/10}\n"),
        e=experiment("e", "2026-03-16", "2026-03-20", "layer: {name: pay, share: 0.4}\n"),
        elsewhere=experiment("elsewhere", "2026-03-02", "2026-03-29", "layer: {name: maps, share: 1}\n"),
    )
    assert [plan.experiment_id for plan in registry.plans] == ["a", "b", "d", "e", "elsewhere"]
    (problem,) = registry.problems
    assert (problem.path, problem.line) == ("experiments/c.yaml", 21)
    assert "'pay' is given out 1.1 times on 2026-03-10: 0.2 here, 0.9 in experiments/a.yaml, experiments/b.yaml" in problem.message


def test_a_holdouts_control_is_counted_in_its_layer(tmp_path: Path) -> None:
    holdout = experiment("all_of_it", "2026-03-01", "2026-06-30", "holdout_of: pay\n").replace("{ranked: 0.5, c", "{ranked: 0.9, c")
    holdout = holdout.replace("current: 0.5", "current: 0.1")
    sound = load(tmp_path, all_of_it=holdout, a=experiment("a", "2026-03-02", "2026-03-29", "layer: {name: pay, share: 0.9}\n"))
    assert sound.problems == ()
    crowded = load(tmp_path, b=experiment("b", "2026-03-02", "2026-03-29", "layer: {name: pay, share: 0.01}\n"))
    assert [plan.experiment_id for plan in crowded.plans] == ["a", "all_of_it"]
    assert "expected at most 1, a holdout's control counted" in crowded.problems[0].message


def test_a_layer_has_one_unit(tmp_path: Path) -> None:
    registry = load(
        tmp_path,
        b=experiment("b", "2026-03-09", "2026-03-29", "layer: {name: pay, share: 0.1}\n", unit="store"),
        a=experiment("a", "2026-03-02", "2026-03-29", "layer: {name: pay, share: 0.1}\n"),
    )
    assert [plan.experiment_id for plan in registry.plans] == ["a"]
    assert "the layer 'pay' is of the unit courier (experiments/a.yaml), and `unit` here is 'store'" in registry.problems[0].message


def test_a_holdout_stays_while_the_files_of_its_layer_are_broken(tmp_path: Path) -> None:
    broken = experiment("a", "2026-03-02", "2026-03-29", "layer: {name: pay, share: 2}\n")
    registry = load(tmp_path, a=broken, kept=experiment("kept", "2026-03-02", "2026-03-29", "holdout_of: pay\n"))
    assert [plan.experiment_id for plan in registry.plans] == ["kept"]


EXCLUDED = """\
courier:
  - {unit: c-0, reason: test account}
  - {unit: "17", reason: bot}
store: [{unit: s-0, reason: demo store}]
"""


def test_excluded_units_are_left_out_of_every_experiment_of_their_type(tmp_path: Path) -> None:
    registry = load(
        tmp_path,
        dispatch_ranking=GOOD + "denied_units: [c-0, c-1]\n",
        shops=experiment("shops", "2026-03-02", "2026-03-29", "", unit="store"),
        people=experiment("people", "2026-03-02", "2026-03-29", "", unit="customer"),
        excluded_units=EXCLUDED,
    )
    assert registry.problems == ()
    assert {plan.experiment_id: plan.denied_units for plan in registry.plans} == {
        "dispatch_ranking": ("c-0", "c-1", "17"),
        "shops": ("s-0",),
        "people": (),
    }


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (EXCLUDED.replace("store:", "stores:"), 4, "`stores` is no known key; did you mean `store`?"),
        (EXCLUDED.replace('"17"', "17"), 3, "`courier[1].unit` is 17"),
        (EXCLUDED.replace(", reason: bot", ""), 3, "`courier[1].reason` is missing; expected why it does not count"),
        (EXCLUDED.replace('"17"', "c-0"), 3, "`courier[1].unit` is 'c-0', already in `courier[0]`"),
        (EXCLUDED + "\t", 5, "broken YAML"),
        ("", 1, "the file is empty"),
    ],
)
def test_a_broken_list_of_excluded_units_is_a_problem_and_stops_no_experiment(tmp_path: Path, text: str, line: int, part: str) -> None:
    registry = load(tmp_path, dispatch_ranking=GOOD, excluded_units=text)
    (problem,) = registry.problems
    assert (problem.path, problem.line, problem.experiment_id) == ("experiments/excluded_units.yaml", line, None)
    assert not problem.stops_experiment
    assert part in problem.message
    assert [(plan.experiment_id, plan.denied_units) for plan in registry.plans] == [("dispatch_ranking", ())]


def test_a_second_list_of_excluded_units_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "excluded_units.yml").write_text("zone: [{unit: z, reason: training}]")
    registry = load(tmp_path, dispatch_ranking=GOOD, excluded_units=EXCLUDED)
    assert [(p.path, p.message) for p in registry.problems] == [
        ("experiments/excluded_units.yml", "excluded_units.yaml is there too and is the one that is read; put both into one file")
    ]
    assert registry.plans[0].denied_units == ("c-0", "17")


def test_without_any_metric_the_message_says_so(tmp_path: Path) -> None:
    (tmp_path / "dispatch_ranking.yaml").write_text(GOOD)
    registry = load_registry(tmp_path, Known({}, (), KNOWN.business_day), relative_to=tmp_path)
    assert len(registry.problems) == 3
    assert all("there is no metric at all yet" in problem.message for problem in registry.problems)


def test_an_unknown_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryInvalid, match=r"nowhere is no folder.*experiments_dir"):
        load_registry(tmp_path / "nowhere", KNOWN, relative_to=tmp_path)


def test_an_empty_folder_is_an_empty_registry(tmp_path: Path) -> None:
    assert load(tmp_path) == Registry((), ())


def test_a_folder_outside_the_project_is_named_whole(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    (problem,) = load_registry(tmp_path, KNOWN, relative_to=tmp_path / "project").problems
    assert problem.path == (tmp_path / "empty.yaml").as_posix()


def test_the_example_of_the_docs_is_a_valid_experiment(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "experiments.md").read_text(), re.DOTALL)
    assert block
    assert load(tmp_path, dispatch_ranking=block[1]).problems == ()
    jsonschema.validate(_as_json(block[1]), json_schema())


def test_the_other_examples_of_the_docs_are_valid_too(tmp_path: Path) -> None:
    """Each is a part of a file: the keys that a whole experiment needs beside it are those of the tests' own."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "experiments.md").read_text(), re.DOTALL)[1:]
    lists = [block for block in blocks if "reason:" in block]
    assert [read_excluded_units(read_document(block.encode())).faults for block in lists] == [()]
    parts = [block for block in blocks if block not in lists and not block.startswith("metrics:\n  - name")]
    assert len(parts) == 5
    for part in parts:
        values = {**read_document(GOOD.encode()).values, **read_document(part.encode()).values}
        text = json.dumps({**values, "activation": "orders"} if "activation" in values else values)
        layer = experiment("other", "2026-03-02", "2026-03-29", "layer: {name: dispatch, share: 0.5}")
        assert load(tmp_path, dispatch_ranking=text, other=layer).problems == ()


def _as_json(text: str) -> object:
    plain = json.dumps(YAML(typ="safe", pure=True).load(text), default=str)
    return json.loads(plain)
