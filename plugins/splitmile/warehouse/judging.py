"""Files into a stage: every row typed and judged by DuckDB in one set-based statement, none of them in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from splitmile.errors import WarehouseError
from splitmile.warehouse.interface import Row
from splitmile.warehouse.loading import (
    BLANK_LINE,
    UNREADABLE_CHARACTER,
    ColumnRule,
    ColumnType,
    ColumnTypeUnfit,
    FileUnreadable,
    IncomingFile,
    StagedFile,
)
from splitmile.warehouse.names import plain_names
from splitmile.warehouse.rows import rows_of

_SQL_TYPES: dict[ColumnType, str] = {"text": "varchar", "instant": "timestamp", "integer": "bigint", "json": "varchar"}

_EXPECTED: dict[ColumnType, str] = {
    "text": "text",
    "instant": "an instant such as 2026-03-02T12:00:00+09:00",
    "integer": "an integer of 64 bits",
    "json": "valid JSON",
}

_INTEGER = r"[+-]?[0-9]+(\.0*)?"
_INSTANT = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?"

_WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")

# One line, one value: neither delimiter nor quote can occur in a prepared file, so this reads any text line by line.
_LINES = """
    select row_number() over () as line_number, line
    from read_csv(?, auto_detect = false, header = false, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '',
        nullstr = '\x02', new_line = '\\n', max_line_size = 16777216, hive_partitioning = false)"""


class JudgingStage:
    """A stage in DuckDB; see `Stage`. For DuckDB itself it is the whole way, for Redshift the first half."""

    table = "feed_stage"
    rejected = f"(select object_key, line_number, reason from {table} where reason is not null) as rejected"

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
            f"create temporary table {self.table} "
            f"(object_key varchar, etag varchar, line_number bigint, reason varchar, row_text varchar, {typed})"
        )

    def file_columns(self, file: IncomingFile) -> tuple[str, ...]:
        """See `Stage.file_columns`."""
        if file.layout == "csv":
            return file.header
        if file.layout == "parquet":
            return tuple(_parquet_types(self._connection, file))
        keys = _run(
            self._connection,
            file,
            f"select distinct unnest(json_keys(line)) as name from ({_LINES}) "
            "where json_valid(line) and json_type(line) = 'OBJECT' order by name",
        )
        return tuple(name for (name,) in keys)

    def add(self, file: IncomingFile) -> StagedFile:
        """See `Stage.add`."""
        rows = {"csv": _csv_rows, "jsonl": _jsonl_rows, "parquet": _parquet_rows}[file.layout](self._connection, file, self._columns)
        values = ", ".join(f"{_value(column)} as {column.name}" for column in self._columns)
        faults = ", ".join(_fault(column) for column in self._columns)
        names = ", ".join(column.name for column in self._columns)
        _run(
            self._connection,
            file,
            f"""
            insert into {self.table} (object_key, etag, line_number, reason, row_text, {names})
            with found as ({rows}),
            typed as (select line_number, row_text, row_fault, {", ".join(f"found_{c.name}" for c in self._columns)}, {values} from found),
            judged as (select *, left(coalesce(row_fault, nullif(concat_ws('; ', {faults}), '')), 255) as reason from typed)
            select ?, ?, line_number, reason, case when reason is not null then left(row_text, 1000) end, {names} from judged""",
            file.object_key,
            file.etag,
        )
        if file.line_count is not None:
            _check_line_count(self._connection, file)
        counts = f"""
            select count(*) as row_count, count(reason) as rejected_count, coalesce(max(line_number), 0) as last_line,
                arg_max(coalesce(reason, ''), line_number) as last_reason
            from {self.table} where object_key = ?"""
        ((rows, rejected, last_line, last_reason),) = self._connection.execute(counts, [file.object_key]).fetchall()
        return StagedFile(rows, rejected, last_line, last_reason or None)

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Stage.fetch`."""
        return rows_of(self._connection.execute(sql, list(parameters)))

    def complete(self) -> None:
        """See `Stage.complete`: the session reads the table already."""

    def drop(self) -> None:
        """Remove the table."""
        self._connection.execute(f"drop table if exists {self.table}")


def _csv_rows(_: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> str:
    # A line without a quote is split at its commas. Any other is matched value by value, a comma in front of each so that no
    # match is empty; joined again they give the line, unless a quote is left open. So a stray quote spoils its own line only.
    width = len(file.header)
    found = ", ".join(_found(column, f"fields[{file.header.index(column.name) + 1}]") for column in columns)
    return f"""
        with lines as ({_LINES}),
        matched as (
            select line_number, line,
                case when contains(line, '"') then regexp_extract_all(',' || line, ',("(?:[^"]|"")*"|[^,"]*)', 1)
                    else string_split(line, ',') end as matches
            from lines where line_number > 1 and line <> '{BLANK_LINE}'
        ),
        split as (
            select line_number, line,
                case when contains(line, '{UNREADABLE_CHARACTER}') then 'row: holds bytes that are no UTF-8 text'
                    when array_to_string(matches, ',') <> line then 'row: has a quote that is not closed, or stands inside a value'
                    when len(matches) <> {width} then format('row: has {{}} values where the header has {width}', len(matches))
                end as row_fault,
                case when contains(line, '"')
                    then [case when starts_with(m, '"') then replace(m[2:-2], '""', '"') else m end for m in matches]
                    else matches end as fields
            from matched
        )
        select line_number, line as row_text, row_fault, {found} from split"""


def _jsonl_rows(_: duckdb.DuckDBPyConnection, __: IncomingFile, columns: Sequence[ColumnRule]) -> str:
    paths = ", ".join(f"'$.\"{column.name}\"'" for column in columns)
    # An object or a list where a plain value is expected is read as its JSON text: it fails every type but text.
    nested = " ".join(
        f"when left(fields[{at}], 1) in ('{{', '[') and json_type(line, '$.\"{column.name}\"') in ('OBJECT', 'ARRAY') "
        f"then '{column.name}: is no text but nested JSON'"
        for at, column in enumerate(columns, 1)
        if column.type == "text"
    )
    found = ", ".join(_found(column, f"fields[{at}]") for at, column in enumerate(columns, 1))
    return f"""
        with lines as ({_LINES}),
        checked as (
            select line_number, line, case when contains(line, '{UNREADABLE_CHARACTER}') then 'row: holds bytes that are no UTF-8 text'
                when not json_valid(line) then 'row: is no valid JSON'
                when json_type(line) <> 'OBJECT' then 'row: is no JSON object' end as line_fault
            from lines where line <> '{BLANK_LINE}'
        ),
        split as (
            select *, case when line_fault is null then json_extract_string(line, [{paths}]) end as fields from checked
        ),
        judged as (
            select line_number, line, fields, case when line_fault is not null then line_fault {nested} end as row_fault from split
        )
        select line_number, line as row_text, row_fault, {found} from judged"""


def _parquet_rows(connection: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> str:
    types = _parquet_types(connection, file)
    found = ", ".join(f"{_parquet_value(connection, file, column, types[column.name])} as found_{column.name}" for column in columns)
    row_text = ", ".join(f'"{column.name}"' for column in columns)
    return f"""
        select file_row_number + 1 as line_number, to_json(struct_pack({row_text}))::varchar as row_text,
            null::varchar as row_fault, {found}
        from read_parquet(?, file_row_number = true, hive_partitioning = false)"""


def _parquet_value(connection: duckdb.DuckDBPyConnection, file: IncomingFile, column: ColumnRule, found_type: str) -> str:
    """The expression that reads a typed column as the text, instant or integer that `_value` expects."""
    name = f'"{column.name}"'
    if found_type in ("VARCHAR", "JSON") or found_type.startswith("ENUM"):
        return f"nullif({name}::varchar, '')"
    readable: dict[ColumnType, dict[tuple[str, ...], str]] = {
        "text": {(*_WHOLE_NUMBERS, "UUID"): f"{name}::varchar"},
        "json": {("STRUCT", "MAP"): f"to_json({name})::varchar"},
        "integer": {
            (*_WHOLE_NUMBERS, "DECIMAL"): f"{name}::varchar",
            ("DOUBLE", "FLOAT"): f"case when not isnan({name}) then {name}::varchar end",
        },
        "instant": {
            ("TIMESTAMP WITH TIME ZONE",): f"timezone('UTC', {name})::varchar",
            ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"): f"{name}::timestamp::varchar",
        },
    }
    plain_type = found_type.split("(")[0]
    for types, expression in readable[column.type].items():
        if plain_type in types:
            return expression
    # A writer that saw no value had to guess the type, so an all-null column is of no wrong type.
    ((values,),) = _run(connection, file, f"select count({name}) from read_parquet(?, hive_partitioning = false)")
    if values:
        raise ColumnTypeUnfit(f"column {column.name} is of Parquet type {found_type}, which cannot be read as {_EXPECTED[column.type]}")
    return "null::varchar"


def _parquet_types(connection: duckdb.DuckDBPyConnection, file: IncomingFile) -> dict[str, str]:
    described = _run(connection, file, "describe select * from read_parquet(?, hive_partitioning = false)")
    return {name: found_type for name, found_type, *_ in described}


def _found(column: ColumnRule, field: str) -> str:
    # Redshift takes no notice of blanks at the end when it compares text, so no two ids may differ by them.
    empty = f"nullif(rtrim({field}, ' '), '')" if column.type == "text" else f"nullif({field}, '')"
    return f"case when row_fault is null then {empty} end as found_{column.name}"


def _value(column: ColumnRule) -> str:
    found = f"found_{column.name}"
    match column.type:
        case "integer":
            return f"case when regexp_full_match({found}, '{_INTEGER}') then try_cast(split_part({found}, '.', 1) as bigint) end"
        case "instant":
            return f"case when regexp_full_match({found}, '{_INSTANT}') then timezone('UTC', try_cast({found} as timestamptz)) end"
        case "json":
            return f"case when json_valid({found}) then {found} end"
        case "text":
            return found


def _fault(column: ColumnRule) -> str:
    name, found = column.name, f"found_{column.name}"
    shown = f"|| ' (found ''' || left({found}, 60) || ''')'"
    cases = []
    if not column.is_nullable:
        cases.append(f"when {found} is null then '{name}: is empty'")
    if column.type != "text":
        cases.append(f"when {found} is not null and {name} is null then '{name}: is not {_EXPECTED[column.type]}' {shown}")
    if column.accepted:
        accepted = ", ".join(column.accepted)
        quoted = ", ".join(f"'{value}'" for value in column.accepted)
        cases.append(f"when {found} not in ({quoted}) then '{name}: is none of {accepted}' {shown}")
    if column.max_bytes is not None:
        cases.append(f"when strlen({found}) > {column.max_bytes} then '{name}: is longer than {column.max_bytes} bytes' {shown}")
    return f"case {' '.join(cases)} end" if cases else "null"


def _check_line_count(connection: duckdb.DuckDBPyConnection, file: IncomingFile) -> None:
    ((lines,),) = _run(connection, file, f"select count(*) from ({_LINES})")
    if lines != file.line_count:
        raise FileUnreadable(f"{lines} of {file.line_count} lines could be read")


def _run(connection: duckdb.DuckDBPyConnection, file: IncomingFile, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(sql, [str(file.path), *parameters]).fetchall()
    except duckdb.OutOfMemoryException as error:
        raise WarehouseError(f"reading {file.object_key} needs more memory than `warehouse.memory_limit` allows: {error}") from error
    except duckdb.Error as error:
        # What follows an empty line is DuckDB's picture of our own statement.
        raise FileUnreadable(str(error).split("\n\n")[0].replace(str(file.path), file.object_key)) from error
