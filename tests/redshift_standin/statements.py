"""What the parts of the stand-in say to each other: a rewritten statement, a refusal, and the client's own backend connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Refused(Exception):
    """A statement that Redshift would refuse, or one that the stand-in does not know and so will not guess about.

    Attributes:
        message: As Redshift words it, as far as its documentation tells.
        sqlstate: Five characters; `0A000` (not supported) unless told.
        hint: Where the statement is one that the stand-in lacks rather than Redshift, how to teach it.
    """

    def __init__(self, message: str, sqlstate: str = "0A000", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.sqlstate, self.hint = message, sqlstate, hint


@dataclass(frozen=True, slots=True)
class CopyCommand:
    """COPY of objects into a table.

    Attributes:
        table: As written, schema and all.
        columns: The column list; empty for all columns of the table.
        source: `s3://…`, an object, a prefix or a manifest.
        credentials: `IAM_ROLE`'s text, or what follows CREDENTIALS or the access key parameters, as written.
        file_format: `csv`, `parquet`, `json` or `text`.
        options: The other parameters in capitals, with their values; a flag has an empty text.
    """

    table: str
    source: str
    credentials: str
    file_format: str
    columns: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnloadCommand:
    """UNLOAD of a query to objects.

    Attributes:
        query: PostgreSQL's SQL, rewritten already.
        target: `s3://…`, the prefix of the objects.
        credentials, file_format, options: As of `CopyCommand`.
    """

    query: str
    target: str
    credentials: str
    file_format: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a client, ready for PostgreSQL.

    Attributes:
        sql: What PostgreSQL runs in its place; empty where there is nothing to run.
        tag: The command tag that the client must see where PostgreSQL's own would differ; empty takes PostgreSQL's.
        command: What the proxy itself does instead of running `sql`.
    """

    sql: str
    tag: str = ""
    command: CopyCommand | UnloadCommand | None = None


class BackendError(Exception):
    """PostgreSQL ended a statement with an error.

    Attributes:
        fields: Its fields by the protocol's one-letter codes: S, C (SQLSTATE), M, D, H, …
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = dict(fields)


class Backend(Protocol):
    """The client's own connection to PostgreSQL, so that its transaction and its temporary tables are seen."""

    def query(self, sql: str, parameters: Sequence[str | None] = ()) -> list[tuple[str | None, ...]]:
        """All rows of one statement, values as PostgreSQL's text; parameters are `$1`, `$2` …

        Raises:
            BackendError: PostgreSQL refused it; the transaction is then in the state that the protocol says.
        """

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """Run `COPY … FROM STDIN` with these bytes; the number of rows. An exception of `chunks` fails the COPY and is raised again."""

    def copy_out(self, sql: str) -> Iterable[bytes]:
        """The bytes of `COPY … TO STDOUT`, chunk by chunk."""
