"""The same tables made anew from the raw rows, and whether any row of them is another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks.installation import BuildCost, Installation

_DATES = ("as_of_date", "business_date")


@contextmanager
def rebuilt(installation: Installation, day: int, memory_limit: str | None = None) -> Iterator[tuple[Path, BuildCost]]:
    """The warehouse of a copy that had the raw rows and no marts, built as of a day; it is removed at the end."""
    folder = installation.folder.with_name(f"{installation.folder.name}-rebuilt")
    try:
        yield _rebuild(installation.copy(folder, memory_limit), day)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rebuild(anew: Installation, day: int) -> tuple[Path, BuildCost]:
    with duckdb.connect(str(anew.settings.warehouse_file)) as connection:
        connection.execute("drop schema marts cascade")
        connection.execute("update ops.changed_dates set transformed_at = null")
        for table in ("transform_runs", "built_experiments"):
            connection.execute(f"delete from ops.{table}")
    return anew.settings.warehouse_file, anew.build(day)


def differences(installation: Installation, anew: Path) -> list[str]:
    """Tables of the marts that do not hold the same rows in two warehouses: by their number and the sum of their hashes.

    A warehouse built as of one date has no results as of earlier ones, so of tables with a date those of dates that both have count.
    """
    found = []
    with installation.read() as connection:
        connection.execute(f"attach '{anew}' as anew (read_only)")
        tables = connection.execute(
            "select table_name from information_schema.tables where table_catalog = 'anew' and table_schema = 'marts' "
            "and table_type = 'BASE TABLE' order by table_name"
        ).fetchall()
        for (table,) in tables:
            columns = [name for (name,) in connection.execute(f"select column_name from (describe anew.marts.{table})").fetchall()]
            listed = ", ".join(columns)
            condition = " and ".join(
                f"{column} in (select {column} from {side}.marts.{table})"
                for column in _DATES
                if column in columns
                for side in ("anew", "warehouse")
            )
            sums = [
                f"select count(*), sum(cast(hash({listed}) as hugeint)) from {side}.marts.{table} where {condition or 'true'}"
                for side in ("warehouse", "anew")
            ]
            here, there = (connection.execute(each).fetchone() for each in sums)
            if here != there:
                found.append(table)
    return found
