"""Redshift's data types as they are written in casts and in columns."""

from __future__ import annotations

from redshift_standin.source_text import SourceText, names
from redshift_standin.statements import Refused

_MAX_VARCHAR, _MAX_PRECISION = 65535, 38
_PLAIN = names("""smallint int2 integer int int4 bigint int8 real float4 float8 float boolean bool char character bpchar date time timetz
    timestamp timestamptz""")
_VARYING = frozenset({"varchar", "nvarchar", "text"})
_DECIMAL = frozenset({"decimal", "numeric"})
# Types of the system catalog, which casts of catalog queries name.
_OF_CATALOG = names("name oid regclass regproc regnamespace regtype")


def rewrite_type(text: SourceText, first: int, *, is_column: str = "") -> int:
    """Change the type that begins at a word to what PostgreSQL shall take for it; the index of its last word.

    An unsized VARCHAR (and TEXT) is VARCHAR(256), VARCHAR(MAX) is VARCHAR(65535), an unsized DECIMAL is DECIMAL(18, 0).

    Args:
        text: The statement.
        first: Where the type begins.
        is_column: Name of the column that the type is for; empty in a cast.

    Raises:
        Refused: Redshift does not have the type, or the stand-in does not know it.
    """
    name = text.word(first).lower
    last = first
    if name == "double" and text.word(first + 1).lower == "precision":
        last = first + 1
    elif name in ("character", "char") and text.word(first + 1).lower == "varying":
        last = _varying(text, first, first + 1)
    elif name in ("timestamp", "time") and text.word(first + 1).lower in ("with", "without"):
        last = first + 3
    elif name in _VARYING:
        last = _varying(text, first, first)
    elif name in _DECIMAL:
        last = _decimal(text, first)
    elif name in _PLAIN:
        if "char" in name and text.word(first + 1).lower == "(":
            last = text.closing[first + 1]
    elif name not in _OF_CATALOG or is_column:
        raise _unsupported(name, is_column)
    if text.word(last + 1).lower == "[":
        raise _unsupported(name + "[]", is_column)
    return last


def _varying(text: SourceText, first: int, last: int) -> int:
    size = 256
    if text.word(last + 1).lower == "(":
        written = text.word(last + 2).lower
        last = text.closing[last + 1]
        size = _MAX_VARCHAR if written == "max" else int(written) if written.isdecimal() else 0
    if not 1 <= size <= _MAX_VARCHAR:
        raise Refused(f"length for type varchar must be between 1 and {_MAX_VARCHAR}", "22023")
    text.replace(first, last, f"varchar({size})")
    return last


def _decimal(text: SourceText, first: int) -> int:
    if text.word(first + 1).lower != "(":
        text.insert_after(first, "(18, 0)")
        return first
    if int(text.word(first + 2).lower or 0) > _MAX_PRECISION:
        raise Refused(f"DECIMAL precision {text.word(first + 2).lower} must be between 1 and {_MAX_PRECISION}", "22023")
    return text.closing[first + 1]


def _unsupported(name: str, column: str) -> Refused:
    message = f'Column "{column}" has unsupported type "{name}".' if column else f'type "{name}" does not exist'
    return Refused(
        message,
        "0A000" if column else "42704",
        hint="If Redshift has the type and the product needs it, teach redshift_standin.data_types.",
    )
