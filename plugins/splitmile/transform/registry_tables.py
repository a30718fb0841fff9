"""The registry as tables, for the models and for analysts."""

from __future__ import annotations

from datetime import UTC, datetime

from splitmile.registry.plan import Registry
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
        }
        for plan in registry.plans
        for planned in plan.metrics
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
    tables: dict[str, list[Row]] = {"experiments": experiments, "variants": variants, "experiment_metrics": metrics, "problems": problems}
    with warehouse.transaction():
        for name, rows in tables.items():
            warehouse.execute(f"delete from registry.{name}")
            warehouse.append(f"registry.{name}", rows)
