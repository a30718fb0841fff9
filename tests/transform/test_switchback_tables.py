"""The way of a switchback experiment to its windows: the schedule as a table, and deliveries and exposures held against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.switchback_plans import DESIGN, START, a_switchback
from splitmile.analysis.switchback import analyze_switchback
from splitmile.registry import Plan, Registry
from splitmile.settings import Settings
from splitmile.stats.switchback_rows import after_burn_in
from splitmile.transform import dbt, sync_registry
from splitmile.warehouse import Row, Warehouse, open_warehouse

END = date(2026, 3, 3)
FIRST_WINDOW = DESIGN.start.replace(tzinfo=None)
PROVENANCE = {"partition_date": START, "object_number": 1, "line_number": 1}
VARIANTS = ("off", "on")


def _sync(warehouse: Warehouse, *plans: Plan) -> None:
    sync_registry(warehouse, Registry(plans, ()), "r")


def _schedule(warehouse: Warehouse) -> list[Row]:
    return warehouse.fetch("select * from registry.switchback_windows order by experiment_id, zone_id, window_number")


def test_the_schedule_is_the_design_drawn_again(warehouse: Warehouse) -> None:
    plan = a_switchback(burn_in_minutes=75)  # longer than a window
    _sync(warehouse, plan)
    arms = DESIGN.draw()
    rows = _schedule(warehouse)
    assert len(rows) == arms.size
    for row in rows:
        assert row["variant"] == VARIANTS[arms[DESIGN.zones.index(row["zone_id"]), row["window_number"]]]
        assert row["starts_at"] == FIRST_WINDOW + timedelta(hours=row["window_number"])
        assert row["ends_at"] == row["starts_at"] + timedelta(hours=1)
        minutes = [row["starts_at"] + timedelta(minutes=minute) for minute in range(60)]
        counts = after_burn_in(DESIGN, arms, [row["zone_id"]] * 60, np.array(minutes, dtype="datetime64[us]"), 75)
        assert [minute >= row["counts_from"] for minute in minutes] == counts.tolist()
    # It is drawn again for another definition only: what somebody took out by hand stays out.
    warehouse.execute("delete from registry.switchback_windows where window_number > 0")
    _sync(warehouse, replace(plan, title="Another title"))
    assert len(_schedule(warehouse)) == 3
    _sync(warehouse, a_switchback(burn_in_minutes=5))
    assert len(_schedule(warehouse)) == arms.size
    turned = tuple(replace(variant, is_control=not variant.is_control) for variant in reversed(plan.variants))
    _sync(warehouse, replace(a_switchback(burn_in_minutes=5), variants=turned))
    assert [row["variant"] for row in _schedule(warehouse)] != [row["variant"] for row in rows]
    _sync(warehouse)
    assert _schedule(warehouse) == []


def _deliver(warehouse: Warehouse) -> pd.DataFrame:
    """Orders from an hour before the schedule to an hour after it, of a zone outside and of no zone too."""
    rng = np.random.default_rng(3)
    n = 1500
    seconds = rng.integers(-3600, 13 * 3600, n)
    zones = [(*DESIGN.zones, "west", None)[code] for code in rng.choice(5, n, p=[0.3, 0.3, 0.3, 0.05, 0.05])]
    rows = [
        {
            "delivery_id": f"d{place}",
            "store_id": "s",
            "zone_id": zone,
            "ordered_at": (ordered_at := FIRST_WINDOW + timedelta(seconds=int(second))),
            "delivered_at": ordered_at + timedelta(seconds=int(duration)) if status == "delivered" else None,
            "status": status,
            **PROVENANCE,
        }
        for place, (zone, second, duration, status) in enumerate(
            zip(zones, seconds, rng.integers(600, 4000, n), rng.choice(["delivered", "cancelled"], n, p=[0.95, 0.05]), strict=True)
        )
    ]
    warehouse.append("landing.deliveries", rows)
    return pd.DataFrame(rows)


def _expose(warehouse: Warehouse) -> None:
    """Every window at its start, three with the other variant; two exposures are in no window."""
    arms = DESIGN.draw()
    rows = [
        {"unit_id": zone, "variant": VARIANTS[arms[place, window]], "exposed_at": FIRST_WINDOW + timedelta(hours=window)}
        for place, zone in enumerate(DESIGN.zones)
        for window in range(12)
    ]
    for row in (rows[0], rows[13], rows[35]):
        row["variant"] = VARIANTS[row["variant"] == "off"]
    rows.append({"unit_id": "west", "variant": "on", "exposed_at": FIRST_WINDOW})
    rows.append({"unit_id": "east", "variant": "on", "exposed_at": FIRST_WINDOW - timedelta(seconds=1)})
    shared = {"experiment_id": "e", "unit_type": "zone", **PROVENANCE}
    warehouse.append("landing.exposures", [{"exposure_id": f"x{place}", **shared, **row} for place, row in enumerate(rows)])


def _build(settings: Settings, first: date, last: date) -> None:
    variables = {
        **dbt.project_vars(settings),
        "refreeze_from": first.isoformat(),
        "refreeze_start": f"{settings.business_day.starts_at(first):%Y-%m-%d %H:%M:%S}",
        "built_to": last.isoformat(),
        "built_end": f"{settings.business_day.starts_at(last + timedelta(days=1)):%Y-%m-%d %H:%M:%S}",
    }
    selected = ["+switchback_window_days", "+switchback_exposures_daily"]
    dbt.invoke(settings, ["run", "--select", *selected], variables, manifest=dbt.parse(settings))


def _tables(warehouse: Warehouse) -> tuple[pd.DataFrame, pd.DataFrame]:
    windows = warehouse.fetch_frame("select * from marts.switchback_window_days order by zone_id, window_number, business_date")
    return windows, warehouse.fetch_frame("select * from marts.switchback_exposures_daily order by business_date")


def _by_hand(deliveries: pd.DataFrame, burn_in_minutes: int) -> pd.DataFrame:
    """The window sums by pandas and a loop over the schedule's own rows."""
    arms = DESIGN.draw()
    found = []
    for place, zone in enumerate(DESIGN.zones):
        for window in range(12):
            start = FIRST_WINDOW + timedelta(hours=window)
            switched = window == 0 or arms[place, window] != arms[place, window - 1]
            rows = deliveries[
                (deliveries["zone_id"] == zone)
                & (deliveries["ordered_at"] >= start)
                & (deliveries["ordered_at"] < start + timedelta(hours=1))
            ]
            is_left_out = rows["ordered_at"] < start + timedelta(minutes=burn_in_minutes if switched else 0)
            kept = rows[~is_left_out]
            if rows.empty:
                continue
            done = kept[kept["status"] == "delivered"]
            found.append(
                {
                    "zone_id": zone,
                    "window_number": window,
                    "variant": VARIANTS[arms[place, window]],
                    "business_date": START if window < 8 else END,
                    "burn_in_orders": int(is_left_out.sum()),
                    "orders": len(kept),
                    "delivered_orders": len(done),
                    "cancelled_orders": int((kept["status"] == "cancelled").sum()),
                    "delivery_seconds": int((done["delivered_at"] - done["ordered_at"]).dt.total_seconds().sum()),
                }
            )
    return pd.DataFrame(found).sort_values(["zone_id", "window_number"], ignore_index=True)


def test_windows_hold_what_pandas_says_and_exposures_are_judged_by_the_schedule(settings: Settings) -> None:
    plan = a_switchback(burn_in_minutes=10)
    with open_warehouse(settings) as warehouse:
        _sync(warehouse, plan)
        deliveries = _deliver(warehouse)
        _expose(warehouse)
    _build(settings, START, START)
    _build(settings, END, END)
    with open_warehouse(settings) as warehouse:
        windows, exposures = _tables(warehouse)
        card = analyze_switchback(warehouse, settings, plan, END, "r")
    expected = _by_hand(deliveries, 10)
    found = windows[list(expected.columns)].assign(business_date=pd.to_datetime(windows["business_date"]).dt.date)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert expected["burn_in_orders"].sum() > 0
    assert exposures[["exposures", "violations", "outside"]].to_numpy().tolist() == [[26, 2, 2], [12, 1, 0]]
    # The scorecard reads the same: a mean of all windows under one arm, and the share of exposures that met another variant.
    assert card.switchback is not None
    assert card.switchback.burn_in_orders == expected["burn_in_orders"].sum()
    assert card.switchback.schedule.share == pytest.approx(3 / 36)
    hajek = next(effect for effect in card.switchback.effects if (effect.metric, effect.method) == ("delivery_time", "hajek"))
    arms, by_window = DESIGN.draw(), expected.set_index(["zone_id", "window_number"])
    alike = [
        (zone, window, arms[place, window])
        for place, zone in enumerate(DESIGN.zones)
        for window in range(1, 12)
        if arms[place, window] == arms[place, window - 1]
    ]
    treated = by_window.loc[[(zone, window) for zone, window, arm in alike if arm]]
    assert hajek.treatment_value == pytest.approx(treated["delivery_seconds"].sum() / treated["delivered_orders"].sum())
    _build(settings, START, END)
    with open_warehouse(settings) as warehouse:
        for whole, daily in zip(_tables(warehouse), (windows, exposures), strict=True):
            pd.testing.assert_frame_equal(whole, daily)
