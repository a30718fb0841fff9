"""What a COPY writes into the system tables; see shims/load_tables.sql for why some of it is written twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from redshift_standin.load_errors import LoadError
from redshift_standin.statements import Backend, CopyCommand

# Runs one statement with parameters $1, $2 … on a connection of its own, as a superuser, and commits it.
Log = Callable[[str, Sequence[str | None]], None]

_RAW_LENGTH = 1024


class LoadLog:
    """The log of one COPY."""

    def __init__(self, backend: Backend, log: Log, command: CopyCommand) -> None:
        """Take a new query id, for the session of the backend; nothing is written yet."""
        self._backend, self._log = backend, log
        names = ("query_id", "user_id", "transaction_id", "session_id", "database_name", "session_started_at")
        ((*values,),) = backend.query(
            "select nextval('redshift_standin.query_ids'), (select oid from pg_roles where rolname = current_user), pg_current_xact_id(), "
            "pg_backend_pid(), current_database(), redshift_standin.session_started_at()"
        )
        self._who = dict(zip(names, values, strict=True))
        self._load: dict[str, str | None] = {}
        self._command = command
        self._started_at = datetime.now(UTC).replace(tzinfo=None)

    def begin(self, file_count: int, file_bytes: int) -> None:
        """The load begins: from here on `pg_last_copy_id()` is this COPY."""
        self._load = self._who | {
            "status": "running",
            "table_name": self._command.table.rpartition(".")[2].strip('"').lower(),
            "start_time": str(self._started_at),
            "data_source": self._command.source,
            "file_format": {"text": "txt"}.get(self._command.file_format, self._command.file_format),
            "source_file_count": str(file_count),
            "source_file_bytes": str(file_bytes),
            "loaded_rows": "0",
            "loaded_bytes": "0",
            "file_count_scanned": "0",
            "file_bytes_scanned": "0",
            "error_count": "0",
        }
        self._log(*_insert("logged_loads", self._load))

    def end(self, counts: Mapping[str, int], table_id: int, errors: Sequence[LoadError], *, is_completed: bool) -> None:
        """The load is over.

        Args:
            counts: By their columns in SYS_LOAD_HISTORY.
            table_id: The table's OID.
            errors: The rejected rows.
            is_completed: Whether PostgreSQL took the rows; otherwise its transaction has failed, and can be written to no more.
        """
        ended_at = datetime.now(UTC).replace(tzinfo=None)
        self._load |= {name: str(count) for name, count in counts.items()} | {
            "status": "completed" if is_completed else "aborted",
            "end_time": str(ended_at),
            "duration": str(round((ended_at - self._started_at).total_seconds() * 1_000_000)),
            "error_count": str(len(errors)),
        }
        rejected = [self._rejected(table_id, error) for error in errors]
        self._log("delete from redshift_standin.logged_loads where query_id = $1", [self._who["query_id"]])
        self._log(*_insert("logged_loads", self._load))
        for row in rejected:
            self._log(*_insert("logged_load_errors", row))
        if is_completed:
            self._backend.query(*_insert("own_loads", self._load))
            for row in rejected:
                self._backend.query(*_insert("own_load_errors", row))

    def _rejected(self, table_id: int, error: LoadError) -> dict[str, str | None]:
        return {
            **{name: value for name, value in self._who.items() if name != "session_started_at"},
            "table_id": str(table_id),
            "start_time": str(self._started_at),
            "file_name": error.file_name,
            "line_number": str(error.line_number),
            "column_name": error.column_name,
            "column_type": error.column_type,
            "column_length": error.column_length,
            "position": str(error.position),
            "raw_line": _storable(error.raw_line),
            "raw_field_value": _storable(error.raw_field_value),
            "error_code": str(error.error_code),
            "error_message": error.error_message,
        }


def _insert(table: str, row: Mapping[str, str | None]) -> tuple[str, list[str | None]]:
    places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
    return f"insert into redshift_standin.{table} ({', '.join(row)}) values ({places})", list(row.values())


def _storable(text: str) -> str:
    """As much of a file's own text as the system table holds; bytes that are no UTF-8 become question marks."""
    return text[:_RAW_LENGTH].encode(errors="replace").decode().replace("\0", "")
