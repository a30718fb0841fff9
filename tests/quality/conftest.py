"""One faultless warehouse for the whole area; a test breaks it inside a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from quality.a_good_week import TODAY, Look, build_marts, load_feeds, registry
from splitmile.quality.batches import Window
from splitmile.quality.checks import Suite
from splitmile.quality.feed_suites import feeds_suites
from splitmile.quality.mart_suites import marts_suites
from splitmile.quality.report import CheckResult
from splitmile.quality.validation import open_context, validate
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse, open_warehouse


class _Undo(Exception):
    pass


@pytest.fixture(scope="package")
def good_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(state_dir=tmp_path_factory.mktemp("good") / "state")


@pytest.fixture(scope="package")
def good_warehouse(good_settings: Settings) -> Iterator[Warehouse]:
    with open_warehouse(good_settings) as warehouse:
        load_feeds(warehouse, good_settings)
        build_marts(warehouse)
        yield warehouse


@pytest.fixture(scope="package")
def suites(good_settings: Settings, good_warehouse: Warehouse) -> tuple[Suite, ...]:
    """All suites of both gates."""
    window = Window(good_settings.business_day, TODAY)
    return (*feeds_suites(window, registry()), *marts_suites(TODAY, ["unit_type", "delivered_orders"]))


@pytest.fixture
def look(good_settings: Settings, good_warehouse: Warehouse, suites: tuple[Suite, ...]) -> Look:
    """Run one check on the good warehouse after the given statements, which are undone."""

    def run(check_name: str, statements: Sequence[str] = (), among: Sequence[Suite] = suites) -> CheckResult:
        suite = next(Suite(s.batch, (check,)) for s in among for check in s.checks if check.name == check_name)
        try:
            with good_warehouse.transaction():
                for statement in statements:
                    good_warehouse.execute(statement)
                frame = good_warehouse.fetch_frame(suite.batch.query)
                raise _Undo
        except _Undo:
            pass
        (result,) = validate(open_context(good_settings), TODAY, [(suite, frame)])
        return result

    return run
