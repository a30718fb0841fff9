"""What every warehouse can do; the rest of the package knows no engine and no driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import pandas as pd

from splitmile.warehouse.loading import ColumnRule, IncomingFile

Row = dict[str, Any]


class Warehouse(Protocol):
    """An open session. Statements use `?` for parameters and the SQL that DuckDB and Redshift share.

    Instants are TIMESTAMP without a zone, in UTC, in every table.
    """

    engine: Literal["duckdb"]

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

    def transaction(self) -> AbstractContextManager[None]:
        """All statements inside take effect together, or none does."""

    def business_date_sql(self, instant: str) -> str:
        """The SQL expression for the business date of an instant column (UTC); equals dbt's macro `business_date`."""

    def file_columns(self, file: IncomingFile) -> tuple[str, ...]:
        """The names of the columns that a file has, in its own order; of JSON Lines every key that occurs.

        Raises:
            FileUnreadable: The file is not what its name says, or ends too early.
        """

    def stage_file(self, table: str, file: IncomingFile, columns: Sequence[ColumnRule]) -> None:
        """Add every row of a file to a temporary table, which is made when it is missing.

        The table has `object_key`, `etag`, `line_number` (of a text file the line, the header counted; of Parquet the row; both
        from 1), `reason` (null, or which columns break which rule), `row_text` (of rows with a reason) and the typed columns.

        Raises:
            FileUnreadable: The file is not what its name says, or ends too early.
            ColumnTypeUnfit: A column has a type from which its rule's type cannot be read.
        """

    def close(self) -> None:
        """End the session."""
