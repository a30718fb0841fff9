"""Does an effect depend on another experiment that some of the units are in, too?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from splitmile import stats
from splitmile.analysis.moments import MomentSums, moments_of
from splitmile.registry.plan import Plan, Role
from splitmile.results.comparisons import Interval
from splitmile.results.scorecards import Interaction
from splitmile.warehouse import Row, Warehouse

# From 19 digits on both engines multiply into 38, as in experiment_moments.
_CELLS = """
with units as (
    select metrics.metric, metrics.variant, others.experiment_id as other_experiment, others.variant as other_variant,
        variants.is_control as is_other_control,
        cast(metrics.numerator as decimal(19, 0)) as numerator, cast(metrics.denominator as decimal(19, 0)) as denominator
    from marts.experiment_unit_metrics as metrics
    inner join marts.experiment_units as others
        on metrics.unit_id = others.unit_id and metrics.experiment_id <> others.experiment_id
    inner join registry.variants as variants
        on others.experiment_id = variants.experiment_id and others.variant = variants.variant
    inner join registry.experiment_metrics as planned
        on metrics.experiment_id = planned.experiment_id and metrics.metric = planned.metric and planned.role = 'primary'
    where metrics.experiment_id = ? and metrics.as_of_date = ? and others.unit_type = ?
        and others.exposure_date between ? and ? and (others.contamination_date is null or others.contamination_date > ?)
        and not others.is_excluded
)
select metric, variant, other_experiment, other_variant, is_other_control, count(*) as units,
    cast(sum(numerator) as decimal(38, 0)) as sum_numerator, cast(sum(denominator) as decimal(38, 0)) as sum_denominator,
    cast(sum(numerator * numerator) as decimal(38, 0)) as sum_numerator_squared,
    cast(sum(numerator * denominator) as decimal(38, 0)) as sum_numerator_denominator,
    cast(sum(denominator * denominator) as decimal(38, 0)) as sum_denominator_squared
from units group by metric, variant, other_experiment, other_variant, is_other_control
"""

_Key = tuple[str, str, str, str]


def read_cells(warehouse: Warehouse, plan: Plan, as_of: date) -> list[Row]:
    """The primary metrics of the units that are in another experiment as well, by their variants in both."""
    return warehouse.fetch(_CELLS, [plan.experiment_id, as_of, plan.unit_type, plan.start_date, as_of, as_of])


def find_interactions(plan: Plan, cells: Sequence[Row]) -> tuple[Interaction, ...]:
    """Those that are there beyond chance, by Holm over all pairs of treatments.

    Args:
        plan: The experiment.
        cells: One row a metric, variant, other experiment and variant there, with its exact sums.
    """
    sums = {(row["other_experiment"], row["metric"], row["variant"], row["other_variant"]): MomentSums.from_row(row) for row in cells}
    controls = {row["other_experiment"]: row["other_variant"] for row in cells if row["is_other_control"]}
    others = sorted({(row["other_experiment"], row["other_variant"]) for row in cells if not row["is_other_control"]})
    pairs = [
        (other, controls[other], other_treatment, planned.metric.name, treatment.name)
        for other, other_treatment in others
        if other in controls
        for planned in plan.metrics
        if planned.role is Role.primary
        for treatment in plan.treatments
    ]
    if not pairs:
        return ()

    def corner(*, is_treated: bool, is_other_treated: bool) -> stats.Estimates:
        keys: list[_Key] = [
            (other, metric, treatment if is_treated else plan.control.name, other_treatment if is_other_treated else control)
            for other, control, other_treatment, metric, treatment in pairs
        ]
        return stats.estimate(moments_of([sums.get(key, MomentSums(key[2], key[1], 0)) for key in keys]))

    found = stats.interaction(
        neither=corner(is_treated=False, is_other_treated=False),
        only_first=corner(is_treated=True, is_other_treated=False),
        only_second=corner(is_treated=False, is_other_treated=True),
        both=corner(is_treated=True, is_other_treated=True),
    )
    adjusted = stats.holm(found.p_value())
    low, high = found.interval(plan.alpha)
    return tuple(
        Interaction(
            other_experiment=pairs[row][0],
            other_treatment=pairs[row][2],
            metric=pairs[row][3],
            treatment=pairs[row][4],
            difference=float(found.estimate[row]),
            interval=Interval(float(low[row]), float(high[row])),
            p_value_adjusted=float(adjusted[row]),
        )
        for row in np.flatnonzero(adjusted < plan.alpha).tolist()
    )
