"""The embedded warehouse: one DuckDB file, one writer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import duckdb
import pandas as pd

from splitmile.errors import WarehouseBusy, WarehouseError
from splitmile.settings import FIXED_FROM, FIXED_TO, Settings
from splitmile.warehouse.interface import Row
from splitmile.warehouse.judging import JudgingStage
from splitmile.warehouse.loading import ColumnRule
from splitmile.warehouse.names import plain_names
from splitmile.warehouse.rows import rows_of

_PARAMETERS_PER_STATEMENT = 7_000


class DuckDBWarehouse:
    """A session on the DuckDB file of an installation."""

    engine: Literal["duckdb"] = "duckdb"
    sqlalchemy_url = None
    session_statements = ()

    def __init__(self, settings: Settings) -> None:
        """Open the file, waiting for another writer to end.

        Raises:
            WarehouseBusy: The other writer did not end in `warehouse.busy_timeout_seconds`.
        """
        self._settings = settings
        settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True)
        self._connection = _connect(settings)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """See `Warehouse.execute`."""
        self._run(sql, parameters)

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Warehouse.fetch`."""
        return rows_of(self._run(sql, parameters))

    def fetch_frame(self, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """See `Warehouse.fetch_frame`."""
        return self._run(sql, parameters).df()

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """See `Warehouse.append`: many rows a statement, which takes a fifth of the time of one at a time."""
        if not rows:
            return
        columns = list(rows[0])
        plain_names(table, *columns)
        marks = f"({', '.join('?' for _ in columns)})"
        at_once = max(1, _PARAMETERS_PER_STATEMENT // len(columns))
        for first in range(0, len(rows), at_once):
            batch = rows[first : first + at_once]
            statement = f"insert into {table} ({', '.join(columns)}) values\n{', '.join([marks] * len(batch))}"
            self._run(statement, [row[column] for row in batch for column in columns])

    def commented(self, comment: str) -> set[tuple[str, str]]:
        """See `Warehouse.commented`: by DuckDB's own functions, since its pg_class looks into every view."""
        tables = "select schema_name, table_name, comment from duckdb_tables()"
        views = "select schema_name, view_name, comment from duckdb_views()"
        return set(self._run(f"select schema_name, table_name from ({tables} union all {views}) where comment = ?", [comment]).fetchall())

    @contextmanager
    def transaction(self, locked: Sequence[str] = ()) -> Iterator[None]:  # noqa: ARG002 (one writer needs no locks)
        """See `Warehouse.transaction`."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def business_date_sql(self, instant: str) -> str:
        """See `Warehouse.business_date_sql`."""
        day = self._settings.business_day
        converted = f"timezone('{day.timezone}', timezone('UTC', {instant})) - interval {day.cutover_hour} hour"
        if day.fixed_offset_minutes is None:
            return f"cast({converted} as date)"
        return (
            f"cast(case when {instant} between timestamp '{FIXED_FROM:%Y-%m-%d}' and timestamp '{FIXED_TO:%Y-%m-%d}' "
            f"then {instant} + interval ({day.fixed_offset_minutes - 60 * day.cutover_hour}) minute else {converted} end as date)"
        )

    @contextmanager
    def stage(self, columns: Sequence[ColumnRule], load_id: str) -> Iterator[JudgingStage]:  # noqa: ARG002 (leaves no trace)
        """See `Warehouse.stage`."""
        stage = JudgingStage(self._connection, columns)
        try:
            yield stage
        finally:
            stage.drop()

    def close(self) -> None:
        """See `Warehouse.close`."""
        self._connection.close()

    def _run(self, sql: str, parameters: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, list(parameters)) if parameters else self._connection.execute(sql)
        except duckdb.Error as error:
            first_line = next((line.strip() for line in sql.splitlines() if line.strip()), "")
            raise WarehouseError(f"{first_line} …: {error}") from error


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    # A new file takes this version's own format, which writes and reads text faster than the one that every DuckDB since 0.10 knows.
    deadline = time.monotonic() + settings.warehouse.busy_timeout_seconds
    while True:
        try:
            connection = duckdb.connect(str(settings.warehouse_file), config={"storage_compatibility_version": "latest"})
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise WarehouseError(f"{settings.warehouse_file} cannot be opened: {error}") from error
            if time.monotonic() > deadline:
                raise WarehouseBusy(
                    f"{settings.warehouse_file} is held by another process for more than "
                    f"{settings.warehouse.busy_timeout_seconds:g} s; let that one end, then try again. DuckDB said: {error}"
                ) from error
            time.sleep(0.2)
        else:
            connection.execute(f"set memory_limit = '{settings.warehouse.memory_limit}'")
            connection.execute("set timezone = 'UTC'")
            return connection
