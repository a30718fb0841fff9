"""The registry as tables: what of a plan is in which."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from splitmile.registry import Direction, Layer, Metric, MetricKind, Plan, PlannedMetric, Registry, Role, Switchback, Variant
from splitmile.stats import SwitchbackDesign
from splitmile.transform import sync_registry
from splitmile.warehouse import Row, Warehouse

METRIC = Metric("orders", "Orders", "Orders placed.", MetricKind.mean, "orders", None, Direction.increase, "")
PLAN = Plan(
    experiment_id="ranking",
    title="t",
    owner="o",
    service="s",
    hypothesis="h",
    unit_type="courier",
    variants=(Variant("current", 0.5, is_control=True), Variant("ranked", 0.5, is_control=False)),
    start_date=date(2026, 3, 2),
    end_date=date(2026, 3, 29),
    metrics=(PlannedMetric(METRIC, Role.primary),),
    alpha=0.05,
    planned_units=900,
    segments=("vehicle", "tenure"),
    activation="picked_up_orders",
    allowed_units=("a", "b"),
    denied_units=("c", "a"),
    layer=Layer("dispatch", 1 / 3),
)
DESIGN = SwitchbackDesign.from_dict(
    {"zones": ["mapo", "jongno"], "start": "2026-03-02T05:00:00+09:00", "window_minutes": 720, "windows": 4, "seed": 1}
)


def synced(warehouse: Warehouse, plan: Plan) -> Row:
    sync_registry(warehouse, Registry((plan,), ()), "r")
    (row,) = warehouse.fetch("select * from registry.experiments")
    return row


def test_what_decides_the_units_is_in_the_tables(warehouse: Warehouse) -> None:
    row = synced(warehouse, PLAN)
    assert [row[f"segment_{place}"] for place in (1, 2, 3)] == ["vehicle", "tenure", None]
    assert (row["activation"], row["layer"], row["layer_share"], row["holdout_of"]) == ("picked_up_orders", "dispatch", 1 / 3, None)
    assert row["is_switchback"] is False
    listed = warehouse.fetch("select unit_id, is_allowed from registry.listed_units order by unit_id, is_allowed")
    assert [(unit["unit_id"], unit["is_allowed"]) for unit in listed] == [("a", False), ("a", True), ("b", True), ("c", False)]
    plain = synced(warehouse, replace(PLAN, segments=(), activation=None, allowed_units=(), denied_units=(), layer=None, holdout_of="x"))
    assert [plain[key] for key in ("segment_1", "activation", "layer", "layer_share", "holdout_of")] == [None, None, None, None, "x"]
    assert warehouse.fetch("select * from registry.listed_units") == []


@pytest.mark.parametrize(
    "change",
    [
        {"unit_type": "store"},
        {"variants": (*PLAN.variants, Variant("third", 0.0, is_control=False))},
        {"start_date": date(2026, 3, 3)},
        {"end_date": date(2026, 3, 30)},
        {"segments": ("tenure", "vehicle")},
        {"activation": "orders"},
        {"allowed_units": ("a",)},
        {"denied_units": ()},
        {"switchback": Switchback(DESIGN.to_dict(), 15)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_definition_changes_with_all_that_decides_the_units(warehouse: Warehouse, change: dict[str, Any]) -> None:
    before = synced(warehouse, PLAN)["definition"]
    after = synced(warehouse, replace(PLAN, **change))["definition"]
    assert len(before) == len(after) == 32
    assert before != after


def test_the_definition_stays_where_the_units_do(warehouse: Warehouse) -> None:
    other = replace(
        PLAN,
        title="another",
        variants=tuple(reversed(PLAN.variants)),
        allowed_units=("b", "a"),
        layer=None,
        alpha=0.01,
        planned_units=1,
        metrics=(),
    )
    assert synced(warehouse, PLAN)["definition"] == synced(warehouse, other)["definition"]


def test_the_definition_of_a_switchback_has_its_burn_in(warehouse: Warehouse) -> None:
    short, long = (replace(PLAN, switchback=Switchback(DESIGN.to_dict(), minutes)) for minutes in (0, 15))
    assert synced(warehouse, short)["definition"] != synced(warehouse, long)["definition"]
