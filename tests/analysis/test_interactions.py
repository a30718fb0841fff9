"""Units that are in two experiments: counted by their variants in both, alike on both engines."""

from __future__ import annotations

from datetime import date

import pytest

from analysis.plans import a_plan
from redshift_target import ENGINES
from splitmile.analysis.interactions import find_interactions, read_cells
from splitmile.registry import Role
from splitmile.warehouse import Warehouse

PLAN = a_plan(("orders", "mean", Role.primary, "increase"), ("fees", "mean", Role.secondary, "increase"))
END = PLAN.end_date
LARGE = 4_000_000_000
"""Its square has 20 digits: more than a BIGINT holds."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines."""
    return str(request.param)


@pytest.fixture
def marts(warehouse: Warehouse) -> Warehouse:
    """The two marts that are read, empty."""
    warehouse.execute("create schema marts")
    warehouse.execute(
        "create table marts.experiment_unit_metrics (experiment_id varchar(128), variant varchar(128), unit_id varchar(128), "
        "metric varchar(128), as_of_date date, numerator bigint, denominator bigint)"
    )
    warehouse.execute(
        "create table marts.experiment_units (experiment_id varchar(128), unit_type varchar(32), unit_id varchar(128), "
        "variant varchar(128), exposure_date date, contamination_date date, is_excluded boolean)"
    )
    return warehouse


def test_only_units_that_are_in_both_experiments_are_counted(marts: Warehouse) -> None:
    variants = [("other", "off", True), ("other", "on", False), ("e", "a", True), ("e", "b", False)]
    marts.append(
        "registry.variants",
        [{"experiment_id": e, "variant": v, "planned_share": 0.5, "is_control": is_control} for e, v, is_control in variants],
    )
    roles = {"orders": "primary", "fees": "secondary"}
    marts.append(
        "registry.experiment_metrics",
        [
            {"experiment_id": "e", "metric": metric, "role": role, "margin": None, "minimum_effect": None, "kind": "mean"}
            for metric, role in roles.items()
        ],
    )
    own = {"u1": "a", "u2": "b", "u3": "b", "u4": "b", "u5": "b", "u6": "b", "u7": "b"}
    marts.append(
        "marts.experiment_unit_metrics",
        [
            {"experiment_id": "e", "variant": v, "unit_id": u, "metric": m, "as_of_date": END, "numerator": LARGE, "denominator": 1}
            for u, v in own.items()
            for m in roles
        ],
    )
    on, early = date(2026, 3, 4), date(2026, 3, 1)
    others = [
        ("courier", "u1", "off", on, None, False),
        ("courier", "u2", "on", on, None, False),
        ("courier", "u3", "on", on, None, False),
        ("store", "u4", "on", on, None, False),
        ("courier", "u5", "on", on, on, False),
        ("courier", "u6", "on", early, None, False),
        ("courier", "u7", "on", on, None, True),
    ]
    names = ("unit_type", "unit_id", "variant", "exposure_date", "contamination_date", "is_excluded")
    marts.append("marts.experiment_units", [{"experiment_id": "other", **dict(zip(names, row, strict=True))} for row in others])
    cells = {(row["variant"], row["other_variant"]): row for row in read_cells(marts, PLAN, END)}
    assert {key: int(row["units"]) for key, row in cells.items()} == {("a", "off"): 1, ("b", "on"): 2}
    assert {row["metric"] for row in cells.values()} == {"orders"}
    assert int(cells["b", "on"]["sum_numerator_squared"]) == 2 * LARGE**2
    assert (bool(cells["a", "off"]["is_other_control"]), bool(cells["b", "on"]["is_other_control"])) == (True, False)
    # Too few units in a corner: nothing can be told, and nothing is.
    assert find_interactions(PLAN, list(cells.values())) == ()


def test_no_shared_units_no_interaction() -> None:
    assert find_interactions(PLAN, []) == ()
