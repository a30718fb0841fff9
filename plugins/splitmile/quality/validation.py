"""Great Expectations, kept in one place: it validates suites and writes their pages.

The library takes seconds to import, so it is imported inside the functions. The context is ephemeral: suites are code, results are kept in
`ops.quality_results`, and only the pages outlive the process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

from splitmile.quality.checks import NOT_NULL, Check, Suite
from splitmile.quality.report import CheckResult
from splitmile.quality.sources import NAME, BatchSource
from splitmile.settings import Settings
from splitmile.warehouse import Row

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext

SAMPLES = 3


def validate(context: EphemeralDataContext, source: BatchSource, business_date: date, suites: Sequence[Suite]) -> tuple[CheckResult, ...]:
    """Run each suite on its batch; a check without a value to look at is skipped, one that cannot be run has failed.

    Raises:
        WarehouseError: A batch could not be read.
    """
    return tuple(result for suite in suites for result in _validate_one(context, source, suite, business_date))


def write_pages(context: EphemeralDataContext) -> None:
    """Write a page for each suite that ran, in place of those of an earlier run of the same date; not the index."""
    context.build_data_docs(build_index=False)


def open_context(settings: Settings) -> EphemeralDataContext:
    """An empty context whose pages go below `settings.data_docs_dir`; the first one of a process takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    pages = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(settings.data_docs_dir)}
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": pages,
        "site_section_builders": {"expectations": "None", "profiling": "None"},
    }
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={NAME: site},
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _run_time(business_date: date) -> datetime:
    """The date itself stands for the run, so that a page is replaced and never doubled."""
    return datetime.combine(business_date, time(), UTC)


def _validate_one(context: EphemeralDataContext, source: BatchSource, suite: Suite, business_date: date) -> list[CheckResult]:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    name = suite.batch.name
    expectations = context.suites.add(gx.ExpectationSuite(name=name, expectations=[_expectation(check) for check in suite.checks]))
    with source.open(suite.batch) as (batch, parameters):
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=expectations))
        outcome = definition.run(
            batch_parameters=parameters,
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": SAMPLES, **source.result_options(suite.batch)},
            run_id=RunIdentifier(run_name=str(business_date), run_time=_run_time(business_date)),
        )
        by_name = {result.expectation_config.meta["check"]: result for result in outcome.results}
        row = source.only_row() if suite.batch.is_one_row else None
        return [_result(suite, check, by_name[check.name], source, row) for check in suite.checks]


def _expectation(check: Check) -> Any:
    import great_expectations.expectations as gxe

    limit = check.limit
    bounds = {"min_value": limit.minimum, "max_value": limit.maximum} if limit.minimum is not None or limit.maximum is not None else {}
    kind = getattr(gxe, check.expectation)
    return kind(
        **check.arguments,
        **bounds,
        mostly=limit.mostly,
        meta={"check": check.name},
        description=f"{check.name} ({check.severity}): {check.description} Expected: {check.expected}. {check.remedy}",
    )


def _result(suite: Suite, check: Check, outcome: Any, source: BatchSource, only_row: Row | None) -> CheckResult:
    seen = outcome.result
    counts_missing = check.expectation != NOT_NULL
    rows = seen["element_count"] - (seen.get("missing_count", 0) if counts_missing else 0) if seen else None
    if rows is None:
        observed = f"the check could not be run: {_failure(outcome)}"
    elif rows == 0:
        observed = f"skipped: {check.when_empty}"
    elif only_row is not None:
        observed = _values(only_row, check)
    else:
        observed = _observed(suite, check, seen, rows, source)
    return CheckResult(
        name=check.name,
        batch=suite.batch.name,
        severity=check.severity,
        is_success=rows == 0 or bool(outcome.success),
        is_skipped=rows == 0,
        observed=observed,
        expected=check.expected,
        message=f"{check.description} Seen: {observed}. Expected: {check.expected}. {check.remedy}",
    )


def _observed(suite: Suite, check: Check, seen: dict[str, Any], rows: int, source: BatchSource) -> str:
    broken = seen["unexpected_count"]
    if not broken:
        return "the one row keeps the rule" if rows == 1 else f"all {rows:,} rows keep the rule"
    samples = sorted(f"{' '.join(_shown(row[key]) for key in suite.batch.keys)} ({_values(row, check)})" for row in source.samples(seen))
    return f"{broken:,} of {rows:,} rows ({100 * broken / rows:.3g} %) break the rule, such as {'; '.join(samples)}"


def _values(row: Row, check: Check) -> str:
    return ", ".join(f"{column} {_shown(row[column])}" for column in check.columns)


def _shown(value: Any) -> str:
    """A value in words, the same whatever type an engine or pandas gave it."""
    if value is None or value != value:
        return "empty"
    if isinstance(value, Real | Decimal):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
    return str(value)


def _failure(outcome: Any) -> str:
    """The first exception that Great Expectations caught, in one line."""
    info = outcome.exception_info
    messages = [info] if "exception_message" in info else list(info.values())
    return next((str(m["exception_message"]).splitlines()[0] for m in messages if m.get("exception_message")), "no reason was given")
