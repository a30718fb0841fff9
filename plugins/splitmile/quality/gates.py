"""The two gates: validate the batches, keep the results, write the Data Docs."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import date

from splitmile.quality.batches import Window
from splitmile.quality.checks import Suite
from splitmile.quality.data_docs import drop_old_pages, write_index
from splitmile.quality.feed_suites import feeds_suites
from splitmile.quality.layers import find_layer_splits
from splitmile.quality.mart_suites import marts_suites
from splitmile.quality.report import GateReport, keep_report
from splitmile.quality.sources import open_source
from splitmile.quality.validation import open_context, validate, write_pages
from splitmile.registry import Registry
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse

_log = logging.getLogger(__name__)


def check_feeds(warehouse: Warehouse, settings: Settings, business_date: date, registry: Registry) -> GateReport:
    """Gate 1, before dbt: the raw deliveries and exposures of a business date, each in its latest version.

    The report replaces the one of the same date in `ops.quality_results`, and its pages those in the Data Docs. Nothing is raised
    for a failed check; that is `GateReport.raise_if_blocked`.

    Raises:
        WarehouseError: A batch could not be read.
    """
    window = Window(settings.business_day, business_date)
    return _run("feeds", warehouse, settings, business_date, feeds_suites(window, registry))


def check_marts(warehouse: Warehouse, settings: Settings, business_date: date) -> GateReport:
    """Gate 2, after dbt: the marts as of a business date, against the registry's tables and the staged feeds.

    Kept and raised as in `check_feeds`.

    Raises:
        WarehouseError: A batch could not be read, most likely because dbt has not built the marts.
    """
    columns = warehouse.fetch(
        "select column_name from information_schema.columns where table_schema = 'marts' and table_name = 'unit_days'"
    )
    splits = find_layer_splits(warehouse, Window(settings.business_day, business_date))
    suites = marts_suites(Window(settings.business_day, business_date), [row["column_name"] for row in columns], splits)
    return _run("marts", warehouse, settings, business_date, suites)


def _run(gate: str, warehouse: Warehouse, settings: Settings, business_date: date, suites: Sequence[Suite]) -> GateReport:
    started = time.perf_counter()
    context = open_context(settings)
    opened = time.perf_counter()
    with open_source(context, warehouse) as source:
        report = GateReport(gate, business_date, validate(context, source, business_date, suites))
    checked = time.perf_counter()
    keep_report(warehouse, report)
    write_pages(context)
    drop_old_pages(warehouse, settings)
    write_index(warehouse, settings)
    steps = {"import": opened - started, "check": checked - opened, "keep": time.perf_counter() - checked}
    _log.info("%s (%s)", report, ", ".join(f"{step} {seconds:.1f} s" for step, seconds in steps.items()))
    for check in report.warnings:
        _log.warning("%s: %s", check.name, check.message)
    return report
