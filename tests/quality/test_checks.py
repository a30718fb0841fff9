"""Every check holds on the good week and fails on a week broken for it, and says the same on both engines."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from quality.a_good_week import TODAY, Look, again, registry
from quality.conftest import GoodWeek
from redshift_target import ENGINES
from splitmile.quality.batches import Window
from splitmile.quality.checks import Suite
from splitmile.quality.feed_suites import feeds_suites
from splitmile.quality.limits import LIMITS, Severity
from splitmile.quality.mart_suites import marts_suites
from splitmile.quality.report import CheckResult
from splitmile.quality.validation import SAMPLES
from splitmile.settings import BusinessDay, Settings

DELIVERIES = f"update landing.deliveries set {{}} where partition_date = date '{TODAY}'"
EXPOSURES = f"update landing.exposures set {{}} where partition_date = date '{TODAY}'"
MOMENTS = "update marts.experiment_moments set {} where experiment_id = 'dispatch_ranking' and variant = 'new'"
MEETS = "update marts.experiment_units set unit_id = 'c0' where experiment_id = '{}' and unit_id = '{}'"
ON_TODAY = f"partition_date = date '{TODAY}'"

# Check → statements that break it, and what the message must then contain.
FAULTS: dict[str, tuple[list[str], str]] = {
    "deliveries_present": ([f"delete from landing.deliveries where partition_date = date '{TODAY}'"], "row_count 0"),
    "deliveries_volume_kept": (
        [f"delete from landing.deliveries where partition_date = date '{TODAY}' and line_number > 2"],
        "volume_to_fewest 0.05",
    ),
    "deliveries_volume_usual": (
        [f"delete from landing.deliveries where partition_date = date '{TODAY}' and line_number > 10"],
        "volume_to_mean 0.25",
    ),
    "deliveries_fresh": (
        [f"delete from landing.deliveries where partition_date = date '{TODAY}' and line_number > 30"],
        "silent_hours_beyond 5",
    ),
    "deliveries_sent_once": ([again("deliveries", ON_TODAY, line_number="line_number + 1000")], "repeated_share 0.5"),
    "distance_level_usual": ([DELIVERIES.format("distance_m = 1")], "distance_m_to_mean 0.00098"),
    "fee_level_usual": ([DELIVERIES.format("fee_krw = fee_krw * 100")], "fee_krw_to_mean 100"),
    "exposures_present": ([f"delete from landing.exposures where partition_date = date '{TODAY}'"], "row_count 0"),
    "exposures_volume_usual": (
        [f"delete from landing.exposures where partition_date = date '{TODAY}' and line_number > 2"],
        "volume_to_mean 0.05",
    ),
    "exposures_fresh": (
        [f"delete from landing.exposures where partition_date = date '{TODAY}' and line_number > 20"],
        "silent_hours_beyond 10",
    ),
    "exposures_sent_once": ([again("exposures", ON_TODAY, line_number="line_number + 1000")], "repeated_share 0.5"),
    "exposed_units_joinable": (
        [EXPOSURES.format("unit_id = 'app:' || unit_id") + " and unit_type = 'customer'"],
        "customer (active_share 0)",
    ),
    "exposed_units_active": (
        [EXPOSURES.format("unit_id = 'new-' || unit_id") + " and unit_type = 'zone' and line_number > 8"],
        "zone (active_share 0.2)",
    ),
    "delivery_status_known": ([DELIVERIES.format("status = 'lost'") + " and line_number = 2"], f"d-{TODAY}-1 (status lost)"),
    "delivered_at_fits_status": (
        [DELIVERIES.format("delivered_at = null") + " and line_number = 2"],
        f"d-{TODAY}-1 (outcome delivered without delivered_at)",
    ),
    "cancelled_at_present": ([DELIVERIES.format("cancelled_at = null") + " and line_number = 1"], f"d-{TODAY}-0"),
    "delivered_after_ordered": (
        [DELIVERIES.format("delivered_at = ordered_at - interval '9 hours'") + " and line_number = 2"],
        f"d-{TODAY}-1",
    ),
    "assigned_after_ordered": ([DELIVERIES.format("assigned_at = ordered_at - interval '1 minute'")], "40 of 40 rows (100 %)"),
    "picked_up_after_assigned": ([DELIVERIES.format("picked_up_at = assigned_at - interval '1 minute'")], "40 of 40 rows (100 %)"),
    "delivered_after_picked_up": ([DELIVERIES.format("picked_up_at = delivered_at + interval '1 minute'")], "38 of 38 rows (100 %)"),
    "promised_after_ordered": ([DELIVERIES.format("promised_at = ordered_at - interval '9 hours'")], "40 of 40 rows (100 %)"),
    "delivery_seconds_plausible": (
        [DELIVERIES.format("delivered_at = ordered_at + interval '2 days'") + " and line_number = 2"],
        "172,800",
    ),
    "distance_possible": ([DELIVERIES.format("distance_m = -5") + " and line_number = 2"], "distance_m -5"),
    "fee_possible": ([DELIVERIES.format("fee_krw = -5") + " and line_number = 2"], "fee_krw -5"),
    "deliveries_settled": ([DELIVERIES.format("status = 'in_progress'") + " and line_number <= 10"], "10 of 40 rows (25 %)"),
    "courier_id_present": ([DELIVERIES.format("courier_id = null") + " and line_number <= 10"], "9 of 38 rows"),
    "customer_id_present": ([DELIVERIES.format("customer_id = null") + " and line_number <= 10"], "10 of 40 rows"),
    "zone_id_present": ([DELIVERIES.format("zone_id = null") + " and line_number <= 10"], "10 of 40 rows"),
    "exposure_unit_type_known": ([EXPOSURES.format("unit_type = 'bicycle'") + " and line_number = 1"], "unit_type bicycle"),
    "exposure_unit_id_present": ([EXPOSURES.format("unit_id = ' '") + " and line_number = 1"], f"dispatch_ranking-{TODAY}-0"),
    "exposure_experiment_registered": ([EXPOSURES.format("experiment_id = 'secret'") + " and line_number = 1"], "experiment_id secret"),
    "exposure_variant_registered": ([EXPOSURES.format("variant = 'neu'") + " and line_number = 1"], "dispatch_ranking: neu"),
    "exposure_unit_type_planned": ([EXPOSURES.format("unit_type = 'store'") + " and line_number = 1"], "dispatch_ranking: store"),
    "moments_present": (
        ["delete from marts.experiment_moments where experiment_id = 'eta_banner' and variant = 'new'"],
        "eta_banner new late_rate",
    ),
    "moments_units_agree": ([MOMENTS.format("units = 20")], "dispatch_ranking new late_rate (units 20, exposed_units 21)"),
    "moments_units_possible": ([MOMENTS.format("units = -1")], "units -1"),
    "moments_sums_present": ([MOMENTS.format("sum_numerator = null, sum_denominator = null")], "null_sums 2"),
    "moments_squares_possible": ([MOMENTS.format("sum_numerator_squared = -90")], "smaller_square -90"),
    "moments_spread_possible": (
        [MOMENTS.format("sum_denominator_squared = 1000")],
        "dispatch_ranking new late_rate all (relative_spread -0.7",
    ),
    "unit_days_conserve_deliveries": (
        [f"delete from marts.unit_days where unit_type = 'courier' and unit_id = 'c1' and business_date = date '{TODAY}'"],
        "courier (unit_days_delivered 37, staged_delivered 38)",
    ),
    "layer_units_apart": ([MEETS.format("route_order", "c20")], "dispatch_ranking route_order (shared_units 1)"),
    "layer_kept": ([MEETS.format("route_order", "c20")], "dispatch_ranking route_order (shared_share 0.05)"),
    "holdout_kept": ([MEETS.format("dispatch_holdout", "c40")], "dispatch_holdout dispatch_ranking (held_units 1)"),
    "layer_split_planned": (
        ["delete from marts.experiment_units where experiment_id = 'route_order' and unit_id not in ('c20', 'c21')"],
        "dispatch dispatch_ranking 20 units for 0.45, route_order 2 units for 0.45 (split_p_value 0.0001",
    ),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_limit_belongs_to_a_check_and_every_check_has_a_fault(suites: tuple[Suite, ...]) -> None:
    names = [check.name for suite in suites for check in suite.checks]
    assert sorted(names) == sorted(LIMITS) == sorted(FAULTS)


@pytest.fixture(scope="module")
def on_duckdb(good_duckdb: GoodWeek) -> Callable[[str], CheckResult]:
    """What a check says on DuckDB after its fault."""
    return cache(lambda check_name: good_duckdb.look(check_name, FAULTS[check_name][0]))


@pytest.mark.parametrize("check_name", FAULTS)
def test_check_fails_on_what_it_guards_against(on_duckdb: Callable[[str], CheckResult], check_name: str) -> None:
    _, seen = FAULTS[check_name]
    result = on_duckdb(check_name)
    assert not result.is_success
    assert not result.is_skipped
    assert seen in result.observed
    assert result.severity is LIMITS[check_name].severity
    assert result.observed in result.message
    assert result.expected in result.message


@pytest.mark.redshift
@pytest.mark.parametrize("check_name", FAULTS)
def test_check_says_the_same_on_redshift(on_duckdb: Callable[[str], CheckResult], good_redshift: GoodWeek, check_name: str) -> None:
    here, there = on_duckdb(check_name), good_redshift.look(check_name, FAULTS[check_name][0])
    if here.observed.count(";") == SAMPLES - 1:
        # Each engine may choose its own of many broken rows.
        here, there = (replace(result, observed=_masked(result.observed), message=_masked(result.message)) for result in (here, there))
    assert there == here


def _masked(words: str) -> str:
    """The words with a mark in place of every number of the samples."""
    before, samples = words.split("such as", 1)
    return before + re.sub(r"\d+", "#", samples)


def test_rare_broken_rows_are_tolerated_where_the_limit_says_so(look: Look) -> None:
    result = look("deliveries_settled", [DELIVERIES.format("status = 'in_progress'") + " and line_number <= 2"])
    assert result.is_success
    assert "2 of 40 rows" in result.observed


# What the loader notes of rows that came again.
NOTED = """
    insert into ops.superseded_rows (feed, event_id, event_at, partition_date, object_number, line_number)
    select 'deliveries', delivery_id, ordered_at, partition_date, object_number, line_number from (
        select *, row_number() over (
            partition by delivery_id order by partition_date desc, object_number desc, line_number desc
        ) as recency from landing.deliveries
    ) as versions where recency > 1"""


def test_only_the_latest_version_of_a_row_counts(look: Look) -> None:
    older = again("deliveries", ON_TODAY, status="'lost'", line_number="0")
    newer = again("deliveries", ON_TODAY, status="'lost'", line_number="1000")
    assert look("delivery_status_known", [older, NOTED]).is_success
    assert not look("delivery_status_known", [newer, NOTED]).is_success


def test_a_row_that_a_later_partition_moved_to_another_date_does_not_count(look: Look) -> None:
    broken = DELIVERIES.format("status = 'lost'") + " and line_number = 2"
    moved = again(
        "deliveries", f"delivery_id = 'd-{TODAY}-1'", ordered_at="ordered_at + interval '3 days'", partition_date="partition_date + 1"
    )
    assert look("delivery_status_known", [broken, moved, NOTED]).is_success


TRAILING = ("deliveries_volume_kept", "deliveries_volume_usual", "deliveries_fresh", "distance_level_usual", "fee_level_usual")


@pytest.mark.parametrize("check_name", [*TRAILING, "exposures_volume_usual", "exposures_fresh"])
def test_without_a_known_week_the_trailing_checks_are_skipped_and_say_so(look: Look, check_name: str) -> None:
    feed = "deliveries" if check_name in TRAILING else "exposures"
    statements, _ = FAULTS[check_name]
    result = look(check_name, [*statements, f"delete from landing.{feed} where partition_date < date '{TODAY}' - 3"])
    assert result.is_success
    assert result.is_skipped
    assert result.observed.startswith("skipped: the trailing week is not known yet")


def test_volume_is_judged_by_the_weekday_too(look: Look) -> None:
    """A feed that is quiet on one day of the week does not block on the next such day."""
    quiet = "delete from landing.deliveries where partition_date in (date '{}', date '{}') and line_number > 2"
    assert look("deliveries_volume_kept", [quiet.format(TODAY, "2026-03-02")]).is_success
    assert not look("deliveries_volume_kept", [quiet.format(TODAY, "1999-01-01")]).is_success


def test_exposures_of_an_experiment_whose_file_is_broken_are_known_but_not_judged(look: Look) -> None:
    statement = EXPOSURES.format("experiment_id = 'broken', variant = 'any'") + " and line_number = 1"
    assert look("exposure_experiment_registered", [statement]).is_success
    assert look("exposure_variant_registered", [statement]).is_success


def test_without_running_experiments_only_the_deliveries_are_judged(look: Look, settings: Settings) -> None:
    ended = tuple(replace(plan, end_date=plan.start_date) for plan in registry().plans)
    window = Window(settings.business_day, TODAY)
    among = feeds_suites(window, replace(registry(), plans=ended))
    names = ("exposures_present", "exposed_units_joinable", "courier_id_present", "customer_id_present", "zone_id_present")
    assert all(look(name, among=among).is_skipped for name in names)
    none = feeds_suites(window, replace(registry(), plans=(), problems=()))
    assert not look("exposure_experiment_registered", among=none).is_success
    assert look("exposure_variant_registered", among=none).is_skipped


def test_the_only_row_of_a_date_is_judged_like_many(look: Look) -> None:
    result = look("delivery_status_known", [f"delete from landing.deliveries where {ON_TODAY} and line_number > 1"])
    assert result.observed == "the one row keeps the rule"


def test_without_the_measure_the_conservation_is_skipped(look: Look) -> None:
    result = look("unit_days_conserve_deliveries", among=marts_suites(Window(BusinessDay(), TODAY), ["unit_type", "orders"], ()))
    assert result.observed == "skipped: no metric uses the measure delivered_orders"


LATER = "update marts.experiment_units set {} where experiment_id = 'route_order' and unit_id = 'c0'"


@pytest.mark.parametrize(
    "statement",
    [
        LATER.format("is_excluded = true"),
        LATER.format(f"exposure_date = date '{TODAY + timedelta(days=1)}'"),
        LATER.format(f"contamination_date = date '{TODAY}'"),
        # It joined when the other was over.
        "update registry.experiments set end_date = date '2026-03-01' where experiment_id = 'dispatch_ranking'",
    ],
)
def test_a_unit_that_does_not_count_in_both_at_one_time_is_not_shared(look: Look, statement: str) -> None:
    assert look("layer_units_apart", [MEETS.format("route_order", "c20"), statement]).is_success


def test_experiments_that_began_on_different_dates_are_not_compared(look: Look) -> None:
    statements, _ = FAULTS["layer_split_planned"]
    result = look(
        "layer_split_planned",
        [*statements, "update registry.experiments set start_date = start_date - 1 where experiment_id = 'route_order'"],
    )
    assert result.observed.startswith("skipped: no layer has two running experiments")


def test_a_layer_without_a_holdout_is_judged_by_itself(look: Look) -> None:
    statement = "update registry.experiments set holdout_of = null"
    assert look("holdout_kept", [statement]).observed == "skipped: no holdout runs beside an experiment of its layer"
    assert look("layer_kept", [statement]).observed == "the one row keeps the rule"


def test_without_layers_there_is_nothing_to_look_at(look: Look) -> None:
    statement = "update registry.experiments set layer = null, layer_share = null, holdout_of = null"
    for name in ("layer_units_apart", "layer_kept", "holdout_kept", "layer_split_planned"):
        assert look(name, [statement]).is_skipped


def test_a_check_that_cannot_be_run_has_failed(look: Look, suites: tuple[Suite, ...]) -> None:
    suite = suites[0]
    broken = Suite(suite.batch, (replace(suite.checks[0], arguments={"column": "no_such_column"}),))
    result = look(suite.checks[0].name, among=[broken])
    assert not result.is_success
    assert "could not be run" in result.observed
    assert "no_such_column" in result.observed


@pytest.mark.parametrize("name", LIMITS)
def test_words_are_fit_for_a_reader(suites: tuple[Suite, ...], name: str) -> None:
    check = next(check for suite in suites for check in suite.checks if check.name == name)
    assert check.description.endswith(".")
    assert check.remedy.endswith(".")
    assert check.severity in Severity
    assert check.expected
