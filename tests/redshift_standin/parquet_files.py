"""Parquet as COPY reads it: columns by position, no cast, one fault fails the whole load."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from redshift_standin.columns import Column
from redshift_standin.load_errors import redshift_error

_MAGIC = b"PAR1"
# AWS names gzip and snappy for Parquet; of any other codec it says nothing.
_CODECS = frozenset({"UNCOMPRESSED", "SNAPPY", "GZIP"})
_FITTING: dict[str, tuple[pa.DataType, ...]] = {
    "int2": (pa.int16(), pa.int8()),
    "int4": (pa.int32(), pa.int16(), pa.int8()),
    "int8": (pa.int64(),),
    "float4": (pa.float32(),),
    "float8": (pa.float64(),),
    "bool": (pa.bool_(),),
    "date": (pa.date32(),),
    "varchar": (pa.string(), pa.large_string()),
    "bpchar": (pa.string(), pa.large_string()),
}
_PLAIN_TEXT = pyarrow.csv.WriteOptions(include_header=False)


def parquet_rows(body: bytes, length: int, url: str, https_url: str, columns: Sequence[Column]) -> Iterator[bytes]:
    """A file's rows for PostgreSQL's `COPY … (FORMAT csv)`.

    Args:
        body: The whole object.
        length: Its size as listed, or as the manifest says; the footer is looked for at this place.
        url, https_url: How the messages name it.
        columns: Those to fill, in the file's order.

    Raises:
        BackendError: The file is damaged, or its columns or values do not fit.

    Source:
        AWS, "COPY from columnar data formats".
    """
    if length > len(body):
        raise _scan_error(f"HTTP response error code: 416 Message: InvalidRange The requested range is not satisfiable {https_url}", 15001)
    body = body[:length]
    if not (body.startswith(_MAGIC) and body.endswith(_MAGIC)):
        raise _scan_error(f"File '{https_url}' has an invalid version number: {body[-4:]!r}", 15001)
    try:
        file = pq.ParquetFile(io.BytesIO(body))
        _check_columns(file, url, https_url, columns)
        for batch in file.iter_batches():
            _check_values(batch, https_url, columns)
            text = io.BytesIO()
            pyarrow.csv.write_csv(_without_zones(batch), text, _PLAIN_TEXT)
            yield text.getvalue()
    except (pa.ArrowException, OSError) as error:
        raise _scan_error(f"File '{https_url}' is damaged: {error}", 15001) from error


def _check_columns(file: pq.ParquetFile, url: str, https_url: str, columns: Sequence[Column]) -> None:
    schema = file.schema_arrow
    if len(schema) != len(columns):
        raise _scan_error(
            "Unmatched number of columns between table and file. "
            f"Table columns: {len(columns)}, Data columns: {len(schema)}, File name: {https_url}",
            15007,
        )
    for at, (column, field) in enumerate(zip(columns, schema, strict=True)):
        if not _fits(field.type, column):
            raise _scan_error(
                f"File '{https_url}' has an incompatible Parquet schema for column '{url}.{column.name}'. "
                f"Column type: {column.sql_type}, Parquet schema:\n{_parquet_schema(file, at, field)}",
                15007,
            )
    for group in range(file.num_row_groups):
        for at in range(file.metadata.num_columns):
            codec = file.metadata.row_group(group).column(at).compression
            if codec not in _CODECS:
                raise _scan_error(f"File '{https_url}' has an unsupported compression codec: {codec}", 15001)


def _fits(found: pa.DataType, column: Column) -> bool:
    if column.type == "numeric":
        return bool(pa.types.is_decimal(found)) and (found.precision, found.scale) == (column.precision, column.scale)
    if column.type == "timestamp":
        # Seconds, milliseconds and microseconds; nanoseconds are a logical type that came later.
        return bool(pa.types.is_timestamp(found)) and found.unit != "ns"
    return found in _FITTING.get(column.type, ())


def _parquet_schema(file: pq.ParquetFile, at: int, field: pa.Field) -> str:
    if pa.types.is_nested(field.type):
        return f"group {field.name}"
    leaf = next(leaf for leaf in map(file.schema.column, range(file.metadata.num_columns)) if leaf.path == field.name)
    repetition = "optional" if leaf.max_definition_level else "required"
    levels = f"[i:{at} d:{leaf.max_definition_level} r:{leaf.max_repetition_level}]"
    return f"{repetition} {leaf.physical_type.lower()} {leaf.name} {levels}"


def _check_values(batch: pa.RecordBatch, https_url: str, columns: Sequence[Column]) -> None:
    for values, column in zip(batch.columns, columns, strict=True):
        if not column.is_nullable and values.null_count:
            raise _scan_error(f"Cannot insert a NULL value into column {column.name}, File name: {https_url}", 15001)
        longest = pc.max(pc.binary_length(values)).as_py() if column.length is not None else None
        if longest is not None and longest > (column.length or 0):
            raise _scan_error(
                f"The length of the data column {column.name} is longer than the length defined in the table. "
                f"Table: {column.length}, Data: {longest}, File name: {https_url}",
                15001,
            )


def _without_zones(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Instants in UTC as a TIMESTAMP column keeps them."""
    arrays: list[Any] = [
        values.cast(pa.timestamp(values.type.unit)) if pa.types.is_timestamp(values.type) and values.type.tz else values
        for values in batch.columns
    ]
    # Names may be there twice, which only a loader by name would mind.
    return pa.RecordBatch.from_arrays(arrays, names=[str(at) for at in range(len(arrays))])


def _scan_error(context: str, code: int) -> Exception:
    return redshift_error("Spectrum Scan Error", code, context)
