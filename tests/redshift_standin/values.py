"""One field of a flat file as a value of its column, judged as COPY judges it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal

from redshift_standin.columns import Column
from redshift_standin.load_errors import RowFault

_INTEGER_BITS = {"int2": 16, "int4": 32, "int8": 64}
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_FLOAT = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|nan|inf(inity)?)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d{1,6})?)?")
_ANY_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?) ?(Z|[+-]\d{2}(:?\d{2})?)?")
_ZONE = re.compile(r"[+-]\d{2}(:?\d{2})?$")
_TRUE = frozenset({"1", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "n", "no"})
# Bytes that are no UTF-8 arrive one by one as lone surrogates.
_INVALID_BYTE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The data conversion parameters of a COPY.

    Attributes:
        null_as: A field with this text is NULL.
        replacement: Stands for each byte that is no UTF-8; None lets such a row fail.
    """

    null_as: str = r"\N"
    is_empty_null: bool = False
    is_blank_null: bool = False
    is_date_auto: bool = False
    is_time_auto: bool = False
    is_truncating: bool = False
    replacement: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Conversion:
        """What the options of a `CopyCommand` ask for."""
        return cls(
            null_as=options.get("NULL", r"\N"),
            is_empty_null="EMPTYASNULL" in options,
            is_blank_null="BLANKSASNULL" in options,
            is_date_auto="DATEFORMAT" in options,
            is_time_auto="TIMEFORMAT" in options,
            is_truncating="TRUNCATECOLUMNS" in options,
            replacement=(options["ACCEPTINVCHARS"] or "?") if "ACCEPTINVCHARS" in options else None,
        )

    def is_null(self, text: str, column: Column, *, is_quoted: bool) -> bool:
        """Whether a field is loaded as NULL; a quoted field is empty text, not an empty field."""
        if text == self.null_as and not (text == "" and is_quoted):
            return True
        if not column.is_character:
            return not text.strip()
        return (self.is_empty_null and text == "" and not is_quoted) or (self.is_blank_null and text.isspace())


def to_value(text: str, column: Column, conversion: Conversion) -> str:
    """The text as PostgreSQL is to read it.

    Raises:
        RowFault: It does not fit the column.
    """
    if _INVALID_BYTE.search(text):
        text = _valid_text(text, column, conversion)
    read = _READERS.get(column.type)
    if read is None:
        raise RowFault(1223, f"Invalid data type: the stand-in's COPY knows no {column.type}")
    return read(text, column, conversion)


def _valid_text(text: str, column: Column, conversion: Conversion) -> str:
    if conversion.replacement is None or column.type != "varchar":
        found = _INVALID_BYTE.search(text)
        byte = ord(found[0]) - 0xDC00 if found else 0
        raise RowFault(1220, f"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {byte:02x} (error 3)")
    return _INVALID_BYTE.sub(conversion.replacement, text)


def _integer(text: str, column: Column, _: Conversion) -> str:
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        position = next((at for at, c in enumerate(text) if not (c.isdecimal() or (at == 0 and c in "+-"))), len(text))
        shown = {"int2": "Short", "int4": "Integer", "int8": "Long"}[column.type]
        raise RowFault(1207, f"Invalid digit, Value '{text[position : position + 1]}', Pos {position}, Type: {shown}", position=position)
    bits = _INTEGER_BITS[column.type]
    if not -(1 << bits - 1) <= int(text) < 1 << bits - 1:
        raise RowFault(1222, f"Overflow, the value does not fit {column.sql_type}")
    return text


def _decimal(text: str, column: Column, __: Conversion) -> str:
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        raise RowFault(1209, "Invalid value for NUMERIC")
    precision, scale = column.precision or 0, column.scale or 0
    # COPY cuts what is beyond the scale; PostgreSQL would round it.
    value = Decimal(text)
    whole, _, fraction = f"{value:f}".partition(".")
    if len(whole.lstrip("-0")) > precision - scale:
        raise RowFault(1204, f"Overflow for NUMERIC({precision},{scale})")
    return f"{whole}.{fraction[:scale]}" if scale else str(value.to_integral_value(ROUND_DOWN))


def _float(text: str, _: Column, __: Conversion) -> str:
    text = text.strip()
    if not _FLOAT.fullmatch(text):
        raise RowFault(1208, "Invalid float value")
    return text


def _boolean(text: str, _: Column, __: Conversion) -> str:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise RowFault(1210, "Unknown boolean format")
    return "true" if word in _TRUE else "false"


def _date(text: str, _: Column, conversion: Conversion) -> str:
    text = text.strip()
    day = text[:10]
    is_known = _ANY_TIMESTAMP.fullmatch(text) if conversion.is_date_auto else _DATE.fullmatch(text)
    if not is_known or not _parses(date.fromisoformat, day):
        raise RowFault(
            1205, "Invalid Date Format - length must be 10 or more" if len(text) < 10 else "Invalid date format or value [YYYY-MM-DD]"
        )
    return day


def _timestamp(text: str, column: Column, conversion: Conversion) -> str:
    text = text.strip()
    is_zoned = column.type == "timestamptz"
    found = _ANY_TIMESTAMP.fullmatch(text)
    if found and not conversion.is_time_auto:
        plain = _ZONE.sub("", text).rstrip() if is_zoned and " " in text else text
        found = found if _TIMESTAMP.fullmatch(plain) else None
    zone = (found and found[5]) or ""
    # An offset in a column without time zone has no meaning that AWS documents, so only UTC passes.
    is_fit = found and _parses(datetime.fromisoformat, found[1]) and (is_zoned or zone in ("", "Z", "+00", "+0000", "+00:00"))
    if not found or not is_fit:
        raise RowFault(1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]")
    return found[1] + (zone or "+00" if is_zoned else "")


def _character(text: str, column: Column, conversion: Conversion) -> str:
    encoded, length = text.encode(), column.length or 0
    if column.type == "bpchar" and not text.isascii():
        raise RowFault(1215, "Multibyte character not supported for CHAR (Hint: try using VARCHAR)")
    if len(encoded) <= length:
        return text
    if not conversion.is_truncating:
        raise RowFault(1204, "String length exceeds DDL length")
    return encoded[:length].decode(errors="ignore")


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[str, Column, Conversion], str]] = {
    **dict.fromkeys(_INTEGER_BITS, _integer),
    "numeric": _decimal,
    "float4": _float,
    "float8": _float,
    "bool": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "varchar": _character,
    "bpchar": _character,
}
