"""Amazon Redshift: sessions that a DBA can tell apart, and rows that travel by COPY."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pandas as pd
import redshift_connector
from redshift_connector.core import Connection
from redshift_connector.error import Error

from splitmile.errors import WarehouseConflict, WarehouseError
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse.access import RedshiftAccess
from splitmile.warehouse.interface import Row
from splitmile.warehouse.loading import ColumnRule
from splitmile.warehouse.names import plain_names
from splitmile.warehouse.redshift_stage import RedshiftStage
from splitmile.warehouse.rows import rows_of

# The protocol counts parameters in 16 bits; a statement may have 16 MB.
_PARAMETERS_PER_STATEMENT = 30_000
_CHARACTERS_PER_STATEMENT = 4_000_000

_log = logging.getLogger(__name__)


class RedshiftWarehouse:
    """A session on Redshift by redshift_connector.

    It runs in the query group `splitmile:TASK`, so that the system views (`stl_query.label`, `sys_query_history.query_label`) tell who ran
    what, and under `warehouse.redshift.statement_timeout_seconds`.
    """

    engine: Literal["redshift"] = "redshift"

    def __init__(self, settings: Settings, access: RedshiftAccess, task: str) -> None:
        """Log in.

        Raises:
            WarehouseError: The host cannot be reached, its certificate is not trusted, or the log-in is refused.
        """
        self._settings, self._access = settings, access
        query_group = f"splitmile:{re.sub('[^A-Za-z0-9_.-]', '_', task)}"
        timeout_ms = settings.warehouse.redshift.statement_timeout_seconds * 1000
        self.session_statements = (f"set query_group to '{query_group}'", f"set statement_timeout to {timeout_ms}")
        self.sqlalchemy_url = access.sqlalchemy_url
        self._connection = _connect(access)
        for statement in self.session_statements:
            self.execute(statement)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """See `Warehouse.execute`."""
        self._run(sql, parameters)

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Warehouse.fetch`."""
        return rows_of(self._run(sql, parameters))

    def fetch_frame(self, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """See `Warehouse.fetch_frame`."""
        cursor = self._run(sql, parameters)
        return pd.DataFrame.from_records(list(cursor.fetchall()), columns=[column[0] for column in cursor.description])

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """See `Warehouse.append`: many rows a statement, since each statement costs a round trip and a commit of its own."""
        if not rows:
            return
        columns = list(rows[0])
        plain_names(table, *columns)
        marks = f"({', '.join('?' for _ in columns)})"
        for batch in _batches([[row[column] for column in columns] for row in rows]):
            statement = f"insert into {table} ({', '.join(columns)}) values {', '.join([marks] * len(batch))}"
            self._run(statement, [value for row in batch for value in row])

    def commented(self, comment: str) -> set[tuple[str, str]]:
        """See `Warehouse.commented`."""
        rows = self.fetch(
            "select pg_namespace.nspname as schema_name, pg_class.relname as relation_name from pg_class "
            "inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid "
            "inner join pg_description on pg_class.oid = pg_description.objoid and pg_description.objsubid = 0 "
            "where pg_description.description = ?",
            [comment],
        )
        return {(row["schema_name"], row["relation_name"]) for row in rows}

    @contextmanager
    def transaction(self, locked: Sequence[str] = ()) -> Iterator[None]:
        """See `Warehouse.transaction`."""
        self._run("begin", ())
        try:
            if locked:
                plain_names(*locked)
                self._run(f"lock {', '.join(locked)}", ())
            yield
            self._run("commit", ())
        except BaseException:
            self._roll_back()
            raise

    def business_date_sql(self, instant: str) -> str:
        """See `Warehouse.business_date_sql`."""
        day = self._settings.business_day
        return f"cast(dateadd(hour, -{day.cutover_hour}, convert_timezone('UTC', '{day.timezone}', {instant})) as date)"

    @contextmanager
    def stage(self, columns: Sequence[ColumnRule], load_id: str) -> Iterator[RedshiftStage]:
        """See `Warehouse.stage`."""
        store = ObjectStore(self._settings.feeds.bucket, self._access.store)
        with RedshiftStage(self, store, self._settings, columns, load_id) as stage:
            yield stage

    def close(self) -> None:
        """See `Warehouse.close`."""
        try:
            self._connection.close()
        except (Error, OSError) as error:
            _log.debug("the session had ended already: %s", error)

    def _run(self, sql: str, parameters: Sequence[Any]) -> Any:
        cursor = self._connection.cursor()
        cursor.paramstyle = "qmark"
        try:
            cursor.execute(sql, list(parameters))
        except (Error, OSError) as error:
            raise _translated(sql, error) from error
        return cursor

    def _roll_back(self) -> None:
        # On a lost connection there is nothing left to roll back, and the error that lost it matters more.
        try:
            self._run("rollback", ())
        except WarehouseError as error:
            _log.debug("could not roll back: %s", error)


def _connect(access: RedshiftAccess) -> Connection:
    try:
        connection = redshift_connector.connect(
            host=access.host,
            port=access.port,
            database=access.database,
            user=access.user,
            password=access.password,
            sslmode=access.sslmode,
            application_name="splitmile",
        )
    except (Error, OSError) as error:
        raise WarehouseError(
            f"Redshift at {access.host}:{access.port}/{access.database} cannot be reached as {access.user}: {_words(error)}. "
            "Check the connection redshift_default, the security group and, where the certificate is refused, SSL_CERT_FILE."
        ) from error
    connection.autocommit = True
    return connection


def _batches(rows: list[list[Any]]) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    characters = 0
    for row in rows:
        size = sum(len(value) for value in row if isinstance(value, str))
        if batch and ((len(batch) + 1) * len(row) > _PARAMETERS_PER_STATEMENT or characters + size > _CHARACTERS_PER_STATEMENT):
            yield batch
            batch, characters = [], 0
        batch.append(row)
        characters += size
    yield batch


def _translated(sql: str, error: Exception) -> WarehouseError:
    first_line = next((line.strip() for line in sql.splitlines() if line.strip()), "")
    # COPY may carry the keys of a connection, which are for no log.
    said = re.sub(r"(?i)(credentials\s+)'[^']*'", r"\1'…'", f"{first_line} …: {_words(error)}")
    fields = _fields(error)
    if fields.get("C") == "40001" or "1023" in fields.get("M", "")[:8]:
        return WarehouseConflict(said)
    if not fields:
        return WarehouseError(f"{said}. The connection to Redshift is lost; what was not committed is undone. Try again.")
    if fields.get("C") == "57014":
        return WarehouseError(f"{said}. `warehouse.redshift.statement_timeout_seconds`, or a query monitoring rule, ended it.")
    return WarehouseError(said)


def _fields(error: Exception) -> dict[str, str]:
    """The server's own fields by their one-letter codes; empty where the error is the driver's or the socket's."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, dict) else {}


def _words(error: Exception) -> str:
    """The server's message, details and hint on one line; Redshift frames its details with lines of dashes."""
    fields = _fields(error)
    said = ". ".join(fields[code] for code in ("M", "D", "H") if fields.get(code)) or str(error) or type(error).__name__
    return " ".join(re.sub(r"-{3,}", " ", said).split())
