"""What a number is made of: the units or windows, sums, rows and SQL behind one metric of one experiment as of a business date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from splitmile.analysis.explain_units import explain_units
from splitmile.analysis.explain_windows import explain_windows
from splitmile.errors import AnalysisError
from splitmile.registry.explain import suggestion
from splitmile.registry.plan import Plan, PlannedMetric, Registry
from splitmile.results.explanations import UnitsExplanation, WindowsExplanation
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse


def explain(
    warehouse: Warehouse,
    settings: Settings,
    registry: Registry,
    expressions: Mapping[str, str],
    experiment_id: str,
    metric_name: str,
    *,
    as_of: date | None = None,
    unit_id: str | None = None,
) -> UnitsExplanation | WindowsExplanation:
    """The rows and the SQL behind a number.

    Args:
        warehouse: Open session.
        settings: Say where dbt left the SQL that it ran.
        registry: Has the experiment.
        expressions: SQL over one delivery, by measure.
        experiment_id: The experiment.
        metric_name: One of its metrics.
        as_of: The business date; the newest that there is if left out.
        unit_id: A unit to follow from its exposure to its value; of a switchback a window, as zone and number with a slash between.

    Raises:
        AnalysisError: There is no such experiment, metric, date, unit or window; the message says what there is.
    """
    plan = _plan(registry, experiment_id)
    planned = _planned(plan, metric_name)
    if plan.switchback is None:
        return explain_units(warehouse, settings, plan, planned, expressions, as_of=as_of, unit_id=unit_id)
    return explain_windows(warehouse, settings, plan, planned, expressions, as_of=as_of, window=unit_id)


def _plan(registry: Registry, experiment_id: str) -> Plan:
    plans = {plan.experiment_id: plan for plan in registry.plans}
    if experiment_id not in plans:
        problems = "; ".join(str(problem) for problem in registry.problems if problem.experiment_id == experiment_id)
        raise AnalysisError(f"there is no experiment {experiment_id!r}; {problems or suggestion(experiment_id, plans, 'experiment')}")
    return plans[experiment_id]


def _planned(plan: Plan, metric_name: str) -> PlannedMetric:
    planned = {each.metric.name: each for each in plan.metrics}
    if metric_name not in planned:
        raise AnalysisError(f"{plan.experiment_id} has no metric {metric_name!r}; {suggestion(metric_name, planned, 'metric of it')}")
    return planned[metric_name]
