"""Where PostgreSQL's answers would give the stand-in away, or would be decoded wrongly: what Redshift says instead.

What is here was seen in logs and error messages of Redshift clusters that drivers' users have published.
"""

from __future__ import annotations

from collections.abc import Mapping

from redshift_standin import wire
from redshift_standin.statements import Refused
from redshift_standin.wire import Back

SERVER_VERSION = "8.0.2"
SERVER_PROTOCOL_VERSION = "0"  # every value as text; the newer ones send more than PostgreSQL can

# PostgreSQL's names of the parameters that Redshift reports, with Redshift's names. `standard_conforming_strings` is not among
# them, so a client doubles the backslashes of its strings, and the rewriter reads them as Redshift does.
_PARAMETERS = {
    "application_name": "application_name",
    "client_encoding": "client_encoding",
    "DateStyle": "datestyle",
    "integer_datetimes": "integer_datetimes",
    "is_superuser": "is_superuser",
    "server_encoding": "server_encoding",
    "session_authorization": "session_authorization",
    "TimeZone": "TimeZone",
}

# PostgreSQL 8.0 gave no count with these, and redshift_connector reads none there.
_TAGS_WITHOUT_COUNT = ("SELECT", "FETCH", "COPY")

# Types that Redshift has, too, and that redshift_connector, libpq and PostgreSQL agree upon. Not `interval` (1186): Redshift's
# has other OIDs, and the driver reads PostgreSQL's bytes wrongly. Not `timetz` (1266): the driver takes every time for UTC.
# Not json, uuid, bytea and arrays of a user's own, which Redshift does not have.
_KNOWN_TYPES = frozenset(
    {16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 700, 701, 705, 1042, 1043, 1082, 1083, 1114, 1184, 1700}
    | {1002, 1003, 1005, 1007, 1009, 1015, 1028, 1034}  # arrays, and regclass and void, as system tables and functions have them
    | {2205, 2278}
)

# The position is one in the rewritten statement, and `V` came with PostgreSQL 9.6.
_HIDDEN_FIELDS = frozenset("VPpq")


def parameter_status(body: bytes) -> bytes | None:
    """A reported parameter as Redshift reports it, or None where it does not."""
    name, value = wire.split_texts(body)[:2]
    theirs = _PARAMETERS.get(name)
    return None if theirs is None else wire.text(theirs) + wire.text(value)


def log_in_answers(said: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What the client hears between its log-in and ReadyForQuery."""
    answers = []
    for kind, body in said:
        if kind == Back.PARAMETER_STATUS:
            seen = parameter_status(body)
            if seen is not None:
                answers.append((kind, seen))
        else:
            answers.append((kind, body))
    ours = {"server_version": SERVER_VERSION, "server_protocol_version": SERVER_PROTOCOL_VERSION}
    return answers + [(Back.PARAMETER_STATUS, wire.text(name) + wire.text(value)) for name, value in ours.items()]


def command_tag(tag: str) -> str:
    """The tag of a statement that ended, as Redshift words it."""
    word = tag.split(" ", 1)[0]
    return word if word in _TAGS_WITHOUT_COUNT else tag


def error(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields of an error as Redshift sends them."""
    if fields.get("C") == "40001":
        return serialization_failure()
    if fields.get("C") == "28P01":
        return {**_shown(fields), "C": "28000"}
    return _shown(fields)


def refusal(refused: Refused) -> dict[str, str]:
    """Fields of the error that a refused statement gets."""
    fields = {"S": "ERROR", "C": refused.sqlstate, "M": refused.message}
    return {**fields, "H": refused.hint} if refused.hint else fields


def serialization_failure() -> dict[str, str]:
    """Redshift's error 1023; the numbers of the table and of the transactions mean nothing here."""
    detail = "Serializable isolation violation on table - 100001, transactions forming the cycle are: 2001, 2002 (pid:1)"
    return {"S": "ERROR", "C": "XX000", "M": "1023", "D": detail}


def check_columns(row_description: bytes) -> None:
    """Refuse a result that has a column of a type which a client would not read as Redshift's.

    Raises:
        Refused: There is such a column; the message names it.
    """
    for name, type_oid in wire.read_columns(row_description):
        if type_oid not in _KNOWN_TYPES:
            raise Refused(
                f'column "{name}" has the PostgreSQL type with OID {type_oid}, which no result of Redshift has',
                hint="Cast the column to a type that Redshift has.",
            )


def _shown(fields: Mapping[str, str]) -> dict[str, str]:
    return {code: value for code, value in fields.items() if code not in _HIDDEN_FIELDS}
