"""Peers that start from ready values of units: tea-tasting over DuckDB, and cluster-experiments on a frame."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from datetime import date

import duckdb
import tea_tasting as tt
from cluster_experiments import DeltaMethodAnalysis

from benchmarks.figures import Figure, faster
from benchmarks.peers import ADDITIVE
from splitmile.analysis.effects import compute_effects
from splitmile.analysis.moments import MomentSums
from splitmile.registry import Registry
from splitmile.warehouse.rows import rows_of

_METRICS = tuple(metric.name for metric in ADDITIVE)
_VALUES = {"n": "numerator", "d": "denominator", "xn": "covariate_numerator", "xd": "covariate_denominator"}


def unit_level_peers(connection: duckdb.DuckDBPyConnection, registry: Registry, as_of: date, refresh_seconds: float) -> Iterator[Figure]:
    """All experiments and additive metrics by each peer; ours are the moments' SQL, their reading and all statistics.

    Args:
        connection: The warehouse; a table of the units' values is added to it, which costs the peers nothing.
        registry: The experiments.
        as_of: The date.
        refresh_seconds: What our moments' SQL took, on the same units.
    """
    connection.execute(f"create temporary table unit_values as {_unit_values_sql()}", [as_of])
    ours = refresh_seconds + _seconds(lambda: _effects(connection, registry, as_of))
    yield Figure("refresh_and_statistics", ours)
    yield faster("refresh_vs_tea_tasting", ours, _seconds(lambda: _by_tea_tasting(connection, registry)))
    yield faster("refresh_vs_cluster_experiments", ours, _seconds(lambda: _by_cluster_experiments(connection, registry)))


def _unit_values_sql() -> str:
    """One row an experiment and unit, with columns a metric, as both libraries want it."""
    columns = ", ".join(
        f"max(case when metric = '{metric}' then {column} end)::double as {metric}_{short}"
        for metric in _METRICS
        for short, column in _VALUES.items()
    )
    return (
        f"select experiment_id, variant, unit_id, {columns} from marts.experiment_unit_metrics where as_of_date = ? "
        "group by experiment_id, variant, unit_id"
    )


def _effects(connection: duckdb.DuckDBPyConnection, registry: Registry, as_of: date) -> None:
    for plan in registry.plans:
        rows = rows_of(
            connection.execute(
                "select * from marts.experiment_moments where experiment_id = ? and as_of_date = ? and segment = 'all'",
                [plan.experiment_id, as_of],
            )
        )
        compute_effects(plan, [MomentSums.from_row(row) for row in rows], has_ended=False)


def _by_tea_tasting(connection: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    # A ratio's denominator of units without a delivery is 0 and of means 1, so means are given without one.
    experiment = tt.Experiment(
        {
            metric.name: tt.RatioOfMeans(
                f"{metric.name}_n",
                f"{metric.name}_d" if metric.denominator else None,
                f"{metric.name}_xn" if metric.covariate_days else None,
                f"{metric.name}_xd" if metric.covariate_days and metric.denominator else None,
            )
            for metric in ADDITIVE
        }
    )
    for plan in registry.plans:
        rows = connection.sql("select * from unit_values where experiment_id = ?", params=[plan.experiment_id])
        experiment.analyze(rows, control=plan.control.name, all_variants=True)


def _by_cluster_experiments(connection: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    for plan in registry.plans:
        frame = connection.execute("select * from unit_values where experiment_id = ?", [plan.experiment_id]).df().assign(one=1)
        for treatment in plan.treatments:
            sides = frame[frame.variant.isin([plan.control.name, treatment.name])]
            sides = sides.assign(treatment=(sides.variant == treatment.name).map({False: "A", True: "B"}))
            for metric in ADDITIVE:
                analysis = DeltaMethodAnalysis(
                    cluster_cols=["unit_id"], target_col=f"{metric.name}_n", scale_col=f"{metric.name}_d" if metric.denominator else "one"
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    analysis.get_inference_results(sides, alpha=plan.alpha)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
