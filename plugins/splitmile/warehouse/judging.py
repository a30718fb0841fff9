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

# What these hold fits a column of the warehouse as it is; wider numbers are judged by their text.
_FITTING_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WHOLE_NUMBERS = (*_FITTING_NUMBERS, "HUGEINT", "UBIGINT", "UHUGEINT")
_INSTANT_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
# Those that `_INSTANT` can write; infinity is none of them.
_FIRST_INSTANT, _LAST_INSTANT = "timestamp '0001-01-01 00:00:00'", "timestamp '9999-12-31 23:59:59.999999'"

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
        rows, typed = {"csv": _csv_rows, "jsonl": _jsonl_rows, "parquet": _parquet_rows}[file.layout](self._connection, file, self._columns)
        values = ", ".join(f"{_value(column, typed)} as {column.name}" for column in self._columns)
        faults = [_faults(column) for column in self._columns]
        is_faulty = " or ".join(["row_fault is not null", *(condition for of_column in faults for condition, _ in of_column)])
        words = ", ".join(
            f"case {' '.join(f'when {when} then {said}' for when, said in of_column)} end" for of_column in faults if of_column
        )
        names = ", ".join(column.name for column in self._columns)
        # Nearly all rows are good, so only of the others words are made.
        _run(
            self._connection,
            file,
            f"""
            insert into {self.table} (object_key, etag, line_number, reason, row_text, {names})
            with found as ({rows}),
            typed as (select line_number, row_text, row_fault, {", ".join(f"found_{c.name}" for c in self._columns)}, {values} from found),
            judged as (
                select *, case when {is_faulty} then left(coalesce(row_fault, concat_ws('; ', {words})), 255) end as reason from typed
            )
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
        ((row_count, rejected, last_line, last_reason),) = self._connection.execute(counts, [file.object_key]).fetchall()
        if rejected and file.layout == "parquet":
            self._write_out_rejected(file)
        return StagedFile(row_count, rejected, last_line, last_reason or None)

    def _write_out_rejected(self, file: IncomingFile) -> None:
        row_text = ", ".join(f'"{column.name}"' for column in self._columns)
        _run(
            self._connection,
            file,
            f"""
            update {self.table} set row_text = written.row_text
            from (
                select file_row_number + 1 as line_number, left(to_json(struct_pack({row_text}))::varchar, 1000) as row_text
                from read_parquet(?, file_row_number = true, hive_partitioning = false)
            ) as written
            where {self.table}.object_key = ? and {self.table}.reason is not null and {self.table}.line_number = written.line_number""",
            file.object_key,
        )

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Stage.fetch`."""
        return rows_of(self._connection.execute(sql, list(parameters)))

    def complete(self) -> None:
        """See `Stage.complete`: the session reads the table already."""

    def drop(self) -> None:
        """Remove the table."""
        self._connection.execute(f"drop table if exists {self.table}")


# A relation of the rows of a file, with `found_COLUMN` of each; and the columns of which that is the typed value already, and no text.
_FoundRows = tuple[str, frozenset[str]]


def _csv_rows(_: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> _FoundRows:
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


def _jsonl_rows(_: duckdb.DuckDBPyConnection, __: IncomingFile, columns: Sequence[ColumnRule]) -> _FoundRows:
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


def _parquet_rows(connection: duckdb.DuckDBPyConnection, file: IncomingFile, columns: Sequence[ColumnRule]) -> _FoundRows:
    """The text of a row is left out: `add` writes it afterwards, for those that are rejected."""
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
            ("TIMESTAMP WITH TIME ZONE",): f"timezone('UTC', {name})",
            _INSTANT_TYPES: f"{name}::timestamp",
        },
    }
    for types, expression in readable[column.type].items():
        if found_type in types:
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
    return f"case when row_fault is null then {_without_blanks(column, field)} end as found_{column.name}"


def _without_blanks(column: ColumnRule, text: str) -> str:
    """A text that says something, or null."""
    # Redshift takes no notice of blanks at the end when it compares text, so no two ids may differ by them.
    return f"nullif(rtrim({text}, ' '), '')" if column.type == "text" else f"nullif({text}, '')"


def _value(column: ColumnRule, typed: frozenset[str]) -> str:
    found = f"found_{column.name}"
    match column.type:
        case "integer" if column.name not in typed:
            return f"case when regexp_full_match({found}, '{_INTEGER}') then try_cast(split_part({found}, '.', 1) as bigint) end"
        case "instant" if column.name in typed:
            return f"case when {found} between {_FIRST_INSTANT} and {_LAST_INSTANT} then {found} end"
        case "instant":
            return f"case when regexp_full_match({found}, '{_INSTANT}') then timezone('UTC', try_cast({found} as timestamptz)) end"
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
        faults.append((f"{found} is not null and {name} is null", f"'{name}: is not {_EXPECTED[column.type]}' {shown}"))
    if column.accepted:
        accepted = ", ".join(column.accepted)
        quoted = ", ".join(f"'{value}'" for value in column.accepted)
        faults.append((f"{found} not in ({quoted})", f"'{name}: is none of {accepted}' {shown}"))
    if column.max_bytes is not None:
        faults.append((f"strlen({found}) > {column.max_bytes}", f"'{name}: is longer than {column.max_bytes} bytes' {shown}"))
    return faults


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
