"""COPY: objects of S3 into a table, on the client's own connection, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from redshift_standin.columns import Column, loaded_columns, quoted
from redshift_standin.formats import Record, batches, csv_line, decompressed, records, row_of
from redshift_standin.load_errors import LoadError, RowFault
from redshift_standin.load_log import LoadLog, Log
from redshift_standin.objects import S3Access, S3Objects, SourceObject
from redshift_standin.parquet_files import parquet_rows
from redshift_standin.statements import Backend, BackendError, CopyCommand
from redshift_standin.values import Conversion

__all__ = ["S3Access", "run_copy"]


def run_copy(backend: Backend, command: CopyCommand, store: S3Access, log: Log, on_progress: Callable[[], None] = lambda: None) -> int:
    """Carry out a COPY.

    Everything that can go wrong with S3 or with the data goes wrong while PostgreSQL waits for rows. So it always fails a
    statement of PostgreSQL's, and an open transaction with it.

    Args:
        backend: The client's connection.
        command: What to load, and into which table.
        store: How to reach S3.
        log: Writes the system tables; see `Log`.
        on_progress: Called after each object has been sent; what it raises aborts the COPY.

    Returns:
        The number of rows loaded.

    Raises:
        BackendError: As Redshift words it; nothing was loaded.
    """
    load = _Load(backend, command, store, log, on_progress)
    names = ", ".join(quoted(column) for column in command.columns)
    target = f"{quoted(command.table)} ({names})" if names else quoted(command.table)
    rows = 0
    is_completed = False
    try:
        rows = backend.copy_in(f"copy {target} from stdin with (format csv, encoding 'UTF8')", load.chunks())
        is_completed = True
    finally:
        load.end(rows, is_completed=is_completed)
    return rows


class _Load:
    """One COPY under way, and what it has counted."""

    def __init__(self, backend: Backend, command: CopyCommand, store: S3Access, log: Log, on_progress: Callable[[], None]) -> None:
        self._command, self._store, self._on_progress = command, store, on_progress
        self._table_id, self._columns = loaded_columns(backend, command.table, command.columns)
        self._log = LoadLog(backend, log, command)
        self._conversion = Conversion.of(command.options)
        self._error_limit = max(int(command.options.get("MAXERROR", 0)), 1)
        self._errors: list[LoadError] = []
        self._has_begun = False
        self._sent_bytes = self._scanned_files = self._scanned_bytes = 0

    def chunks(self) -> Iterator[bytes]:
        """The rows of all objects, for PostgreSQL."""
        command = self._command
        objects = S3Objects(self._store, command.credentials, command.options.get("REGION", ""))
        if "MANIFEST" in command.options:
            sources = objects.in_manifest(command.source, is_columnar=command.file_format == "parquet")
        else:
            sources = objects.at_prefix(command.source)
        self._log.begin(len(sources), sum(source.size_bytes for source in sources))
        self._has_begun = True
        for source in sources:
            body = objects.read(source)
            self._scanned_files += 1
            self._scanned_bytes += len(body)
            for chunk in self._rows(body, source, objects.https_url(source)):
                self._sent_bytes += len(chunk)
                yield chunk
            self._on_progress()

    def end(self, rows: int, *, is_completed: bool) -> None:
        """Write down how it ended, if it ever began."""
        if not self._has_begun:
            return
        # What was sent but not taken is not loaded.
        counts = {
            "loaded_rows": rows,
            "loaded_bytes": self._sent_bytes if is_completed else 0,
            "file_count_scanned": self._scanned_files,
            "file_bytes_scanned": self._scanned_bytes,
        }
        self._log.end(counts, self._table_id, self._errors, is_completed=is_completed)

    def _rows(self, body: bytes, source: SourceObject, https_url: str) -> Iterator[bytes]:
        command = self._command
        if command.file_format == "parquet":
            return parquet_rows(body, source.size_bytes, source.url, https_url, self._columns)
        body = decompressed(body, command.options, source.url)
        return batches(self._lines(records(body, command.file_format, command.options, self._columns), source))

    def _lines(self, found: Iterator[Record], source: SourceObject) -> Iterator[bytes]:
        for record in found:
            try:
                line = csv_line(row_of(record, self._columns, self._conversion))
            except RowFault as fault:
                self._reject(record, fault, source)
            else:
                yield line

    def _reject(self, record: Record, fault: RowFault, source: SourceObject) -> None:
        column: Column | None = None if fault.column is None else self._columns[fault.column]
        self._errors.append(
            LoadError(
                file_name=source.url,
                line_number=record.line_number,
                column_name=column.name if column else "",
                column_type=column.log_type if column else "",
                column_length=column.log_length if column else "",
                position=fault.position,
                raw_line=record.raw,
                raw_field_value=fault.value,
                error_code=fault.code,
                error_message=fault.reason,
            )
        )
        if len(self._errors) >= self._error_limit:
            message = f"Load into table '{self._command.table}' failed.  Check 'stl_load_errors' system table for details."
            raise BackendError({"S": "ERROR", "C": "XX000", "M": message})
