"""The rows of a file as DuckDB reads them: each with its number, and each column as text or as the value that it is already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from splitmile.errors import WarehouseError
from splitmile.warehouse.loading import (
    BLANK_LINE,
    UNREADABLE_CHARACTER,
    ColumnRule,
    ColumnType,
    ColumnTypeUnfit,
    FileUnreadable,
    IncomingFile,
)

EXPECTED: dict[ColumnType, str] = {
    "text": "text",
    "instant": "an instant such as 2026-03-02T12:00:00+09:00",
    "integer": "an integer of 64 bits",
    "json": "valid JSON",
}

# What these hold fits a column of the warehouse as it is; wider numbers are judged by their text.
_FITTING_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WHOLE_NUMBERS = (*_FITTING_NUMBERS, "HUGEINT", "UBIGINT", "UHUGEINT")
_INSTANT_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")

# One line, one value: neither delimiter nor quote can occur in a prepared file, so this reads any text line by line.
_LINES = """
    select row_number() over () as line_number, line
    from read_csv(?, auto_detect = false, header = false, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '',
        nullstr = '\x02', new_line = '\\n', max_line_size = 16777216, hive_partitioning = false)"""

# A relation of the rows of a file, with `found_COLUMN` of each; and the columns of which that is the typed value already, and no text.
FoundRows = tuple[str, frozenset[str]]


def file_columns(connection: duckdb.DuckDBPyConnection, file: IncomingFile) -> tuple[str, ...]:
    """See `Stage.file_columns`."""
    if file.layout == "csv":
        return file.header
    if file.layout == "parquet":
        return tuple(_parquet_types(connection, file))
    keys = run(
        connection,
        file,
        f"select distinct unnest(json_keys(line)) as name from ({_LINES}) "
        "where json_valid(line) and json_type(line) = 'OBJECT' order by name",
    )
    return tuple(name for (name,) in keys)


def found_rows(connection: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> FoundRows:
    """What a file holds; its relation takes the file's path as its parameter.

    Beside the columns it has `line_number`, `row_fault` (what keeps the row from having columns at all) and `row_text`, which is null
    for Parquet: `parquet_texts` has it.

    Raises:
        ColumnTypeUnfit: A column of Parquet is of a type that cannot be read as what its rule asks for.
    """
    return {"csv": _csv_rows, "jsonl": _jsonl_rows, "parquet": _parquet_rows}[file.layout](connection, file, columns)


def parquet_texts(columns: Sequence[ColumnRule]) -> str:
    """A relation of the rows of a Parquet file, `line_number` and `row_text`; it takes the file's path as its parameter."""
    fields = ", ".join(f'"{column.name}"' for column in columns)
    return f"""
        select file_row_number + 1 as line_number, to_json(struct_pack({fields}))::varchar as row_text
        from read_parquet(?, file_row_number = true, hive_partitioning = false)"""


def in_utc(instant: str) -> str:
    """A TIMESTAMP WITH TIME ZONE as a TIMESTAMP in UTC, in a tenth of the time of `timezone`, to which only what is infinite is left."""
    return f"coalesce(make_timestamp(epoch_us({instant})), timezone('UTC', {instant}))"


def check_line_count(connection: duckdb.DuckDBPyConnection, file: IncomingFile) -> None:
    """Make sure that every line was read.

    Raises:
        FileUnreadable: Some were not.
    """
    ((lines,),) = run(connection, file, f"select count(*) from ({_LINES})")
    if lines != file.line_count:
        raise FileUnreadable(f"{lines} of {file.line_count} lines could be read")


def run(connection: duckdb.DuckDBPyConnection, file: IncomingFile, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """All rows of a statement whose first parameter is the file's path.

    Raises:
        FileUnreadable: DuckDB cannot read the file.
        WarehouseError: It needs more memory than is allowed.
    """
    try:
        return connection.execute(sql, [str(file.path), *parameters]).fetchall()
    except duckdb.OutOfMemoryException as error:
        raise WarehouseError(f"reading {file.object_key} needs more memory than `warehouse.memory_limit` allows: {error}") from error
    except duckdb.Error as error:
        # What follows an empty line is DuckDB's picture of our own statement.
        raise FileUnreadable(str(error).split("\n\n")[0].replace(str(file.path), file.object_key)) from error


def _csv_rows(_: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> FoundRows:
    # A line without a quote is split at its commas. Any other is matched value by value, a comma in front of each so that no
    # match is empty; joined again they give the line, unless a quote is left open. So a stray quote spoils its own line only.
    width = len(file.header)
    found = ", ".join(_found(column, f"fields[{file.header.index(column.name) + 1}]") for column in columns)
    sql = f"""
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
    return sql, frozenset()


def _jsonl_rows(_: duckdb.DuckDBPyConnection, __: IncomingFile, columns: Sequence[ColumnRule]) -> FoundRows:
    paths = ", ".join(f"'$.\"{column.name}\"'" for column in columns)
    # An object or a list where a plain value is expected is read as its JSON text: it fails every type but text.
    nested = " ".join(
        f"when left(fields[{at}], 1) in ('{{', '[') and json_type(line, '$.\"{column.name}\"') in ('OBJECT', 'ARRAY') "
        f"then '{column.name}: is no text but nested JSON'"
        for at, column in enumerate(columns, 1)
        if column.type == "text"
    )
    found = ", ".join(_found(column, f"fields[{at}]") for at, column in enumerate(columns, 1))
    sql = f"""
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
    return sql, frozenset()


def _parquet_rows(connection: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> FoundRows:
    """The text of a row is left out, since to write it takes longer than all else."""
    types = {name: found_type.split("(")[0] for name, found_type in _parquet_types(connection, file).items()}
    fitting: dict[ColumnType, tuple[str, ...]] = {"integer": _FITTING_NUMBERS, "instant": _INSTANT_TYPES}
    typed = frozenset(column.name for column in columns if types[column.name] in fitting.get(column.type, ()))
    found = ", ".join(f"{_parquet_value(connection, file, column, types[column.name])} as found_{column.name}" for column in columns)
    sql = f"""
        select file_row_number + 1 as line_number, null::varchar as row_text, null::varchar as row_fault, {found}
        from read_parquet(?, file_row_number = true, hive_partitioning = false)"""
    return sql, typed


def _parquet_value(connection: duckdb.DuckDBPyConnection, file: IncomingFile, column: ColumnRule, found_type: str) -> str:
    """The expression that reads a column as the typed value, or as the text that `_value` expects."""
    name = f'"{column.name}"'
    if found_type in ("VARCHAR", "JSON", "ENUM"):
        return _without_blanks(column, f"{name}::varchar")
    readable: dict[ColumnType, dict[tuple[str, ...], str]] = {
        "text": {(*_WHOLE_NUMBERS, "UUID"): f"{name}::varchar"},
        "json": {("STRUCT", "MAP"): f"to_json({name})::varchar"},
        "integer": {
            _FITTING_NUMBERS: f"{name}::bigint",
            (*_WHOLE_NUMBERS, "DECIMAL"): f"{name}::varchar",
            ("DOUBLE", "FLOAT"): f"case when not isnan({name}) then {name}::varchar end",
        },
        "instant": {
            ("TIMESTAMP WITH TIME ZONE",): in_utc(name),
            _INSTANT_TYPES: f"{name}::timestamp",
        },
    }
    for types, expression in readable[column.type].items():
        if found_type in types:
            return expression
    # A writer that saw no value had to guess the type, so an all-null column is of no wrong type.
    ((values,),) = run(connection, file, f"select count({name}) from read_parquet(?, hive_partitioning = false)")
    if values:
        raise ColumnTypeUnfit(f"column {column.name} is of Parquet type {found_type}, which cannot be read as {EXPECTED[column.type]}")
    return "null::varchar"


def _parquet_types(connection: duckdb.DuckDBPyConnection, file: IncomingFile) -> dict[str, str]:
    described = run(connection, file, "describe select * from read_parquet(?, hive_partitioning = false)")
    return {name: found_type for name, found_type, *_ in described}


def _found(column: ColumnRule, field: str) -> str:
    return f"case when row_fault is null then {_without_blanks(column, field)} end as found_{column.name}"


def _without_blanks(column: ColumnRule, text: str) -> str:
    """A text that says something, or null."""
    # Redshift takes no notice of blanks at the end when it compares text, so no two ids may differ by them.
    return f"nullif(rtrim({text}, ' '), '')" if column.type == "text" else f"nullif({text}, '')"
