"""What every warehouse can do; the rest of the package knows no engine and no driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import pandas as pd

from splitmile.warehouse.loading import ColumnRule, IncomingFile, StagedFile

Row = dict[str, Any]
Engine = Literal["duckdb", "redshift"]


class Stage(Protocol):
    """The rows of one partition on their way: typed and judged, and not yet seen by any table.

    Attributes:
        table: After `complete` the temporary table of the session that holds them. It has `object_number`, `line_number` (of a text
            file the line, the header counted; of Parquet the row; both from 1), `reason` (null, or which columns break which rule),
            `row_text` (of rows with a reason) and the typed columns.
        rejected: At any time a relation for `fetch`: `object_number`, `line_number` and `reason` of the rows that break a rule.
    """

    table: str
    rejected: str

    def file_columns(self, file: IncomingFile) -> tuple[str, ...]:
        """The names of the columns that a file has, in its own order; of JSON Lines every key that occurs.

        Raises:
            FileUnreadable: The file is not what its name says, or ends too early.
        """

    def add(self, file: IncomingFile) -> StagedFile:
        """Add every row of a file; each file once.

        Raises:
            FileUnreadable: The file is not what its name says, or ends too early.
            ColumnTypeUnfit: A column has a type from which its rule's type cannot be read.
        """

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query over `rejected`."""

    def complete(self) -> None:
        """Bring the rows into the session, where its own statements read them; at least one file has been added.

        Raises:
            LoadIncomplete: The engine took other rows than were handed to it.
        """


class Warehouse(Protocol):
    """An open session. Statements use `?` for parameters and the SQL that DuckDB and Redshift share.

    Instants are TIMESTAMP without a zone, in UTC, in every table.
    """

    @property
    def engine(self) -> Engine:
        """Which one it is, where a difference cannot be left to the interface."""

    @property
    def sqlalchemy_url(self) -> str | None:
        """For libraries that bring their own connections; none where there can be no second one."""

    @property
    def session_statements(self) -> tuple[str, ...]:
        """What such a connection begins with, so that its sessions are named and limited like this one."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement.

        Raises:
            WarehouseError: The engine refused it; the message has the statement's first line and the engine's words.
        """

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, as dictionaries by column name."""

    def fetch_frame(self, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """All rows of a query as a pandas frame."""

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, all with the same keys, into a table."""

    def commented(self, comment: str) -> set[tuple[str, str]]:
        """The tables and views with this very comment, as (schema, name)."""

    def transaction(self, locked: Sequence[str] = ()) -> AbstractContextManager[None]:
        """All statements inside take effect together, or none does.

        Args:
            locked: Tables that no other transaction may write meanwhile. Where many tasks write at once they then wait for each
                other instead of failing.

        Raises:
            WarehouseConflict: Another transaction was faster; `retried_on_conflict` runs the function again.
        """

    def business_date_sql(self, instant: str) -> str:
        """The SQL expression for the business date of an instant column (UTC); equals dbt's macro `business_date`."""

    def stage(self, columns: Sequence[ColumnRule], load_id: str) -> AbstractContextManager[Stage]:
        """An empty stage for one load; it is gone afterwards.

        Args:
            columns: The rules by which rows are judged.
            load_id: Names the load, also where it leaves traces outside of the tables.
        """

    def close(self) -> None:
        """End the session."""
