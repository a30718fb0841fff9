"""Effects by day since exposure: the same from the tables as from the units' own days, alike on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from scipy import stats as scipy_stats

from analysis.plans import a_plan
from redshift_target import ENGINES
from splitmile import stats
from splitmile.analysis import novelty
from splitmile.analysis.novelty import effects_by_day
from splitmile.registry import MetricKind, Role
from splitmile.registry.plan import Cap, Plan, Window
from splitmile.warehouse import Warehouse

PLAN = a_plan(
    ("orders", "mean", Role.primary, "increase"),
    ("active", "proportion", Role.primary, "increase"),
    ("wait", "ratio", Role.primary, "decrease"),
    ("fees", "mean", Role.secondary, "increase"),
)
LOOK = PLAN.start_date + timedelta(days=6)
DAYS = 5
MEASURES = {"orders": ("orders", None), "active": ("orders", None), "wait": ("seconds", "orders")}


def with_measures(plan: Plan) -> Plan:
    """Metrics made of measures that have names of their own."""
    return replace(
        plan,
        metrics=tuple(
            replace(planned, metric=replace(planned.metric, numerator=names[0], denominator=names[1]))
            for planned in plan.metrics
            for names in [MEASURES.get(planned.metric.name, (planned.metric.name, None))]
        ),
    )


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines."""
    return str(request.param)


@pytest.fixture
def marts(warehouse: Warehouse) -> Warehouse:
    """The two marts that are read, empty."""
    warehouse.execute("create schema marts")
    warehouse.execute(
        "create table marts.experiment_units (experiment_id varchar(128), unit_id varchar(128), variant varchar(128), "
        "exposure_date date, contamination_date date, is_excluded boolean)"
    )
    warehouse.execute(
        "create table marts.experiment_unit_days (experiment_id varchar(128), variant varchar(128), unit_id varchar(128), "
        "day_since_exposure integer, business_date date, orders bigint, seconds bigint)"
    )
    return warehouse


def test_the_effects_of_a_small_table_are_those_of_its_units(marts: Warehouse) -> None:
    random = np.random.default_rng(3)
    n, start = 120, PLAN.start_date
    treated = np.arange(n) % 2
    orders = random.poisson(3 + np.outer(treated, 4 - 0.7 * np.arange(DAYS)))
    seconds = orders * random.integers(900, 1500, size=orders.shape)
    unit_rows, day_rows = [], []
    # The last three must not count: seen too late, contaminated, excluded.
    for unit in range(n + 3):
        exposed = start + timedelta(days=1 if unit < n else 3 if unit == n else 0)
        unit_rows.append(
            {
                "experiment_id": "e",
                "unit_id": f"u{unit:03d}",
                "variant": "ab"[unit % 2],
                "exposure_date": exposed,
                "contamination_date": LOOK if unit == n + 1 else None,
                "is_excluded": unit == n + 2,
            }
        )
        for day in range(1, DAYS + 4):
            is_counted = unit < n and day <= DAYS
            if is_counted and orders[unit, day - 1] == 0:
                continue  # a day without an order has no row
            sums = (int(orders[unit, day - 1]), int(seconds[unit, day - 1])) if is_counted else (999, 999)
            key = {"experiment_id": "e", "variant": "ab"[unit % 2], "unit_id": f"u{unit:03d}"}
            dates = {"day_since_exposure": day, "business_date": exposed + timedelta(days=day)}
            day_rows.append({**key, **dates, "orders": sums[0], "seconds": sums[1]})
    marts.append("marts.experiment_units", unit_rows)
    marts.append("marts.experiment_unit_days", day_rows)
    found = effects_by_day(marts, with_measures(PLAN), LOOK)
    assert [(each.metric, each.treatment, each.n_control, each.n_treatment) for each in found] == [
        (metric, "b", 60, 60) for metric in ("orders", "active", "wait")
    ]
    tables = {"orders": (orders, None), "active": ((orders > 0).astype(int), None), "wait": (seconds, orders)}
    for each in found:
        daily = stats.DailyEstimates.from_units(*tables[each.metric], group=treated, groups=2)
        expected = stats.novelty(daily.take([0]), daily.take([1]))
        assert [day.day for day in each.days] == [1, 2, 3, 4, 5]
        assert [day.estimate for day in each.days] == [float(effects.estimate[0]) for effects in expected.by_day]
        assert (each.slope, each.p_value) == (float(expected.slope.estimate[0]), float(expected.slope.p_value()[0]))
    # Of a mean the slope is the difference of the units' own slopes, tested by Welch.
    slopes = orders @ (np.arange(DAYS) - 2) / 10
    welch = scipy_stats.ttest_ind(slopes[treated == 1], slopes[treated == 0], equal_var=False)
    assert found[0].slope == pytest.approx(slopes[treated == 1].mean() - slopes[treated == 0].mean(), rel=1e-12)
    assert found[0].p_value == pytest.approx(welch.pvalue, rel=1e-9)
    line = np.polyfit(np.arange(1, DAYS + 1), [day.estimate or 0.0 for day in found[0].days], 1)
    assert (found[0].first, found[0].last) == (pytest.approx(np.polyval(line, 1)), pytest.approx(np.polyval(line, DAYS)))
    assert found[0].fades
    holm = np.sort([each.p_value for each in found])[0] * 3
    assert found[0].p_value_adjusted == pytest.approx(min(1.0, holm * 4))
    assert (found[0].is_trend, found[2].is_trend) == (True, False)


def test_too_few_units_watched_for_four_days_have_no_answer(marts: Warehouse) -> None:
    rows = [
        {
            "experiment_id": "e",
            "unit_id": f"u{unit}",
            "variant": "ab"[unit % 2],
            "exposure_date": PLAN.start_date + timedelta(days=unit // 98),
            "contamination_date": None,
            "is_excluded": False,
        }
        for unit in range(400)
    ]
    marts.append("marts.experiment_units", rows)
    assert effects_by_day(marts, with_measures(PLAN), PLAN.start_date + timedelta(days=4)) == ()
    assert effects_by_day(marts, with_measures(PLAN), PLAN.start_date + timedelta(days=5)) != ()


@pytest.mark.parametrize("engine", ["duckdb"])
def test_what_is_not_defined_by_day_is_left_out(marts: Warehouse) -> None:
    (orders, *_), first = PLAN.metrics, with_measures(PLAN).metrics[0]
    for metric in (
        replace(orders.metric, window=Window(0, 6)),
        replace(orders.metric, cap=Cap(value=9)),
        replace(orders.metric, kind=MetricKind.quantile, quantile=0.9),
    ):
        assert effects_by_day(marts, replace(PLAN, metrics=(replace(first, metric=metric),)), LOOK) == ()


@pytest.mark.parametrize(("shape", "days"), [("all on the first day", 14), ("as many each day", 14), ("short", 10)])
def test_units_are_watched_for_as_long_as_the_trend_gets_sharper_by_it(shape: str, days: int) -> None:
    run = 13 if shape == "short" else 27
    as_of = PLAN.start_date + timedelta(days=run)
    arriving = {0: 5000} if shape == "all on the first day" else dict.fromkeys(range(run + 1), 200)
    exposed = [
        {"variant": variant, "exposure_date": PLAN.start_date + timedelta(days=day), "units": units}
        for day, units in arriving.items()
        for variant in ("a", "b")
    ]
    # Of 14 days of even intake 14 − T were watched for T days: (14 − T)·T³ is largest at 10.
    assert novelty._days_watched(PLAN, as_of, exposed) == days
