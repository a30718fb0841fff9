"""Whether layers and holdouts were kept: batches over the units that the experiments of a layer have.

A unit counts as everywhere else: exposed up to the date, not excluded, not contaminated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from splitmile.quality.batches import Batch, Window, date_literal, literals
from splitmile.warehouse import Row, Warehouse


@dataclass(frozen=True, slots=True)
class LayerSplit:
    """How the units of a layer were given to experiments that began on one date.

    Attributes:
        layer: Name of the layer.
        shares: The experiments with their units and their shares as planned, in words.
        p_value: Of the test that the planned shares made this split.
    """

    layer: str
    shares: str
    p_value: float


def layer_pairs(as_of: date) -> Batch:
    """One row per two experiments of a layer, and per holdout and experiment of its layer, that run at one time.

    Of the two, one at least runs on the date. A unit is shared where it joined each before the other was over; what is about the
    other kind of row is null.
    """
    today = date_literal(as_of)
    return Batch(
        "marts_layers",
        f"""
        with tenants as (
            select experiment_id, control_variant, layer, holdout_of, start_date, end_date from registry.experiments
            where (layer is not null or holdout_of is not null) and start_date <= {today}
        ),
        pairs as (
            select tenant.experiment_id, other.experiment_id as other_id, tenant.end_date, other.end_date as other_end_date,
                case when tenant.holdout_of = other.layer then tenant.control_variant end as held_variant
            from tenants as tenant cross join tenants as other
            where ((tenant.layer = other.layer and tenant.experiment_id < other.experiment_id) or tenant.holdout_of = other.layer)
                and tenant.start_date <= other.end_date and other.start_date <= tenant.end_date
                and (tenant.end_date >= {today} or other.end_date >= {today})
        ),
        units as (
            select experiment_id, unit_id, variant, exposure_date from marts.experiment_units
            where experiment_id in (select experiment_id from tenants) and not is_excluded
                and exposure_date <= {today} and (contamination_date is null or contamination_date > {today})
        ),
        sizes as (select experiment_id, cast(count(*) as double precision) as units from units group by experiment_id),
        shared as (
            select pairs.experiment_id, pairs.other_id, cast(count(*) as double precision) as units
            from pairs
            join units on units.experiment_id = pairs.experiment_id
            join units as others on others.experiment_id = pairs.other_id and others.unit_id = units.unit_id
            where units.exposure_date <= pairs.other_end_date and others.exposure_date <= pairs.end_date
                and (pairs.held_variant is null or units.variant = pairs.held_variant)
            group by pairs.experiment_id, pairs.other_id
        )
        select pairs.experiment_id, pairs.other_id,
            case when pairs.held_variant is null then coalesce(shared.units, 0) end as shared_units,
            case when pairs.held_variant is null then coalesce(shared.units, 0) / nullif(least(sizes.units, other_sizes.units), 0) end
                as shared_share,
            case when pairs.held_variant is not null then coalesce(shared.units, 0) end as held_units
        from pairs
        left join shared on shared.experiment_id = pairs.experiment_id and shared.other_id = pairs.other_id
        left join sizes on sizes.experiment_id = pairs.experiment_id
        left join sizes as other_sizes on other_sizes.experiment_id = pairs.other_id""",
        ("experiment_id", "other_id"),
    )


def find_layer_splits(warehouse: Warehouse, window: Window) -> tuple[LayerSplit, ...]:
    """Test how the layers of running experiments were split.

    Experiments that began on different dates have had different time to meet their units, whatever their shares, so only those that
    began together are compared. All units count that were assigned by the end of the date; a rule or a list that leaves some
    out of the results says nothing of the split.

    Returns:
        One split per layer and date of beginning with two or more experiments, where each expects at least five units.

    Raises:
        WarehouseError: The units could not be read.
    """
    today = date_literal(window.business_date)
    rows = warehouse.fetch(
        f"""
        with tenants as (
            select experiment_id, layer, layer_share, start_date from registry.experiments
            where layer is not null and {today} between start_date and end_date
        ),
        sizes as (
            select experiment_id, count(*) as units from marts.experiment_units
            where experiment_id in (select experiment_id from tenants) and assigned_at < {window.ends_at(window.business_date)}
            group by experiment_id
        )
        select tenants.layer, tenants.start_date, tenants.experiment_id, tenants.layer_share, coalesce(sizes.units, 0) as units
        from tenants left join sizes on sizes.experiment_id = tenants.experiment_id
        order by tenants.layer, tenants.start_date, tenants.experiment_id"""
    )
    together: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for row in rows:
        together[row["layer"], row["start_date"]].append(row)
    tested = [_tested(layer, group) for (layer, _), group in together.items() if len(group) > 1]
    return tuple(split for split in tested if split is not None)


def layer_splits(splits: Sequence[LayerSplit]) -> Batch:
    """One row per split that was tested; the test is no SQL, so the query carries what it found."""
    found = " union all ".join(
        f"select cast({literals([split.layer])} as varchar(128)) as layer, cast({literals([split.shares])} as varchar(4096)) as shares, "
        f"cast({split.p_value!r} as double precision) as split_p_value"
        for split in splits
    )
    nothing = "select cast('' as varchar(128)) as layer, cast('' as varchar(4096)) as shares, cast(1 as double precision) as split_p_value"
    return Batch("marts_layer_splits", found or f"{nothing} where 1 = 0", ("layer", "shares"))


def _tested(layer: str, group: Sequence[Row]) -> LayerSplit | None:
    # scipy takes as long to import as all checks of an installation without layers.
    from splitmile.stats import srm_by_segment

    total = sum(row["layer_share"] for row in group)
    found = srm_by_segment([[int(row["units"]) for row in group]], [row["layer_share"] / total for row in group])
    if found.reason[0]:
        return None
    shares = ", ".join(f"{row['experiment_id']} {int(row['units']):,} units for {row['layer_share']:.3g}" for row in group)
    return LayerSplit(layer, shares, float(found.test.p_value[0]))
