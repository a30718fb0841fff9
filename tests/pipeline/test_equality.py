"""Four weeks of the demo city on both engines: the same rows in every table, the same results, to the last digit."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline import spine
from redshift_target import RedshiftTarget, feeds_of_a_test
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.quality import check_feeds, check_marts
from splitmile.settings import Settings
from splitmile.simulate import City
from splitmile.simulate.population import CitySize
from splitmile.transform import read_registry
from splitmile.warehouse import RedshiftAccess, Row, open_warehouse

pytestmark = [pytest.mark.slow, pytest.mark.redshift]

SIZE = CitySize(couriers=120, stores=24, customers=300, zones=12, daily_orders=300)
SCHEMAS = ("landing", "ops", "registry", "staging", "intermediate", "marts", "results")

# Nothing is emitted or published, no file is wrong and no unit is listed; every other table and view has rows to compare.
EMPTY = {"ops.emitted_dates", "ops.published_messages", "registry.problems", "registry.listed_units", "staging.stg_listed_units"}

# When something ran, what it took, and ids that are drawn: all else is equal.
DIFFERENT = {
    *("loaded_at", "rejected_at", "warned_at", "changed_at", "transformed_at", "emitted_at", "checked_at", "ran_at", "synced_at"),
    *("restated_at", "restatement_id", "computed_at", "computation_id", "run_id", "seconds", "fingerprint"),
    *("statements", "sql_seconds", "rows_read", "rows_written", "bytes_read", "peak_memory_bytes"),
}


@dataclass(frozen=True)
class Side:
    """One engine with its settings; both read the same objects."""

    settings: Settings
    access: RedshiftAccess | None
    store: ObjectStore

    def tables(self) -> dict[str, list[Row]]:
        """Every table and view of Splitmile's schemas with all its rows."""
        with open_warehouse(self.settings, self.access) as warehouse:
            schemas = ", ".join(f"'{schema}'" for schema in SCHEMAS)
            listed = warehouse.fetch(f"select table_schema, table_name from information_schema.tables where table_schema in ({schemas})")
            names = sorted(f"{row['table_schema']}.{row['table_name']}" for row in listed)
            return {name: warehouse.fetch(f"select * from {name}") for name in names}

    def run(self, business_date: date) -> None:
        """dbt and the analysis, as of a date."""
        spine.load(self.settings, self.store, business_date, self.access)
        spine.run(self.settings, business_date, self.access)

    def check(self, business_date: date) -> None:
        """Both gates of a date, as it stands."""
        registry = read_registry(self.settings)
        with open_warehouse(self.settings, self.access) as warehouse:
            check_feeds(warehouse, self.settings, business_date, registry).raise_if_blocked()
            check_marts(warehouse, self.settings, business_date).raise_if_blocked()


def differences(left: dict[str, list[Row]], right: dict[str, list[Row]]) -> list[str]:
    """What is not equal, in words; integers to the last digit, floats to 1e-12 of their size."""
    found = [f"only one engine has {name}" for name in left.keys() ^ right.keys()]
    for name in sorted(left.keys() & right.keys()):
        ours, theirs = (sorted((_plain(row) for row in rows), key=_order) for rows in (left[name], right[name]))
        if len(ours) != len(theirs):
            found.append(f"{name}: {len(ours)} rows and {len(theirs)}")
            continue
        for one, other in zip(ours, theirs, strict=True):
            unequal = [column for column in one.keys() | other.keys() if not _equal(one.get(column), other.get(column))]
            if unequal:
                found.append(f"{name}: " + ", ".join(f"{column} {one.get(column)!r} and {other.get(column)!r}" for column in unequal))
                break
    return found


def _plain(row: Row) -> Row:
    kept = {column: value for column, value in row.items() if column not in DIFFERENT}
    if "scorecard" in kept:
        # Its hash is of its text, in which the last digit of a float may differ.
        kept = {**kept, "scorecard": json.loads(kept["scorecard"]), "content_hash": None}
    return {column: int(value) if isinstance(value, Decimal) and value == int(value) else value for column, value in kept.items()}


def _order(row: Row) -> str:
    return repr(sorted((column, str(value)) for column, value in row.items() if not isinstance(value, float | dict)))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-300) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, datetime) or isinstance(other, datetime):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


@pytest.fixture(scope="module")
def sides(redshift: RedshiftTarget, s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """DuckDB and Redshift, empty, over one bucket."""
    base = Settings(state_dir=tmp_path_factory.mktemp("duckdb"), feeds=feeds_of_a_test(), business_day=City(size=SIZE).business_day)
    base = base.model_copy(
        update={"feeds": base.feeds.model_copy(update={"max_rejected_share": 0.05, "lookback_dates": 28, "on_shrunk": "warn"})}
    )
    other = redshift.settings(base).model_copy(update={"state_dir": tmp_path_factory.mktemp("redshift")})
    store = ObjectStore(base.feeds.bucket, s3)
    store.ensure_bucket()
    with redshift.fresh_database() as access:
        yield Side(base, None, store), Side(other, access, store)


def test_both_engines_give_the_same_rows(sides: tuple[Side, Side]) -> None:
    """Four weeks as they arrive, most of them at once; then a corrected partition; then a backfill of a day that was run already."""
    city = City(size=SIZE)
    duckdb, redshift = sides
    for business_date in city.dates:
        city.write_day(duckdb.store, duckdb.settings, business_date)
    for business_date in (*city.dates[:2], city.dates[-1]):
        for side in sides:
            side.run(business_date)
        assert differences(duckdb.tables(), redshift.tables()) == [], business_date
    for side in sides:
        side.check(city.dates[-1])
    _correct_a_partition(duckdb.store, duckdb.settings, city.dates[1])
    for side in sides:
        side.run(city.dates[-1])
    restated = duckdb.tables()
    assert differences(restated, redshift.tables()) == []
    for side in sides:
        side.run(city.dates[1])
    backfilled = duckdb.tables()
    assert differences(backfilled, redshift.tables()) == []
    assert len(backfilled["results.scorecards"]) > len(restated["results.scorecards"]) > 0
    assert {name for name, rows in backfilled.items() if not rows} == EMPTY


def _correct_a_partition(store: ObjectStore, settings: Settings, business_date: date) -> None:
    """Take one object of the deliveries away, as a producer does who sent one too many."""
    prefix = f"{settings.feeds.prefix}/deliveries/date={business_date}/"
    store.delete(max(stored.key for stored in store.list_objects(prefix)))


def test_a_difference_is_seen() -> None:
    row: Row = {"n": 10**30, "x": 0.1, "name": "a", "checked_at": 1}
    same = {**row, "n": Decimal(10**30), "checked_at": 2, "x": 0.1 + 1e-17}
    assert differences({"t": [row]}, {"t": [same]}) == []
    for change, told in (
        ({"n": 10**30 + 1}, "n 1000000000000000000000000000000 and 1000000000000000000000000000001"),
        ({"x": 0.1 + 1e-12}, "x 0.1 and 0.100000000001"),
        ({"name": None}, "name 'a' and None"),
    ):
        assert told in differences({"t": [row]}, {"t": [{**row, **change}]})[0]
    assert differences({"t": [row]}, {"t": []}) == ["t: 1 rows and 0"]
    assert differences({"t": []}, {}) == ["only one engine has t"]
