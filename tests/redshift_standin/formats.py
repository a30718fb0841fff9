"""CSV, delimited text and JSON lines: an object's bytes as records, and records as rows for PostgreSQL."""

from __future__ import annotations

import bz2
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from redshift_standin.columns import Column
from redshift_standin.load_errors import RowFault, redshift_error
from redshift_standin.values import Conversion, to_value

_DECOMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "GZIP": gzip.decompress,
    "BZIP2": bz2.decompress,
    "ZSTD": lambda body: pa.CompressedInputStream(pa.py_buffer(body), "zstd").read(),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the file; None is JSON's null, or a key that is not there."""

    text: str | None
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Attributes:
        line_number: Of its first line, from 1.
        raw: The record as it stands in the file.
        fields: None where the record cannot be split, for `fault`.
    """

    line_number: int
    raw: str
    fields: Sequence[Field] | None
    fault: RowFault | None = None


def decompressed(body: bytes, options: Mapping[str, str], url: str) -> bytes:
    """The bytes behind GZIP, BZIP2 or ZSTD.

    Raises:
        BackendError: They are not compressed that way.
    """
    for name in _DECOMPRESSORS.keys() & options.keys():
        try:
            return _DECOMPRESSORS[name](body)
        except (OSError, EOFError, ValueError) as error:
            raise redshift_error(
                f"The file is not in {name.lower()} format or is damaged: {error}", 9004, f"S3 key being read : {url}"
            ) from error
    return body


def records(body: bytes, file_format: str, options: Mapping[str, str], columns: Sequence[Column]) -> Iterator[Record]:
    """The records of one object of format `csv`, `text` or `json`, its header left out."""
    text = body.decode(errors="surrogateescape")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    skipped = int(options.get("IGNOREHEADER", 0))
    match file_format:
        case "csv":
            return csv_records(lines, options.get("DELIMITER", ","), options.get("QUOTE", '"'), skipped)
        case "text":
            return _text_records(lines, options.get("DELIMITER", "|"), skipped)
        case _:
            return _json_records(lines, columns)


def csv_records(lines: Sequence[str], delimiter: str = ",", quote: str = '"', skipped: int = 0) -> Iterator[Record]:
    """Records of CSV; one that has a line break within quotes spans several lines.

    >>> [[field.text for field in record.fields] for record in csv_records(['a,"b', 'c",""'])]
    [['a', 'b\\nc', '']]
    """
    blank = "[{}]*".format("".join({" ", "\t"} - {delimiter}))
    d, q = re.escape(delimiter), re.escape(quote)
    field = re.compile(rf"(?:{blank}{q}((?:[^{q}]|{q}{q})*){q}{blank}|([^{q}{d}]*))({d}|\Z)", re.DOTALL)
    at = skipped
    while at < len(lines):
        number, raw = at + 1, lines[at]
        at += 1
        while raw.count(quote) % 2 and at < len(lines):
            raw = f"{raw}\n{lines[at]}"
            at += 1
        raw = raw.removesuffix("\r")
        if quote not in raw:
            yield Record(number, raw, [Field(text) for text in raw.split(delimiter)])
            continue
        fields = _matched(field, raw, quote)
        yield Record(number, raw, fields, None if fields else RowFault(1216, "Invalid quote formatting for CSV"))


def _matched(field: re.Pattern[str], raw: str, quote: str) -> list[Field] | None:
    fields: list[Field] = []
    position = 0
    while found := field.match(raw, position):
        is_quoted = found[1] is not None
        fields.append(Field(found[1].replace(quote * 2, quote) if is_quoted else found[2], is_quoted))
        position = found.end()
        if not found[3]:
            return fields
    return None


def _text_records(lines: Sequence[str], delimiter: str, skipped: int) -> Iterator[Record]:
    for number, line in enumerate(lines[skipped:], skipped + 1):
        raw = line.removesuffix("\r")
        yield Record(number, raw, [Field(text) for text in raw.split(delimiter)])


def _json_records(lines: Sequence[str], columns: Sequence[Column]) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            # Numbers keep the digits that the file has.
            found = json.loads(line, parse_int=_Digits, parse_float=_Digits, parse_constant=_no_constant)
        except ValueError as error:
            yield Record(number, line, None, RowFault(1216, f"Invalid JSON: {error}"))
            continue
        if not isinstance(found, dict):
            yield Record(number, line, None, RowFault(1216, "Invalid JSON: is no object"))
            continue
        yield Record(number, line, [Field(_json_text(found.get(column.name)), is_quoted=True) for column in columns])


class _Digits(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _json_source(value)


def _json_source(value: Any) -> str:
    """A value as JSON again, without spaces."""
    if isinstance(value, _Digits):
        return value
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_json_source(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json_source, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def row_of(record: Record, columns: Sequence[Column], conversion: Conversion) -> list[str | None]:
    """The record's values, one a column.

    Raises:
        RowFault: The first thing about it that the table does not take.
    """
    if record.fields is None:
        raise record.fault or RowFault(1216, "Input line is not valid")
    if len(record.fields) > len(columns):
        raise RowFault(1202, "Extra column(s) found")
    if len(record.fields) < len(columns):
        raise RowFault(1214, "Delimiter not found", column=len(record.fields) - 1)
    return [_value(at, field, column, conversion) for at, (field, column) in enumerate(zip(record.fields, columns, strict=True))]


def _value(at: int, field: Field, column: Column, conversion: Conversion) -> str | None:
    text = field.text
    if text is None or conversion.is_null(text, column, is_quoted=field.is_quoted):
        if not column.is_nullable:
            raise RowFault(1213, "Missing data for not-null field", at, text or "")
        return None
    try:
        return to_value(text, column, conversion)
    except RowFault as fault:
        raise RowFault(fault.code, fault.reason, at, text, fault.position) from None


def csv_line(values: Iterable[str | None]) -> bytes:
    """A row for PostgreSQL's `COPY … (FORMAT csv)`: everything but NULL in quotes."""
    return (",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n").encode()


def batches(lines: Iterable[bytes], size: int = 1000) -> Iterator[bytes]:
    """Lines, some at a time."""
    pending: list[bytes] = []
    for line in lines:
        pending.append(line)
        if len(pending) == size:
            yield b"".join(pending)
            pending.clear()
    if pending:
        yield b"".join(pending)
