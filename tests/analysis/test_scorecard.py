"""Scorecards from tables: counted, kept once, restated visibly."""

from __future__ import annotations

from datetime import date, datetime, time

import numpy as np
import pytest
import statsmodels.api as sm

from analysis.plans import a_plan, sums_of, sums_of_ratio
from splitmile.analysis import ExposureCount, analyze_experiment, compose_digest, compute_scorecard, kept_scorecard, latest_as_of_date
from splitmile.analysis.moments import MomentSums
from splitmile.errors import AnalysisError
from splitmile.registry import Problem, Registry, Role
from splitmile.results.scorecards import Decision
from splitmile.settings import Settings, Trust
from splitmile.warehouse import Warehouse

PLAN = a_plan(("orders", "mean", Role.primary, "increase"))
AS_OF = date(2026, 3, 5)
BASE = np.arange(500) % 40 + 1000


@pytest.fixture
def marts(warehouse: Warehouse) -> Warehouse:
    """The marts that the analysis reads, with one experiment."""
    for schema in ("marts", "intermediate"):
        warehouse.execute(f"create schema {schema}")
    sums = "sum_numerator decimal(38, 0), sum_denominator decimal(38, 0), sum_numerator_squared decimal(38, 0), "
    sums += "sum_numerator_denominator decimal(38, 0), sum_denominator_squared decimal(38, 0)"
    warehouse.execute(
        "create table marts.experiment_moments (experiment_id varchar, variant varchar, metric varchar, segment varchar, "
        f"as_of_date date, units bigint, {sums})"
    )
    warehouse.execute(
        "create table marts.experiment_exposures_daily (experiment_id varchar, variant varchar, business_date date, "
        "exposed_units bigint, contaminated_units bigint)"
    )
    warehouse.execute(
        "create table marts.experiment_unit_metrics (experiment_id varchar, variant varchar, unit_id varchar, metric varchar, "
        "as_of_date date, numerator bigint, denominator bigint)"
    )
    warehouse.execute(
        "create table marts.experiment_units (experiment_id varchar, unit_type varchar, unit_id varchar, variant varchar, "
        "exposure_date date, contamination_date date, is_excluded boolean)"
    )
    noon = datetime.combine(AS_OF, time(3))
    warehouse.execute("create table intermediate.int_deliveries_timed (ordered_at timestamp, is_delivered integer)")
    warehouse.execute("insert into intermediate.int_deliveries_timed values (?, 1), (?, 0)", [noon, noon])
    for variant in ("a", "b"):
        warehouse.execute("insert into marts.experiment_exposures_daily values ('e', ?, ?, 500, 2)", [variant, AS_OF])
    _put(warehouse, "a", BASE)
    _put(warehouse, "b", BASE)
    return warehouse


def _put(warehouse: Warehouse, variant: str, values: np.ndarray) -> None:
    warehouse.execute("delete from marts.experiment_moments where variant = ?", [variant])
    _insert(warehouse, sums_of(variant, orders=values)[0])


def _insert(warehouse: Warehouse, row: MomentSums) -> None:
    warehouse.execute(
        "insert into marts.experiment_moments values ('e', ?, ?, 'all', ?, ?, ?, ?, ?, ?, ?)",
        [
            row.variant,
            row.metric,
            AS_OF,
            row.units,
            row.sum_numerator,
            row.sum_denominator,
            row.sum_numerator_squared,
            row.sum_numerator_denominator,
            row.sum_denominator_squared,
        ],
    )


def _count(warehouse: Warehouse, table: str) -> int:
    return int(warehouse.fetch(f"select count(*) as n from results.{table}")[0]["n"])


def test_a_result_is_kept_once_and_a_changed_one_beside_it(marts: Warehouse, settings: Settings) -> None:
    first = analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    assert analyze_experiment(marts, settings, PLAN, AS_OF, "r2").effects == first.effects
    assert (_count(marts, "scorecards"), _count(marts, "experiment_results")) == (1, 1)
    _put(marts, "b", BASE + 100)
    restated = analyze_experiment(marts, settings, PLAN, AS_OF, "r2")
    assert restated.verdict.decision is Decision.ship
    assert _count(marts, "scorecards") == 2
    latest = marts.fetch("select decision, n_treatment from results.latest_experiment_results")
    assert latest == [{"decision": "ship", "n_treatment": 500}]
    assert kept_scorecard(marts, "e", None) == kept_scorecard(marts, "e", AS_OF) == restated
    assert latest_as_of_date(marts) == AS_OF


def test_the_digest_gathers_what_is_kept(marts: Warehouse, settings: Settings) -> None:
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    _put(marts, "b", BASE + 100)
    marts.execute("insert into ops.changed_dates values ('deliveries', ?, 'l', now(), null)", [AS_OF])
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    marts.execute("insert into ops.rejected_rows values ('l', 'deliveries', ?, 'k', 7, 'fee_krw: is no integer', 'x', now())", [AS_OF])
    marts.execute(
        "insert into ops.quality_results values ('feeds', ?, 'volume', 'warn', false, '3', '9', 'few deliveries', now()), "
        "('feeds', ?, 'freshness', 'warn', true, '3', '9', 'fine', now())",
        [AS_OF, AS_OF],
    )
    of_no_experiment = Problem("experiments/excluded_units.yaml", 2, None, "unknown key.", stops_experiment=False)
    registry = Registry((PLAN,), (Problem("experiments/x.yaml", 3, "x", "unknown key."), of_no_experiment))
    digest = compose_digest(marts, settings, registry, AS_OF)
    assert (digest.orders, digest.deliveries) == (2, 1)
    assert [news.scorecard.verdict.decision for news in digest.news] == [Decision.ship]
    assert digest.news[0].previous_decision is None
    assert len(digest.news[0].courses[0].points) == 1
    assert [(w.severity, w.subject) for w in digest.warnings] == [
        ("block", "x"),
        ("warn", "experiments/excluded_units.yaml"),
        ("warn", "feeds: volume"),
        ("warn", "feed deliveries"),
    ]
    assert "experiments/x.yaml:3" in digest.warnings[0].message
    assert digest.warnings[1].message == "experiments/excluded_units.yaml:2: unknown key."
    assert [(r.before, r.after) for r in digest.restatements] == [(0.0, pytest.approx(100 / BASE.mean()))]
    assert "Deliveries of 2026-03-05" in digest.restatements[0].cause


def test_a_restatement_names_the_dates_that_count_and_no_change_that_nobody_sees(marts: Warehouse, settings: Settings) -> None:
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    _put(marts, "b", np.append(BASE[:-1], BASE[-1] + 1))
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    registry = Registry((PLAN,), ())
    assert compose_digest(marts, settings, registry, AS_OF).restatements == ()
    for day in (date(2026, 3, 3), AS_OF, date(2026, 3, 6)):
        marts.execute("insert into ops.changed_dates values ('exposures', ?, 'l', now(), null)", [day])
    _put(marts, "b", BASE + 100)
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    (restatement,) = compose_digest(marts, settings, registry, AS_OF).restatements
    assert restatement.cause.startswith("Exposures of 2026-03-03 to 2026-03-05 arrived")


def test_a_restatement_is_kept_with_the_objects_that_caused_it(marts: Warehouse, settings: Settings) -> None:
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    marts.execute(
        "insert into ops.changed_dates values ('deliveries', ?, 'l', now(), null), ('deliveries', '2026-03-09', 'm', now(), null)", [AS_OF]
    )
    for load, number in (("l", 1), ("l", 2), ("l", 3), ("m", 4)):
        key = f"in/feeds/deliveries/date=2026-03-05/{number}.csv"
        marts.execute("insert into ops.partition_changes values (?, 'deliveries', ?, ?, 'etag', 'added', now())", [load, AS_OF, key])
    _put(marts, "b", BASE + 100)
    restated = analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    (row,) = marts.fetch("select * from results.restatements")
    (effect,) = restated.effects
    assert row["computation_id"] == marts.fetch("select computation_id from results.latest_experiment_results")[0]["computation_id"]
    assert (row["metric"], row["treatment"], row["segment"], row["what"]) == ("orders", "b", "all", "relative_estimate")
    assert (row["value_before"], row["value_after"]) == (0.0, effect.relative.estimate)
    assert (row["cause"], row["changed_from"], row["changed_to"], row["feeds"]) == ("late_data", AS_OF, AS_OF, "deliveries")
    assert (row["object_count"], row["objects"].count("\n")) == (3, 2)
    (told,) = compose_digest(marts, settings, Registry((PLAN,), ()), AS_OF).restatements
    assert told.cause.endswith("deliveries/date=2026-03-05/1.csv, deliveries/date=2026-03-05/2.csv and 1 more.")
    # More units at the same effect are kept as well, and told to nobody.
    for variant, values in (("a", BASE), ("b", BASE + 100)):
        _put(marts, variant, np.tile(values, 2))
    analyze_experiment(marts, settings, PLAN, AS_OF, "r1")
    more = marts.fetch("select what, value_before, value_after, cause from results.restatements order by restated_at desc limit 1")
    assert more == [{"what": "units", "value_before": 1000.0, "value_after": 2000.0, "cause": "plan"}]
    assert compose_digest(marts, settings, Registry((PLAN,), ()), AS_OF).restatements == ()


def test_a_ratio_of_few_units_is_read_from_the_units_where_they_are_kept(marts: Warehouse, settings: Settings) -> None:
    plan = a_plan(("wait", "ratio", Role.primary, "decrease"))
    jobs = {"a": np.arange(12) + 5, "b": (np.arange(12) * 5) % 13 + 3}
    wait = {variant: jobs[variant] * 300 + np.arange(12) ** 2 for variant in jobs}
    marts.execute("delete from marts.experiment_moments")
    for variant in jobs:
        row = sums_of_ratio(variant, "wait", wait[variant], jobs[variant])
        _insert(marts, row)
    assert analyze_experiment(marts, settings, plan, AS_OF, "r1").effects[0].method == "delta"
    for variant, unit in ((variant, unit) for variant in jobs for unit in range(12)):
        marts.execute(
            "insert into marts.experiment_unit_metrics values ('e', ?, ?, 'wait', ?, ?, ?)",
            [variant, f"{variant}{unit}", AS_OF, int(wait[variant][unit]), int(jobs[variant][unit])],
        )
    effect = analyze_experiment(marts, settings, plan, AS_OF, "r1").effects[0]
    assert effect.method == "cr2"
    assert effect.absolute.estimate == pytest.approx(wait["b"].sum() / jobs["b"].sum() - wait["a"].sum() / jobs["a"].sum())


def test_what_a_running_experiment_waits_for_ends_with_it(marts: Warehouse, settings: Settings) -> None:
    assert [each.metric for each in analyze_experiment(marts, settings, PLAN, AS_OF, "r").planning] == ["orders"]
    marts.execute("update marts.experiment_moments set as_of_date = ?", [PLAN.end_date])
    assert analyze_experiment(marts, settings, PLAN, PLAN.end_date, "r").planning == ()


def test_at_the_planned_end_an_effect_that_depends_on_another_experiment_is_named(marts: Warehouse, settings: Settings) -> None:
    """Two experiments share 800 couriers; together their treatments do more than each alone, in one of two metrics."""
    plan = a_plan(("orders", "mean", Role.primary, "increase"), ("fees", "mean", Role.secondary, "increase"))
    rng, end = np.random.default_rng(5), plan.end_date
    marts.execute(
        "insert into registry.experiment_metrics values ('e', 'orders', 'primary', null, 0.02, 'mean', null), "
        "('e', 'fees', 'secondary', null, null, 'mean', null)"
    )
    marts.execute("insert into registry.variants values ('other', 'off', 0.5, true), ('other', 'on', 0.5, false), ('far', 'no', 1, true)")
    units = [(f"u{unit}", "ab"[unit % 2], ("off", "on")[unit // 2 % 2]) for unit in range(800)]
    orders = np.array([50 + 3 * (own == "b") + 4 * (own == "b" and other == "on") for _, own, other in units]) + rng.integers(-9, 10, 800)
    for (unit, own, other), value in zip(units, orders.tolist(), strict=True):
        marts.execute("insert into marts.experiment_unit_metrics values ('e', ?, ?, 'orders', ?, ?, 1)", [own, unit, end, value])
        marts.execute("insert into marts.experiment_unit_metrics values ('e', ?, ?, 'fees', ?, ?, 1)", [own, unit, end, value])
        marts.execute("insert into marts.experiment_units values ('other', 'courier', ?, ?, ?, null, false)", [unit, other, AS_OF])
    # Neither a store of the same name nor a courier who left the other experiment counts.
    marts.execute(
        "insert into marts.experiment_units values "
        "('other', 'store', 'u0', 'on', ?, null, false), ('other', 'courier', 'u1', 'on', ?, ?, false)",
        [AS_OF, AS_OF, AS_OF],
    )
    marts.execute("update marts.experiment_moments set as_of_date = ?", [end])
    (found,) = analyze_experiment(marts, settings, plan, end, "r").interactions
    assert (found.metric, found.treatment, found.other_experiment, found.other_treatment) == ("orders", "b", "other", "on")
    own, other = (np.array([row[side] for row in units]) for side in (1, 2))
    is_treated, is_other_treated = own == "b", other == "on"
    design = np.column_stack([np.ones(800), is_treated, is_other_treated, is_treated & is_other_treated])
    oracle = sm.OLS(orders, design).fit(cov_type="HC2", use_t=True)
    assert found.difference == pytest.approx(oracle.params[3], rel=1e-9)
    assert found.interval.low is not None
    assert found.interval.low == pytest.approx(oracle.conf_int()[3][0], rel=1e-3)
    assert found.p_value_adjusted == pytest.approx(oracle.pvalues[3], rel=0.05)
    marts.execute("update marts.experiment_moments set as_of_date = ?", [AS_OF])
    assert analyze_experiment(marts, settings, plan, AS_OF, "r").interactions == ()


def test_contamination_and_sample_ratio_are_counted_over_all_exposed_units() -> None:
    exposures = [ExposureCount("a", AS_OF, 500, 0), ExposureCount("b", AS_OF, 500, 30)]
    card = compute_scorecard(PLAN, AS_OF, [], exposures, Trust(), "r")
    assert card.contamination.share == pytest.approx(0.03)
    assert card.contamination.is_alarming
    lopsided = compute_scorecard(PLAN, AS_OF, [], [ExposureCount("a", AS_OF, 600, 0), ExposureCount("b", AS_OF, 400, 0)], Trust(), "r")
    assert lopsided.srm.p_value == pytest.approx(2.5396e-10, rel=1e-4)
    assert lopsided.srm.is_mismatch
    assert lopsided.verdict.decision is Decision.invalid


def test_an_unknown_variant_in_the_tables_is_named() -> None:
    with pytest.raises(AnalysisError, match="units in variant 'z'"):
        compute_scorecard(PLAN, AS_OF, [], [ExposureCount("z", AS_OF, 1, 0)], Trust(), "r")


def test_a_date_outside_the_experiment_is_refused(marts: Warehouse, settings: Settings) -> None:
    with pytest.raises(AnalysisError, match="runs from 2026-03-02 to 2026-03-29; 2026-04-01 is outside"):
        analyze_experiment(marts, settings, PLAN, date(2026, 4, 1), "r")


def test_a_result_that_is_not_there_names_those_that_are(marts: Warehouse, settings: Settings) -> None:
    with pytest.raises(AnalysisError, match="There is: none at all"):
        kept_scorecard(marts, "e", None)
    with pytest.raises(AnalysisError, match="no result yet"):
        latest_as_of_date(marts)
    analyze_experiment(marts, settings, PLAN, AS_OF, "r")
    with pytest.raises(AnalysisError, match=r"There is: e \(2026-03-05 to 2026-03-05\)"):
        kept_scorecard(marts, "nosuch", None)
