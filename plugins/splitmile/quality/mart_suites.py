"""Gate 2 as code: what must hold of the marts as of a business date before they are analysed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from splitmile.quality import batches, layers
from splitmile.quality.batches import Window
from splitmile.quality.checks import BETWEEN, EQUAL, NOT_NULL, Check, Suite

_NO_UNITS = "no experiment runs on the date, or none has units"


def marts_suites(window: Window, unit_day_measures: Collection[str], splits: Sequence[layers.LayerSplit]) -> tuple[Suite, ...]:
    """Gate 2: what must hold of the marts as of a business date before they are analysed.

    Args:
        window: The business date.
        unit_day_measures: Columns of `marts.unit_days`; without `delivered_orders` its conservation cannot be checked.
        splits: How the layers were split (`layers.find_layer_splits`).
    """
    as_of = window.business_date
    return (
        Suite(batches.moments_coverage(as_of), _coverage_checks()),
        Suite(batches.moments(as_of), _moments_checks()),
        Suite(
            batches.unit_days(window, has_delivered_orders="delivered_orders" in unit_day_measures),
            (
                Check(
                    "unit_days_conserve_deliveries",
                    "Per unit type, unit_days counts as many delivered orders as were staged for the date.",
                    "Rows were lost or doubled between staging and unit_days: run dbt again for the date, then compare the two.",
                    EQUAL,
                    {"column_A": "unit_days_delivered", "column_B": "staged_delivered", "ignore_row_if": "either_value_is_missing"},
                    "no metric uses the measure delivered_orders",
                ),
            ),
        ),
        Suite(layers.layer_pairs(as_of), _layer_checks()),
        Suite(
            layers.layer_splits(splits),
            (
                Check(
                    "layer_split_planned",
                    "The p-value of the sample-ratio test of a layer's experiments that began together: their units against their shares.",
                    "A service loses units, or assigns other shares than the files say: compare the two, and correct the wrong one.",
                    BETWEEN,
                    {"column": "split_p_value"},
                    "no layer has two running experiments that began on one date and have enough units",
                ),
            ),
        ),
    )


def _layer_checks() -> tuple[Check, ...]:
    no_pair = "no two experiments of a layer run at one time"
    return (
        Check(
            "layer_units_apart",
            "Units that count in two experiments of one layer at one time.",
            "Look in marts.experiment_units which they are: the services do not assign by the same layer, or units go by two ids.",
            BETWEEN,
            {"column": "shared_units"},
            no_pair,
        ),
        Check(
            "layer_kept",
            "Those units, as a share of the smaller experiment's.",
            "The layer is not kept, and each experiment measures the other's change too: stop one of them, or take both out of the layer.",
            BETWEEN,
            {"column": "shared_share"},
            no_pair,
        ),
        Check(
            "holdout_kept",
            "Units of a holdout's control that count in an experiment of its layer.",
            "The holdout gets what it should not: have the service ask for the holdout before it assigns a variant.",
            BETWEEN,
            {"column": "held_units"},
            "no holdout runs beside an experiment of its layer",
        ),
    )


def _coverage_checks() -> tuple[Check, ...]:
    return (
        Check(
            "moments_present",
            "Every metric of a running experiment has moments for every variant with units in the analysis.",
            "The experiment's metric was not built: look at dbt's log for experiment_unit_metrics, and run dbt again for the date.",
            NOT_NULL,
            {"column": "units"},
            _NO_UNITS,
        ),
        Check(
            "moments_units_agree",
            "The units of the moments are the units exposed up to the date less the contaminated ones.",
            "Units were lost or doubled between experiment_units and experiment_moments: run dbt again for the date, then compare the two.",
            EQUAL,
            {"column_A": "units", "column_B": "exposed_units", "ignore_row_if": "either_value_is_missing"},
            _NO_UNITS,
        ),
    )


def _moments_checks() -> tuple[Check, ...]:
    rebuild = "No data can give such sums, so the model that makes them is wrong or was interrupted: run dbt again for the date."
    return tuple(
        Check(name, description, rebuild, BETWEEN, {"column": column}, "there are no moments as of the date")
        for name, column, description in (
            ("moments_units_possible", "units", "The number of units of the moments."),
            ("moments_sums_present", "null_sums", "How many of a row's sums are missing."),
            ("moments_squares_possible", "smaller_square", "The smallest of the sums of squares."),
            (
                "moments_spread_possible",
                "relative_spread",
                "The variance that the sums amount to, as a share of the mean square; below zero no numbers have such sums.",
            ),
        )
    )
