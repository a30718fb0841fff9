"""Files into a stage: every row typed and judged by DuckDB in one set-based statement, none of them in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from splitmile.warehouse.interface import Row
from splitmile.warehouse.loading import ColumnRule, ColumnType, IncomingFile, StagedFile
from splitmile.warehouse.names import plain_names
from splitmile.warehouse.reading import EXPECTED, check_line_count, file_columns, found_rows, in_utc, parquet_texts, run
from splitmile.warehouse.rows import rows_of

_SQL_TYPES: dict[ColumnType, str] = {"text": "varchar", "instant": "timestamp", "integer": "bigint", "json": "varchar"}

_INTEGER = r"[+-]?[0-9]+(\.0*)?"
_INSTANT = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?"

# Those that `_INSTANT` can write; infinity is none of them.
_FIRST_INSTANT, _LAST_INSTANT = "timestamp '0001-01-01 00:00:00'", "timestamp '9999-12-31 23:59:59.999999'"


class JudgingStage:
    """A stage in DuckDB; see `Stage`. For DuckDB itself it is the whole way, for Redshift the first half."""

    table = "feed_stage"
    rejected = f"(select object_number, line_number, reason from {table} where reason is not null) as rejected"

    def __init__(self, connection: duckdb.DuckDBPyConnection, columns: Sequence[ColumnRule]) -> None:
        """Make the temporary table, in place of one that an earlier load of the session left.

        Args:
            connection: Its time zone is UTC.
            columns: The rules by which rows are judged.
        """
        plain_names(self.table, *(column.name for column in columns))
        self._connection, self._columns = connection, columns
        typed = ", ".join(f"{column.name} {_SQL_TYPES[column.type]}" for column in columns)
        self.drop()
        connection.execute(
            f"create temporary table {self.table} (object_number integer, line_number bigint, reason varchar, row_text varchar, {typed})"
        )

    def file_columns(self, file: IncomingFile) -> tuple[str, ...]:
        """See `Stage.file_columns`."""
        return file_columns(self._connection, file)

    def add(self, file: IncomingFile) -> StagedFile:
        """See `Stage.add`."""
        rows, typed = found_rows(self._connection, file, self._columns)
        values = ", ".join(f"{_value(column, typed)} as {column.name}" for column in self._columns)
        faults = [_faults(column) for column in self._columns]
        is_faulty = " or ".join(["row_fault is not null", *(condition for of_column in faults for condition, _ in of_column)])
        words = ", ".join(
            f"case {' '.join(f'when {when} then {said}' for when, said in of_column)} end" for of_column in faults if of_column
        )
        # Columns of any text have no rule that a row could break.
        reason = f"concat_ws('; ', {words})" if words else "null"
        names = ", ".join(column.name for column in self._columns)
        # Nearly all rows are good, so only of the others words are made.
        run(
            self._connection,
            file,
            f"""
            insert into {self.table} (object_number, line_number, reason, row_text, {names})
            with found as ({rows}),
            typed as (select line_number, row_text, row_fault, {", ".join(f"found_{c.name}" for c in self._columns)}, {values} from found),
            judged as (
                select *, case when {is_faulty} then left(coalesce(row_fault, {reason}), 255) end as reason from typed
            )
            select ?, line_number, reason, case when reason is not null then left(row_text, 1000) end, {names} from judged""",
            file.object_number,
        )
        if file.line_count is not None:
            check_line_count(self._connection, file)
        counts = f"""
            select count(*) as row_count, count(reason) as rejected_count, coalesce(max(line_number), 0) as last_line,
                arg_max(coalesce(reason, ''), line_number) as last_reason
            from {self.table} where object_number = ?"""
        ((row_count, rejected, last_line, last_reason),) = self._connection.execute(counts, [file.object_number]).fetchall()
        if rejected and file.layout == "parquet":
            self._write_out_rejected(file)
        return StagedFile(row_count, rejected, last_line, last_reason or None)

    def _write_out_rejected(self, file: IncomingFile) -> None:
        run(
            self._connection,
            file,
            f"""
            update {self.table} set row_text = left(texts.row_text, 1000) from ({parquet_texts(self._columns)}) as texts
            where {self.table}.object_number = ? and {self.table}.reason is not null and {self.table}.line_number = texts.line_number""",
            file.object_number,
        )

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Stage.fetch`."""
        return rows_of(self._connection.execute(sql, list(parameters)))

    def complete(self) -> None:
        """See `Stage.complete`: the session reads the table already."""

    def drop(self) -> None:
        """Remove the table."""
        self._connection.execute(f"drop table if exists {self.table}")


def _value(column: ColumnRule, typed: frozenset[str]) -> str:
    found = f"found_{column.name}"
    match column.type:
        case "integer" if column.name not in typed:
            return f"case when regexp_full_match({found}, '{_INTEGER}') then try_cast(split_part({found}, '.', 1) as bigint) end"
        case "instant" if column.name in typed:
            return f"case when {found} between {_FIRST_INSTANT} and {_LAST_INSTANT} then {found} end"
        case "instant":
            instant = in_utc(f"try_cast({found} as timestamptz)")
            return f"case when regexp_full_match({found}, '{_INSTANT}') then {instant} end"
        case "json":
            return f"case when json_valid({found}) then {found} end"
        case _:
            return found


def _faults(column: ColumnRule) -> list[tuple[str, str]]:
    """The rules that a value can break: when it does, and the words for it. Of one value only the first is told."""
    name, found = column.name, f"found_{column.name}"
    shown = f"|| ' (found ''' || left({found}::varchar, 60) || ''')'"
    faults = []
    if not column.is_nullable:
        faults.append((f"{found} is null", f"'{name}: is empty'"))
    if column.type != "text":
        faults.append((f"{found} is not null and {name} is null", f"'{name}: is not {EXPECTED[column.type]}' {shown}"))
    if column.accepted:
        accepted = ", ".join(column.accepted)
        quoted = ", ".join(f"'{value}'" for value in column.accepted)
        faults.append((f"{found} not in ({quoted})", f"'{name}: is none of {accepted}' {shown}"))
    if column.max_bytes is not None:
        faults.append((f"strlen({found}) > {column.max_bytes}", f"'{name}: is longer than {column.max_bytes} bytes' {shown}"))
    return faults
