"""The registry as tables, for the models and for analysts."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from splitmile.registry.plan import MAX_SEGMENTS, MetricKind, Plan, Registry
from splitmile.transform.switchback_schedule import sync_schedules
from splitmile.warehouse import Row, Warehouse, retried_on_conflict


@retried_on_conflict
def sync_registry(warehouse: Warehouse, registry: Registry, revision: str) -> None:
    """Replace the registry's tables, all in one transaction.

    Args:
        warehouse: Open session.
        registry: Valid plans, and the problems of the other files.
        revision: Git revision of the experiment files.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    definitions = {plan.experiment_id: _definition(plan) for plan in registry.plans}
    experiments = [
        {
            "experiment_id": plan.experiment_id,
            "title": plan.title,
            "owner": plan.owner,
            "service": plan.service,
            "hypothesis": plan.hypothesis,
            "unit_type": plan.unit_type,
            "control_variant": plan.control.name,
            "start_date": plan.start_date,
            "end_date": plan.end_date,
            "alpha": plan.alpha,
            "planned_units": plan.planned_units,
            "activation": plan.activation,
            **{f"segment_{place + 1}": plan.segments[place] if place < len(plan.segments) else None for place in range(MAX_SEGMENTS)},
            "layer": plan.layer.name if plan.layer else None,
            "layer_share": plan.layer.share if plan.layer else None,
            "holdout_of": plan.holdout_of,
            "is_switchback": plan.switchback is not None,
            "definition": definitions[plan.experiment_id],
            "revision": revision,
            "synced_at": now,
        }
        for plan in registry.plans
    ]
    variants = [
        {
            "experiment_id": plan.experiment_id,
            "variant": variant.name,
            "planned_share": variant.planned_share,
            "is_control": variant.is_control,
        }
        for plan in registry.plans
        for variant in plan.variants
    ]
    metrics = [
        {
            "experiment_id": plan.experiment_id,
            "metric": planned.metric.name,
            "role": planned.role.value,
            "margin": planned.margin,
            "minimum_effect": planned.minimum_effect,
            "kind": planned.metric.kind.value,
            "metric_window": planned.metric.window.name if planned.metric.window else None,
        }
        for plan in registry.plans
        for planned in plan.metrics
    ]
    listed_units = [
        {"experiment_id": plan.experiment_id, "unit_id": unit_id, "is_allowed": is_allowed}
        for plan in registry.plans
        for is_allowed, unit_ids in ((True, plan.allowed_units), (False, plan.denied_units))
        for unit_id in unit_ids
    ]
    problems = [
        {
            "path": problem.path,
            "line_number": problem.line,
            "experiment_id": problem.experiment_id,
            "message": problem.message,
            "synced_at": now,
        }
        for problem in registry.problems
    ]
    tables: dict[str, list[Row]] = {
        "experiments": experiments,
        "variants": variants,
        "experiment_metrics": metrics,
        "listed_units": listed_units,
        "problems": problems,
    }
    with warehouse.transaction():
        sync_schedules(warehouse, registry.plans, definitions)
        for name, rows in tables.items():
            warehouse.execute(f"delete from registry.{name}")
            warehouse.append(f"registry.{name}", rows)


def _definition(plan: Plan) -> str:
    """A hash of all that decides which units an experiment has and what is frozen of them; another one means: make them anew."""
    decisive = {
        "unit_type": plan.unit_type,
        # Sorted where the order decides nothing, so that a file that is only put in another order changes nothing.
        "variants": sorted(variant.name for variant in plan.variants),
        "start_date": plan.start_date.isoformat(),
        "end_date": plan.end_date.isoformat(),
        "segments": plan.segments,
        "activation": plan.activation,
        "allowed_units": sorted(plan.allowed_units),
        "denied_units": sorted(plan.denied_units),
        # Of these something is kept for each unit or day since the start; all others are made of the units' running sums.
        "kept_metrics": sorted(p.metric.name for p in plan.metrics if p.metric.window or p.metric.kind is MetricKind.quantile),
        # The schedule says which windows are treated, so it hangs on which variant is the control.
        "switchback": {**plan.switchback.design, "burn_in_minutes": plan.switchback.burn_in_minutes, "control": plan.control.name}
        if plan.switchback
        else None,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]
