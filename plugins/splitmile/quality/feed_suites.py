"""Gate 1 as code: what must hold of the feeds of a business date before anything is built on them."""

from __future__ import annotations

from splitmile.quality import batches
from splitmile.quality.batches import UNIT_COLUMNS, Window
from splitmile.quality.checks import BETWEEN, IN_SET, NOT_BEFORE, Check, Suite
from splitmile.registry import Plan, Registry

STATUSES = ("delivered", "cancelled", "failed", "in_progress")

_NO_WEEK = f"the trailing week is not known yet, or has fewer than {batches.FEW_ROWS} rows a day"
_NOT_RUNNING = "no experiment runs on the date"


def feeds_suites(window: Window, registry: Registry) -> tuple[Suite, ...]:
    """Gate 1: what must hold of the feeds of a business date before anything is built on them."""
    today = window.business_date
    running = tuple(plan for plan in registry.plans if plan.start_date <= today <= plan.end_date)
    return (
        Suite(
            batches.feed_day(window, "deliveries", "delivery_id", "ordered_at", ("distance_m", "fee_krw")),
            _deliveries_day_checks(),
        ),
        Suite(
            batches.feed_day(window, "exposures", "exposure_id", "exposed_at", is_expected=bool(running)),
            _exposures_day_checks(),
        ),
        Suite(batches.exposed_units(window, {plan.experiment_id: plan.unit_type for plan in running}), _exposed_units_checks()),
        Suite(batches.deliveries(window, {plan.unit_type for plan in running}), _delivery_checks()),
        Suite(batches.exposures(window, [plan.experiment_id for plan in registry.plans]), _exposure_checks(registry)),
    )


def _level(name: str, column: str, description: str, remedy: str, when_empty: str = _NO_WEEK) -> Check:
    return Check(name, description, remedy, BETWEEN, {"column": column}, when_empty)


def _deliveries_day_checks() -> tuple[Check, ...]:
    unit_changed = (
        "The unit or the meaning of the column may have changed (metres, won): ask whoever sends the feed, and correct it at the source."
    )
    return (
        _level(
            "deliveries_present",
            "row_count",
            "The date has deliveries.",
            "Look for the date's objects on S3 and in ops.load_ledger; when they arrive, ingest loads them and the date runs again.",
        ),
        _level(
            "deliveries_volume_kept",
            "volume_to_fewest",
            "Deliveries of the date, as a share of the fewest on any date of the trailing week.",
            "Objects are missing: compare ops.load_ledger with the dates before, have the feed sent again, then let the date run again.",
        ),
        _level(
            "deliveries_volume_usual",
            "volume_to_mean",
            "Deliveries of the date, as a share of the trailing week's daily mean.",
            "A holiday or a campaign explains it; if neither does, compare ops.load_ledger with the dates before.",
        ),
        _level(
            "deliveries_fresh",
            "silent_hours_beyond",
            "Hours without an order at the end of the date, beyond the longest such silence of the trailing week.",
            "The last objects of the date were probably sent too early: ask for the rest; late rows restate the date.",
        ),
        _level(
            "deliveries_sent_once",
            "repeated_share",
            "Share of received rows that repeat a delivery within one partition.",
            "The latest version counts, so no number is wrong; tell whoever sends the feed that it sends rows twice.",
            "the date has no deliveries",
        ),
        _level(
            "distance_level_usual",
            "distance_m_to_mean",
            "Mean distance of the date, as a share of the trailing week's.",
            unit_changed,
        ),
        _level("fee_level_usual", "fee_krw_to_mean", "Mean fee of the date, as a share of the trailing week's.", unit_changed),
    )


def _exposures_day_checks() -> tuple[Check, ...]:
    return (
        _level(
            "exposures_present",
            "row_count",
            "The date has exposures while an experiment runs.",
            "Look for the date's objects on S3; if they are there and empty, the services have stopped logging exposures.",
            _NOT_RUNNING,
        ),
        _level(
            "exposures_volume_usual",
            "volume_to_mean",
            "Exposures of the date, as a share of the trailing week's daily mean.",
            "An experiment that starts or ends explains it; if none does, the logging of a service has changed.",
        ),
        _level(
            "exposures_fresh",
            "silent_hours_beyond",
            "Hours without an exposure at the end of the date, beyond the longest such silence of the trailing week.",
            "The last objects of the date were probably sent too early, or a service stopped logging: ask for the rest.",
        ),
        _level(
            "exposures_sent_once",
            "repeated_share",
            "Share of received rows that repeat an exposure within one partition.",
            "The latest version counts, so no number is wrong; tell whoever sends the feed that it sends rows twice.",
            "the date has no exposures",
        ),
    )


def _exposed_units_checks() -> tuple[Check, ...]:
    few = f"fewer than {batches.FEW_UNITS} units of any type were exposed"
    what = "Per unit type, share of the date's exposed units with an order on the date or in its trailing week"
    return (
        _level(
            "exposed_units_joinable",
            "active_share",
            f"{what}: the two feeds speak of the same units.",
            "The identifiers of the two feeds differ (a prefix, a hash, another system's id): have one of them corrected at the source.",
            few,
        ),
        _level(
            "exposed_units_active",
            "active_share",
            f"{what}: most exposed units work or order.",
            "Units are exposed that cannot show an effect: move the exposure to where the variant is first met, or accept the lost power.",
            few,
        ),
    )


def _order(name: str, later: str, earlier: str, remedy: str) -> Check:
    return Check(
        name,
        f"{later} is not before {earlier}, where both are present.",
        remedy,
        NOT_BEFORE,
        {"column_A": later, "column_B": earlier, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        f"no row has both {later} and {earlier}",
    )


def _delivery_checks() -> tuple[Check, ...]:
    clocks = "Clocks of the devices or a time zone are wrong, or two columns are swapped: correct it at the source and send the date again."
    outcomes = [f"{status} {'with' if status == 'delivered' else 'without'} delivered_at" for status in STATUSES]
    return (
        Check(
            "delivery_status_known",
            f"status is one of {', '.join(STATUSES)}.",
            "Map the new status to one of these where the feed is written, and send the date again.",
            IN_SET,
            {"column": "status", "value_set": list(STATUSES)},
        ),
        Check(
            "delivered_at_fits_status",
            "delivered_at is set where status is delivered, and nowhere else.",
            "Status and instant come from two sources that disagree: correct the feed and send the date again.",
            IN_SET,
            {"column": "outcome", "value_set": outcomes},
        ),
        Check(
            "cancelled_at_present",
            "cancelled_at is set where status is cancelled.",
            "Have the instant of cancellation added to the feed; until then times to cancellation are incomplete.",
            BETWEEN,
            {"column": "has_cancelled_at"},
            "no order was cancelled",
        ),
        _order("delivered_after_ordered", "delivered_at", "ordered_at", clocks),
        _order("assigned_after_ordered", "assigned_at", "ordered_at", clocks),
        _order("picked_up_after_assigned", "picked_up_at", "assigned_at", clocks),
        _order("delivered_after_picked_up", "delivered_at", "picked_up_at", clocks),
        _order("promised_after_ordered", "promised_at", "ordered_at", clocks),
        Check(
            "delivery_seconds_plausible",
            "Seconds from order to delivery.",
            "Orders closed long after the fact are counted as deliveries: have the true instant sent, or the status failed.",
            BETWEEN,
            {"column": "delivery_seconds"},
            "nothing was delivered",
        ),
        Check(
            "distance_possible",
            "distance_m, in metres, is not negative and no longer than half the way round the Earth.",
            "Have the distance corrected, or left empty where it is not known, and send the date again.",
            BETWEEN,
            {"column": "distance_m"},
            "no row has a distance",
        ),
        Check(
            "fee_possible",
            "fee_krw, in won, is not negative and not absurd.",
            "Have refunds sent as a status, not as a negative fee; correct the feed and send the date again.",
            BETWEEN,
            {"column": "fee_krw"},
            "no row has a fee",
        ),
        Check(
            "deliveries_settled",
            "Orders that have come to an end: status is not in_progress.",
            "The date was sent before its orders ended; the rest arrives as late rows and restates the date.",
            BETWEEN,
            {"column": "is_settled"},
        ),
        *(
            Check(
                f"{unit_type}_id_present",
                f"{which} have a {UNIT_COLUMNS[unit_type]}, where a running experiment counts {unit_type}s.",
                f"Orders without a {unit_type} are in no variant's numbers: have the feed send {UNIT_COLUMNS[unit_type]}.",
                BETWEEN,
                {"column": f"has_{unit_type}_id"},
                f"no running experiment counts {unit_type}s",
            )
            for unit_type, which in (("courier", "Delivered orders"), ("customer", "Orders"), ("zone", "Orders"))
        ),
    )


def _exposure_checks(registry: Registry) -> tuple[Check, ...]:
    plans: tuple[Plan, ...] = registry.plans
    known = sorted({plan.experiment_id for plan in plans} | {p.experiment_id for p in registry.problems if p.experiment_id})
    variants = [f"{plan.experiment_id}: {variant.name}" for plan in plans for variant in plan.variants]
    unit_types = [f"{plan.experiment_id}: {plan.unit_type}" for plan in plans]
    no_plan = "no exposure belongs to an experiment with a valid file"
    return (
        Check(
            "exposure_unit_type_known",
            f"unit_type is one of {', '.join(UNIT_COLUMNS)}.",
            "Correct the unit type where the exposure is logged, and send the date again.",
            IN_SET,
            {"column": "unit_type", "value_set": list(UNIT_COLUMNS)},
        ),
        Check(
            "exposure_unit_id_present",
            "unit_id is not blank.",
            "The service logs exposures without their unit: correct it there, and send the date again.",
            BETWEEN,
            {"column": "has_unit_id"},
        ),
        Check(
            "exposure_experiment_registered",
            "experiment_id has a file in the registry.",
            "Add the experiment's file, or have the service stop logging it; its exposures are left out until then.",
            IN_SET,
            {"column": "experiment_id", "value_set": known},
        ),
        Check(
            "exposure_variant_registered",
            "variant is one of its experiment's variants.",
            "Correct the name in the file or in the service; until then such exposures are left out, which can look like a mismatch.",
            IN_SET,
            {"column": "experiment_variant", "value_set": variants},
            no_plan,
        ),
        Check(
            "exposure_unit_type_planned",
            "unit_type is the unit of its experiment.",
            "Correct the unit in the experiment's file or in the service; exposures of other units are left out.",
            IN_SET,
            {"column": "experiment_unit_type", "value_set": unit_types},
            no_plan,
        ),
    )
