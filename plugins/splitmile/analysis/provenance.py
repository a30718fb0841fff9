"""What explanations of units and of windows have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from splitmile.errors import AnalysisError
from splitmile.registry.plan import Metric, Plan, PlannedMetric
from splitmile.results.explanations import ExplainedEffect, MeasureUse
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

SAMPLE_SIZE = 3
"""Units or windows shown of each variant."""


def described(plan: Plan, planned: PlannedMetric, as_of: date) -> dict[str, Any]:
    """The fields of `Explanation` that the plan has."""
    return {
        "experiment_id": plan.experiment_id,
        "title": plan.title,
        "unit_type": plan.unit_type,
        "start_date": plan.start_date,
        "end_date": plan.end_date,
        "metric": planned.metric.name,
        "label": planned.metric.label,
        "kind": planned.metric.kind.value,
        "role": planned.role.value,
        "as_of_date": as_of,
    }


def day_of(plan: Plan, what: str, days: Sequence[date], as_of: date | None) -> date:
    """The date to explain: the one asked for, or the newest.

    Args:
        plan: Of the experiment.
        what: The rows that a date needs, in plain words.
        days: Those that have them, ascending.
        as_of: The one asked for.

    Raises:
        AnalysisError: There are no such rows, or none of the date.
    """
    if not days:
        raise AnalysisError(f"{plan.experiment_id} has no {what} yet; `splitmile run --date` makes them")
    if as_of is not None and as_of not in days:
        raise AnalysisError(f"{plan.experiment_id} has no {what} as of {as_of}; it has {len(days)} dates from {days[0]} to {days[-1]}")
    return as_of or days[-1]


def measure_uses(metric: Metric, expressions: Mapping[str, str]) -> tuple[MeasureUse, ...]:
    """The measures of a metric that is added up."""
    uses = [("numerator", metric.numerator), ("denominator", metric.denominator)]
    return tuple(MeasureUse(part, name, expressions[name]) for part, name in uses if name)


def effects(
    warehouse: Warehouse, plan: Plan, metric: Metric, as_of: date, values: Mapping[str, float | None]
) -> tuple[ExplainedEffect, ...]:
    """Each treatment against the control by the variants' values, and as it was published."""
    published = {
        row["treatment"]: row
        for row in warehouse.fetch(
            "select treatment, method, absolute_estimate, absolute_standard_error, relative_estimate, theta, variance_removed "
            "from results.latest_experiment_results where experiment_id = ? and metric = ? and as_of_date = ? and segment = 'all'",
            [plan.experiment_id, metric.name, as_of],
        )
    }
    control = values.get(plan.control.name)
    found = []
    for treatment in plan.treatments:
        value = values.get(treatment.name)
        difference = None if value is None or control is None else value - control
        found.append(ExplainedEffect(**{"treatment": treatment.name, "difference": difference, **published.get(treatment.name, {})}))
    return tuple(found)


def compiled_models(settings: Settings, models: Sequence[str]) -> dict[str, str]:
    """The files with the SQL of models as dbt ran it, by model; without those that it has not left."""
    # dbt keeps what it ran below the name of its project.
    found: dict[str, Path] = {path.stem: path for path in (settings.dbt_target_dir / "compiled").glob("*/models/**/*.sql")}
    return {model: str(found[model]) for model in models if model in found}
