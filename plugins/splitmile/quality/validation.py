"""Great Expectations, kept in one place: it validates suites on pandas frames and writes their pages.

The library takes seconds to import, so it is imported inside the functions. The context is ephemeral: suites are code, results are kept in
`ops.quality_results`, and only the pages outlive the process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pandas as pd

from splitmile.quality.checks import NOT_NULL, Check, Suite
from splitmile.quality.report import CheckResult
from splitmile.settings import Settings

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext

SITE = "splitmile"
_SAMPLES = 3


def validate(context: EphemeralDataContext, business_date: date, suites: Sequence[tuple[Suite, pd.DataFrame]]) -> tuple[CheckResult, ...]:
    """Run each suite on the frame of its batch; a check without a value to look at is skipped, one that cannot be run has failed."""
    data = context.data_sources.add_or_update_pandas(SITE)
    return tuple(result for suite, frame in suites for result in _validate_one(context, data, suite, frame, business_date))


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
        data_docs_sites={SITE: site},
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _run_time(business_date: date) -> datetime:
    """The date itself stands for the run, so that a page is replaced and never doubled."""
    return datetime.combine(business_date, time(), UTC)


def _validate_one(context: EphemeralDataContext, data: Any, suite: Suite, frame: pd.DataFrame, business_date: date) -> list[CheckResult]:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    name = suite.batch.name
    batch = data.add_dataframe_asset(name).add_batch_definition_whole_dataframe("date")
    expectations = context.suites.add(gx.ExpectationSuite(name=name, expectations=[_expectation(check) for check in suite.checks]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=expectations))
    outcome = definition.run(
        batch_parameters={"dataframe": frame},
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": _SAMPLES,
        },
        run_id=RunIdentifier(run_name=str(business_date), run_time=_run_time(business_date)),
    )
    by_name = {result.expectation_config.meta["check"]: result for result in outcome.results}
    return [_result(suite, check, by_name[check.name], frame) for check in suite.checks]


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


def _result(suite: Suite, check: Check, outcome: Any, frame: pd.DataFrame) -> CheckResult:
    seen = outcome.result
    counts_missing = check.expectation != NOT_NULL
    rows = seen["element_count"] - (seen.get("missing_count", 0) if counts_missing else 0) if seen else None
    if rows is None:
        observed = f"the check could not be run: {_failure(outcome)}"
    elif rows == 0:
        observed = f"skipped: {check.when_empty}"
    else:
        observed = _observed(suite, check, seen, rows, frame)
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


def _observed(suite: Suite, check: Check, seen: dict[str, Any], rows: int, frame: pd.DataFrame) -> str:
    if len(frame) == 1 and check.columns:
        return ", ".join(f"{column} {frame[column].iloc[0]:.4g}" for column in check.columns)
    broken = seen["unexpected_count"]
    if not broken:
        return "the one row keeps the rule" if rows == 1 else f"all {rows:,} rows keep the rule"
    # On pandas the samples come with their positions in the frame, which name the rows at no cost.
    positions = seen["partial_unexpected_index_list"]
    samples = "; ".join(
        " ".join(str(frame[key].iloc[at]) for key in suite.batch.keys)
        + f" ({', '.join(f'{column} {frame[column].iloc[at]}' for column in check.columns)})"
        for at in positions
    )
    return f"{broken:,} of {rows:,} rows ({100 * broken / rows:.3g} %) break the rule, such as {samples}"


def _failure(outcome: Any) -> str:
    """The first exception that Great Expectations caught, in one line."""
    info = outcome.exception_info
    messages = [info] if "exception_message" in info else list(info.values())
    return next((str(m["exception_message"]).splitlines()[0] for m in messages if m.get("exception_message")), "no reason was given")
