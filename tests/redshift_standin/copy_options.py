"""The text of COPY and UNLOAD as commands; what the stand-in does not carry out is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import sqlglot
from sqlglot.errors import SqlglotError

from redshift_standin.statements import CopyCommand, Refused, UnloadCommand

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
    |'(?P<string>(?:[^'\\]|''|\\.)*)'
    |\$(?P<tag>\w*)\$(?P<dollars>.*?)\$(?P=tag)\$
    |(?P<word>"(?:[^"]|"")+"|[#\w]+)
    |(?P<symbol>[(),.;])""",
    re.DOTALL | re.VERBOSE,
)
_COMPRESSIONS = frozenset({"GZIP", "BZIP2", "ZSTD"})


class _Value(Enum):
    """What follows an option's name."""

    FLAG = "nothing"
    TEXT = "a quoted text"
    MAYBE_TEXT = "a quoted text, or nothing"
    NUMBER = "a whole number"
    SWITCH = "ON or OFF, or nothing"


_FLAT_FILE = {
    "MANIFEST": _Value.FLAG,
    "STATUPDATE": _Value.SWITCH,
    "COMPUPDATE": _Value.SWITCH,
    "REGION": _Value.TEXT,
    "GZIP": _Value.FLAG,
    "BZIP2": _Value.FLAG,
    "ZSTD": _Value.FLAG,
    "MAXERROR": _Value.NUMBER,
    "EMPTYASNULL": _Value.FLAG,
    "BLANKSASNULL": _Value.FLAG,
    "DATEFORMAT": _Value.TEXT,
    "TIMEFORMAT": _Value.TEXT,
    "TRUNCATECOLUMNS": _Value.FLAG,
    "ACCEPTINVCHARS": _Value.MAYBE_TEXT,
}
_DELIMITED = _FLAT_FILE | {"IGNOREHEADER": _Value.NUMBER, "DELIMITER": _Value.TEXT, "NULL": _Value.TEXT}
_COPY_OPTIONS: dict[str, Mapping[str, _Value]] = {
    "text": _DELIMITED,
    "csv": _DELIMITED | {"QUOTE": _Value.TEXT},
    "json": _FLAT_FILE,
    # Of what AWS lists for columnar files, FILLRECORD, EXPLICIT_IDS and ACCEPTINVCHARS are not carried out.
    "parquet": {"MANIFEST": _Value.FLAG, "STATUPDATE": _Value.SWITCH},
}
_UNLOAD_ANY = {
    "MANIFEST": _Value.FLAG,
    "ALLOWOVERWRITE": _Value.FLAG,
    "CLEANPATH": _Value.FLAG,
    "PARALLEL": _Value.SWITCH,
    "REGION": _Value.TEXT,
}
_UNLOAD_DELIMITED = _UNLOAD_ANY | {"HEADER": _Value.FLAG, "GZIP": _Value.FLAG, "DELIMITER": _Value.TEXT, "NULL": _Value.TEXT}
_UNLOAD_OPTIONS: dict[str, Mapping[str, _Value]] = {"text": _UNLOAD_DELIMITED, "csv": _UNLOAD_DELIMITED, "parquet": _UNLOAD_ANY}
_KEY_PARAMETERS = {"ACCESS_KEY_ID": "aws_access_key_id", "SECRET_ACCESS_KEY": "aws_secret_access_key", "SESSION_TOKEN": "token"}


def parse_copy(sql: str) -> CopyCommand:
    """A COPY from S3.

    Raises:
        Refused: It cannot be parsed, or asks for something that Redshift refuses or the stand-in lacks; the message names the option.

    >>> parse_copy("copy raw.orders from 's3://lake/2024/' iam_role default format as csv ignoreheader 1").options
    {'IGNOREHEADER': '1'}
    """
    tokens = _Tokens("COPY", sql)
    tokens.expect("COPY")
    table = tokens.name()
    columns: list[str] = []
    if tokens.accept("("):
        columns.append(tokens.name())
        while tokens.accept(","):
            columns.append(tokens.name())
        tokens.expect(")")
    tokens.expect("FROM")
    source = tokens.s3_url("FROM")
    parameters = _parameters(tokens, _COPY_OPTIONS)
    if parameters.file_format == "parquet" and parameters.has_key_parameters:
        # AWS lists IAM_ROLE and CREDENTIALS only for columnar files.
        raise Refused(
            "ACCESS_KEY_ID argument is not supported for PARQUET based COPY",
            hint="Give the keys by CREDENTIALS, or use IAM_ROLE.",
        )
    return CopyCommand(table, source, parameters.credentials, parameters.file_format, tuple(columns), parameters.options)


def parse_unload(sql: str) -> UnloadCommand:
    """An UNLOAD to S3; its query is as the client wrote it, still to be rewritten.

    Raises:
        Refused: As of `parse_copy`; also for a LIMIT of the query itself.
    """
    tokens = _Tokens("UNLOAD", sql)
    tokens.expect("UNLOAD")
    tokens.expect("(")
    query = tokens.text("UNLOAD")
    tokens.expect(")")
    tokens.expect("TO")
    target = tokens.s3_url("TO")
    parameters = _parameters(tokens, _UNLOAD_OPTIONS)
    if {"ALLOWOVERWRITE", "CLEANPATH"} <= parameters.options.keys():
        raise Refused("UNLOAD options ALLOWOVERWRITE and CLEANPATH cannot be specified together")
    _refuse_outer_limit(query)
    return UnloadCommand(query, target, parameters.credentials, parameters.file_format, parameters.options)


@dataclass(frozen=True, slots=True)
class _Parameters:
    file_format: str
    credentials: str
    has_key_parameters: bool
    options: dict[str, str]


def _parameters(tokens: _Tokens, known: Mapping[str, Mapping[str, _Value]]) -> _Parameters:
    """What follows the address: authorization, format and options, in any order."""
    every_option = {name: value for options in known.values() for name, value in options.items()}
    file_format, credentials = "", ""
    keys: dict[str, str] = {}
    options: dict[str, str] = {}
    while (name := tokens.keyword()) is not None:
        if name == "WITH":
            continue
        if name == "FORMAT":
            tokens.accept("AS")
            name = tokens.expect_keyword("FORMAT")
        if name.lower() in known and name != "TEXT":
            _refuse_second(tokens, "FORMAT", file_format)
            file_format = name.lower()
            if file_format == "json":
                _require_auto(tokens, "JSON", tokens.maybe_text() or "auto")
        elif name == "IAM_ROLE":
            _refuse_second(tokens, name, credentials)
            credentials = "default" if tokens.accept("DEFAULT") else tokens.text(name)
        elif name == "CREDENTIALS":
            _refuse_second(tokens, name, credentials)
            credentials = tokens.text(name)
        elif name in _KEY_PARAMETERS:
            keys[_KEY_PARAMETERS[name]] = tokens.text(name)
        elif name in every_option:
            _refuse_second(tokens, name, name in options)
            options[name] = _option_value(tokens, name, every_option[name])
        else:
            raise tokens.unknown_option(name)
    file_format = file_format or "text"
    for name in options:
        if name not in known[file_format]:
            raise Refused(f"{name} argument is not supported for {file_format.upper()} based {tokens.statement}")
    if len(_COMPRESSIONS & options.keys()) > 1:
        raise Refused(f"{tokens.statement} options {' and '.join(sorted(_COMPRESSIONS & options.keys()))} exclude each other")
    return _Parameters(file_format, _authorization(tokens, credentials, keys), bool(keys), options)


def _authorization(tokens: _Tokens, credentials: str, keys: Mapping[str, str]) -> str:
    if bool(credentials) == bool(keys):
        raise Refused(
            f"{tokens.statement} needs exactly one authorization: IAM_ROLE, CREDENTIALS, or ACCESS_KEY_ID with SECRET_ACCESS_KEY", "42601"
        )
    if keys and not {"aws_access_key_id", "aws_secret_access_key"} <= keys.keys():
        raise Refused(f"{tokens.statement} options ACCESS_KEY_ID and SECRET_ACCESS_KEY must be given together", "42601")
    return credentials or ";".join(f"{name}={value}" for name, value in keys.items())


def _option_value(tokens: _Tokens, name: str, kind: _Value) -> str:
    match kind:
        case _Value.FLAG:
            return ""
        case _Value.SWITCH:
            return tokens.switch()
        case _Value.NUMBER:
            return tokens.number(name)
        case _Value.MAYBE_TEXT:
            return tokens.maybe_text() or ""
        case _Value.TEXT:
            value = tokens.text(name)
    if name in ("DATEFORMAT", "TIMEFORMAT"):
        _require_auto(tokens, name, value)
    if name in ("DELIMITER", "QUOTE"):
        return _single_character(tokens, name, value)
    return value


def _single_character(tokens: _Tokens, name: str, value: str) -> str:
    if re.fullmatch(r"\\[0-7]{3}", value):
        value = chr(int(value[1:], 8))
    value = {r"\t": "\t"}.get(value, value)
    if len(value) != 1 or not value.isascii():
        raise Refused(f"{tokens.statement} {name} must be a single ASCII character, not {value!r}")
    return value


def _require_auto(tokens: _Tokens, name: str, value: str) -> None:
    if value != "auto":
        raise Refused(f"{tokens.statement} {name} {value!r} is not carried out by the stand-in", hint=f"It knows {name} 'auto' only.")


def _refuse_second(tokens: _Tokens, name: str, is_given: object) -> None:
    if is_given:
        raise Refused(f"conflicting or redundant options: {tokens.statement} has {name} a second time", "42601")


def _refuse_outer_limit(query: str) -> None:
    try:
        limited = sqlglot.parse_one(query, read="redshift").args.get("limit")
    except SqlglotError as error:
        raise Refused(f"the query of UNLOAD cannot be parsed: {query}", "42601") from error
    if limited:
        raise Refused("Limit clause is not supported in the outer SELECT of UNLOAD", hint="Put the LIMIT into a subquery.")


class _Tokens:
    """The words, strings and symbols of one statement, read from the left."""

    def __init__(self, statement: str, sql: str) -> None:
        self.statement = statement
        self._sql = sql
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(sql):
            found = _TOKEN.match(sql, position)
            if not found:
                raise self._syntax_error(sql[position])
            position = found.end()
            kind = found.lastgroup or ""
            if kind == "string":
                # Only the two escapes that AWS documents; any other backslash stands for itself, as in NULL AS '\N'.
                self._tokens.append(("string", re.sub(r"''|\\(['\\])", lambda m: m[1] or "'", found["string"])))
            elif kind == "dollars":
                self._tokens.append(("string", found["dollars"]))
            elif kind != "blank":
                self._tokens.append((kind, found[kind]))
        if self._tokens[-1:] == [("symbol", ";")]:
            self._tokens.pop()
        self._tokens.reverse()

    def accept(self, text: str) -> bool:
        """Take the next token if it is this word or symbol."""
        is_next = bool(self._tokens) and self._tokens[-1][0] != "string" and self._tokens[-1][1].upper() == text
        if is_next:
            self._tokens.pop()
        return is_next

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self._syntax_error()

    def keyword(self) -> str | None:
        """The next word in capitals; None at the end."""
        return self._next("word", self._syntax_error).upper() if self._tokens else None

    def expect_keyword(self, after: str) -> str:
        return self._next("word", lambda: self._needs(after, "a word")).upper()

    def name(self) -> str:
        """An identifier as written, schema and all."""
        parts = [self._next("word", self._syntax_error)]
        while self.accept("."):
            parts.append(self._next("word", self._syntax_error))
        return ".".join(parts)

    def text(self, option: str) -> str:
        self.accept("AS")
        return self._next("string", lambda: self._needs(option, _Value.TEXT.value))

    def maybe_text(self) -> str | None:
        self.accept("AS")
        return self._tokens.pop()[1] if self._tokens and self._tokens[-1][0] == "string" else None

    def number(self, option: str) -> str:
        self.accept("AS")
        value = self._next("word", lambda: self._needs(option, _Value.NUMBER.value))
        if not value.isdecimal():
            raise self._needs(option, _Value.NUMBER.value)
        return value

    def switch(self) -> str:
        for word, value in (("ON", "ON"), ("TRUE", "ON"), ("OFF", "OFF"), ("FALSE", "OFF")):
            if self.accept(word):
                return value
        return "ON"

    def s3_url(self, keyword: str) -> str:
        url = self.text(keyword)
        if not re.match(r"s3://[^/]+/.", url):
            raise Refused(f"{self.statement} {keyword} {url!r} is no S3 address", hint="The stand-in knows s3://bucket/key only.")
        return url

    def unknown_option(self, name: str) -> Refused:
        return Refused(
            f"{self.statement} option {name} is not carried out by the stand-in",
            hint="See redshift_standin.copy_options for those it knows; teach it there when the product needs another.",
        )

    def _next(self, kind: str, error: Callable[[], Refused]) -> str:
        if not self._tokens or self._tokens[-1][0] != kind:
            raise error()
        return self._tokens.pop()[1]

    def _needs(self, option: str, what: str) -> Refused:
        return Refused(f"{self.statement} option {option} needs {what}", "42601")

    def _syntax_error(self, found: str = "") -> Refused:
        near = found or (self._tokens[-1][1] if self._tokens else "the end")
        return Refused(f'syntax error at or near "{near}" in: {_without_keys(self._sql)}', "42601")


def _without_keys(sql: str) -> str:
    """The statement without what must not get into a log."""
    return re.sub(r"(?i)((?:secret_access_key|session_token|token)\s*=?\s*(?:as\s*)?'?)[^';\s]+", r"\1…", sql.strip())
