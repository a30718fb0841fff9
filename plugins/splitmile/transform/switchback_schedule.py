"""The schedules of switchback experiments as a table: drawn from the stored designs, so that SQL can attribute deliveries to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from splitmile.registry.plan import Plan
from splitmile.warehouse import Row, Warehouse


def sync_schedules(warehouse: Warehouse, plans: Sequence[Plan], definitions: Mapping[str, str]) -> None:
    """Bring `registry.switchback_windows` up to date, before `registry.experiments` gets the new definitions.

    A schedule has thousands of rows, so only those of experiments that are new or defined otherwise are written.

    Args:
        warehouse: Open session, in the transaction that replaces `registry.experiments`.
        plans: All valid plans.
        definitions: The definition of each experiment, as `registry.experiments` is going to have it.
    """
    kept = {
        row["experiment_id"]: row["definition"]
        for row in warehouse.fetch(
            "select scheduled.experiment_id, max(experiments.definition) as definition from registry.switchback_windows as scheduled "
            "left join registry.experiments as experiments on experiments.experiment_id = scheduled.experiment_id "
            "group by scheduled.experiment_id"
        )
    }
    wanted = {plan.experiment_id: plan for plan in plans if plan.switchback is not None}
    for experiment_id in kept:
        if experiment_id not in wanted or kept[experiment_id] != definitions[experiment_id]:
            warehouse.execute("delete from registry.switchback_windows where experiment_id = ?", [experiment_id])
    for experiment_id, plan in wanted.items():
        if kept.get(experiment_id) != definitions[experiment_id]:
            warehouse.append("registry.switchback_windows", list(schedule_rows(plan)))


def schedule_rows(plan: Plan) -> Iterator[Row]:
    """The rows of one switchback experiment in the order of zone and time; the control is arm 0 of the design.

    `counts_from` is where the burn-in ends: `starts_at` where the zone goes on with its variant. The first window counts as a
    switch, so that both variants lose the same stretch.
    """
    # Imported here: the statistics bring scipy with them, and most runs draw no schedule.
    from splitmile.stats import SwitchbackDesign
    from splitmile.stats.switchback_rows import burn_in

    if plan.switchback is None:
        return
    design = SwitchbackDesign.from_dict(plan.switchback.design)
    left_out = burn_in(design, design.draw(), plan.switchback.burn_in_minutes).ravel().tolist()
    variants = [plan.control.name, plan.treatments[0].name]
    for place, (row, minutes) in enumerate(zip(design.schedule(), left_out, strict=True)):
        starts_at = _utc(row.start)
        yield {
            "experiment_id": plan.experiment_id,
            "zone_id": row.zone,
            "window_number": place % design.windows,
            "starts_at": starts_at,
            "ends_at": _utc(row.end),
            "counts_from": starts_at + timedelta(minutes=minutes),
            "variant": variants[row.variant],
        }


def _utc(instant: datetime) -> datetime:
    """As tables hold instants: in UTC, without a zone."""
    return instant.replace(tzinfo=None)
