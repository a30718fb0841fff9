"""A faultless warehouse of each engine for the whole area; a look at a broken one leaves it as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from quality.a_good_week import TODAY, Look, build_marts, load_feeds, registry
from redshift_target import RedshiftTarget
from splitmile.quality.batches import Window
from splitmile.quality.checks import Suite
from splitmile.quality.feed_suites import feeds_suites
from splitmile.quality.layers import LayerSplit, find_layer_splits
from splitmile.quality.mart_suites import marts_suites
from splitmile.quality.report import CheckResult
from splitmile.quality.sources import open_source
from splitmile.quality.validation import open_context, validate
from splitmile.settings import Settings
from splitmile.warehouse import Warehouse, open_warehouse

_TABLE = re.compile(r"(?:update|into|delete from) ((?:landing|marts|ops|registry)\.\w+)")


@dataclass(frozen=True)
class GoodWeek:
    """A faultless warehouse."""

    settings: Settings
    warehouse: Warehouse

    def look(self, check_name: str, statements: Sequence[str] = (), among: Sequence[Suite] = ()) -> CheckResult:
        """What one check says after the statements; among all suites where none are given."""
        context = open_context(self.settings)
        with self.broken_by(statements), open_source(context, self.warehouse) as source:
            suites = among or all_suites(self.settings, find_layer_splits(self.warehouse, Window(self.settings.business_day, TODAY)))
            suite = next(Suite(s.batch, (check,)) for s in suites for check in s.checks if check.name == check_name)
            (result,) = validate(context, source, TODAY, [suite])
        return result

    @contextmanager
    def broken_by(self, statements: Sequence[str]) -> Iterator[None]:
        """Run statements, and put their tables back at the end; on Redshift a gate's second session sees only what is committed."""
        tables = sorted({table for statement in statements for table in _TABLE.findall(statement)})
        copies = {table: f"landing.copy_of_{table.replace('.', '_')}" for table in tables}
        for table, copy in copies.items():
            self.warehouse.execute(f"create table {copy} as select * from {table}")
        try:
            for statement in statements:
                self.warehouse.execute(statement)
            yield
        finally:
            for table, copy in copies.items():
                self.warehouse.execute(f"delete from {table}")
                self.warehouse.execute(f"insert into {table} select * from {copy}")
                self.warehouse.execute(f"drop table {copy}")


def all_suites(settings: Settings, splits: Sequence[LayerSplit] = ()) -> tuple[Suite, ...]:
    """All suites of both gates."""
    window = Window(settings.business_day, TODAY)
    return (*feeds_suites(window, registry()), *marts_suites(window, ["unit_type", "delivered_orders"], splits))


@pytest.fixture(scope="package")
def suites() -> tuple[Suite, ...]:
    return all_suites(Settings())


@pytest.fixture(scope="package")
def good_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoodWeek]:
    settings = Settings(state_dir=tmp_path_factory.mktemp("good") / "state")
    with open_warehouse(settings) as warehouse:
        load_feeds(warehouse, settings)
        build_marts(warehouse)
        yield GoodWeek(settings, warehouse)


@pytest.fixture(scope="package")
def good_redshift(redshift: RedshiftTarget, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoodWeek]:
    settings = redshift.settings(Settings(state_dir=tmp_path_factory.mktemp("good_redshift") / "state"))
    with redshift.fresh_database() as access, open_warehouse(settings, access, "tests") as warehouse:
        load_feeds(warehouse, settings)
        build_marts(warehouse)
        yield GoodWeek(settings, warehouse)


@pytest.fixture
def good_week(engine: str, request: pytest.FixtureRequest) -> GoodWeek:
    """The faultless warehouse of the engine."""
    found: GoodWeek = request.getfixturevalue(f"good_{engine}")
    return found


@pytest.fixture
def look(good_week: GoodWeek) -> Look:
    return good_week.look
