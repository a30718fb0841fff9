"""UNLOAD: the rows of a query as objects of S3."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from redshift_standin.columns import Column, describe
from redshift_standin.formats import Record, csv_records
from redshift_standin.load_errors import redshift_error
from redshift_standin.objects import S3Access, S3Objects
from redshift_standin.statements import Backend, Refused, UnloadCommand

# As of the smallest node. Two, so that a client which expects a single object is found out.
_SLICES = 2
_Item = TypeVar("_Item")
_VIEW = "pg_temp.redshift_standin_unload"
_ARROW_TYPES = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "varchar": pa.string(),
    "bpchar": pa.string(),
}


def run_unload(backend: Backend, command: UnloadCommand, store: S3Access) -> int:
    """Carry out an UNLOAD; a slice without rows writes no object.

    Args:
        backend: The client's connection, whose transaction and temporary tables the query sees.
        command: The query, already PostgreSQL's, and where its rows go.
        store: How to reach S3.

    Returns:
        The number of rows unloaded.

    Raises:
        BackendError: The query failed, S3 did, or something is there already.
        Refused: A column is of a type that Parquet files of the stand-in cannot hold.
    """
    objects = S3Objects(store, command.credentials, command.options.get("REGION", ""))
    there = objects.below(command.target)
    if there and not {"ALLOWOVERWRITE", "CLEANPATH"} & command.options.keys():
        raise redshift_error(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing the "
            "target files in S3, or using the ALLOWOVERWRITE option.",
            8001,
        )
    slices = 1 if command.options.get("PARALLEL") == "OFF" else _SLICES
    if command.file_format == "parquet":
        count, bodies = _parquet(backend, command.query, slices)
    else:
        count, bodies = _delimited(backend, command, slices)
    if "CLEANPATH" in command.options:
        for source in there:
            objects.delete(source)
    entries = []
    for number, body in enumerate(bodies):
        url = command.target + _object_name(command, number, slices)
        objects.write(url, body)
        entries.append({"url": url, "meta": {"content_length": len(body)}})
    if "MANIFEST" in command.options:
        objects.write(f"{command.target}manifest", json.dumps({"entries": entries}, indent=2).encode())
    return count


def _object_name(command: UnloadCommand, number: int, slices: int) -> str:
    stem = f"{number:03d}" if slices == 1 else f"{number:04d}_part_00"
    return stem + (".parquet" if command.file_format == "parquet" else ".gz" if "GZIP" in command.options else "")


def _delimited(backend: Backend, command: UnloadCommand, slices: int) -> tuple[int, list[bytes]]:
    delimiter = command.options.get("DELIMITER", "," if command.file_format == "csv" else "|")
    header, *rows = csv_records(_lines(backend.copy_out(_copy_out(command.query))))
    null = command.options.get("NULL", "")
    is_quoting = command.file_format == "csv"
    bodies = []
    for part in _parts(rows, slices):
        lines = [_line(row, delimiter, null, is_quoting=is_quoting) for row in ([header, *part] if "HEADER" in command.options else part)]
        body = "".join(lines).encode()
        bodies.append(gzip.compress(body) if "GZIP" in command.options else body)
    return len(rows), bodies


def _line(row: Record, delimiter: str, null: str, *, is_quoting: bool) -> str:
    texts = []
    for field in row.fields or ():
        text = field.text or ""
        if text == "" and not field.is_quoted:
            text = null
        elif is_quoting and any(c in text for c in (delimiter, '"', "\n", "\r")):
            text = '"' + text.replace('"', '""') + '"'
        texts.append(text)
    return delimiter.join(texts) + "\n"


def _parquet(backend: Backend, query: str, slices: int) -> tuple[int, list[bytes]]:
    schema = pa.schema([(column.name, _arrow_type(column)) for column in _result_columns(backend, query)])
    table = pyarrow.csv.read_csv(
        io.BytesIO(b"".join(backend.copy_out(_copy_out(query)))),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    bodies = []
    for part in _parts(range(table.num_rows), slices):
        body = io.BytesIO()
        pq.write_table(table.take(pa.array(part)), body, version="1.0", compression="snappy", store_schema=False)
        bodies.append(body.getvalue())
    return table.num_rows, bodies


def _result_columns(backend: Backend, query: str) -> list[Column]:
    """The types of the query's columns, which `COPY … TO` does not tell."""
    backend.query(f"create or replace temporary view {_VIEW.partition('.')[2]} as {query}")
    rows = backend.query(
        "select a.attname, t.typname, a.atttypmod from pg_attribute a join pg_type t on t.oid = a.atttypid "
        "where a.attrelid = $1::text::regclass and a.attnum > 0 order by a.attnum",
        [_VIEW],
    )
    backend.query(f"drop view {_VIEW}")
    return [describe(str(name), str(type_name), int(modifier or -1)) for name, type_name, modifier in rows]


def _arrow_type(column: Column) -> pa.DataType:
    if column.type == "numeric":
        return pa.decimal128(column.precision or 38, column.scale or 0)
    if column.type not in _ARROW_TYPES:
        raise Refused(
            f"UNLOAD to Parquet of column {column.name}: the stand-in does not carry type {column.type}", hint="Cast it to VARCHAR."
        )
    return _ARROW_TYPES[column.type]


def _copy_out(query: str) -> str:
    return f"copy ({query.strip().rstrip(';')}) to stdout with (format csv, header true, encoding 'UTF8')"


def _lines(chunks: Iterable[bytes]) -> list[str]:
    lines = b"".join(chunks).decode().split("\n")
    return lines[:-1]


def _parts(items: Sequence[_Item], slices: int) -> list[Sequence[_Item]]:
    """Items dealt out to slices in turn; each slice keeps their order."""
    return [part for part in (items[first::slices] for first in range(slices)) if part]
