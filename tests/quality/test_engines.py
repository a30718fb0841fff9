"""The same suites run on pandas and on SQL: only expectations whose metrics both engines have."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from splitmile.quality.checks import Suite
from splitmile.quality.validation import open_context
from splitmile.settings import Settings


def _metric_of(expectation: str) -> str:
    import great_expectations.expectations as gxe

    return str(getattr(gxe, expectation).map_metric)


def _has_engine(metric: str, engine: str) -> bool:
    from great_expectations.expectations.registry import _registered_metrics

    return engine in _registered_metrics[f"{metric}.condition"]["providers"]


@pytest.mark.parametrize("engine", ["PandasExecutionEngine", "SqlAlchemyExecutionEngine"])
def test_every_expectation_exists_for_the_engine(suites: tuple[Suite, ...], settings: Settings, engine: str) -> None:
    open_context(settings)
    used = {check.expectation for suite in suites for check in suite.checks}
    assert used
    assert {name for name in used if not _has_engine(_metric_of(name), engine)} == set()


def test_the_guard_sees_an_expectation_that_sql_has_not(settings: Settings) -> None:
    open_context(settings)
    assert not _has_engine("column_values.dateutil_parseable", "SqlAlchemyExecutionEngine")


def test_no_query_has_parameters(suites: tuple[Suite, ...]) -> None:
    """A query asset takes none, neither DuckDB's and redshift_connector's nor SQLAlchemy's and psycopg2's."""
    assert not [suite.batch.name for suite in suites if "?" in suite.batch.query or "%" in suite.batch.query]
    assert not [suite.batch.name for suite in suites if sa.text(suite.batch.query).compile().params]
