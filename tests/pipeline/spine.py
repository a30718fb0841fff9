"""The way of the data without Airflow, for tests that look at tables: ingest, dbt, analysis."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pandas as pd

from splitmile import analysis, ingest, transform
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, open_warehouse


def load(settings: Settings, store: ObjectStore, as_of: date, access: RedshiftAccess | None = None) -> None:
    """Load what changed on S3 up to a date, and sync the registry."""
    registry = transform.read_registry(settings)
    with open_warehouse(settings, access) as warehouse:
        for partition in ingest.find_changed_partitions(store, warehouse, settings, as_of):
            ingest.load_partition(store, warehouse, settings, partition)
        transform.sync_registry(warehouse, registry, "test")


def run(settings: Settings, business_date: date, access: RedshiftAccess | None = None) -> transform.TransformReport:
    """dbt and the analysis of every experiment as of a date."""
    (report,) = transform.build_marts(settings, business_date, access)
    with open_warehouse(settings, access) as warehouse:
        for plan in transform.read_registry(settings).plans:
            if plan.start_date <= business_date <= plan.end_date:
                analysis.analyze_experiment(warehouse, settings, plan, business_date, "test")
    return report


MARTS = (
    "marts.unit_days",
    "marts.unit_totals",
    "marts.experiment_units",
    "marts.experiment_unit_windows",
    "marts.experiment_exposures_daily",
    "marts.experiment_unit_metrics",
    "marts.experiment_moments",
    "marts.delivery_observations",
    "marts.experiment_histograms",
    "marts.experiment_quantiles",
    "marts.switchback_window_days",
    "marts.switchback_exposures_daily",
    "results.experiment_results",
    "results.scorecards",
)


def tables(settings: Settings, names: Iterable[str] = MARTS, without: Iterable[str] = ()) -> dict[str, pd.DataFrame]:
    """Whole tables, their columns and rows in one order whatever way they were written."""
    frames = {}
    with open_warehouse(settings) as warehouse:
        for name in names:
            frame = warehouse.fetch_frame(f"select * from {name}").drop(columns=list(without), errors="ignore")
            columns = sorted(frame.columns)
            frames[name] = frame[columns].sort_values(columns).reset_index(drop=True)
    return frames
