"""What the system views say of statements that have run; see shims/statement_log.sql."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# Runs one statement with parameters $1, $2 … on a connection of its own, as a superuser, and commits it.
Log = Callable[[str, Sequence[str | None]], None]

_NEWEST = 2000
_QUERY_GROUP = re.compile(r"\s*set\s+query_group\s+to\s+'([^']*)'", re.IGNORECASE)
_ROWS = re.compile(r"(INSERT 0|SELECT|UPDATE) (\d+)")
_WRITING = re.compile(r"\s*(insert|update|create\b.*\btable)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement that ended well.

    Attributes:
        database: Where it ran.
        label: The session's query group.
        sql: As the client sent it.
        tag: PostgreSQL's own, with the rows.
    """

    database: str
    label: str
    sql: str
    tag: str
    started_at: datetime
    ended_at: datetime

    @property
    def written_rows(self) -> int | None:
        """Rows inserted or updated; none for statements that write none."""
        match = _ROWS.fullmatch(self.tag)
        return int(match[2]) if match and _WRITING.match(self.sql) else None


class StatementLog:
    """The newest statements of all sessions; they come into the views when somebody asks, so that nobody else waits."""

    def __init__(self) -> None:
        self._waiting: deque[Executed] = deque(maxlen=_NEWEST)
        self._lock = threading.Lock()

    def add(self, database: str, label: str, sql: str, tag: str, started_at: datetime) -> None:
        """A statement has ended."""
        with self._lock:
            self._waiting.append(Executed(database, label, sql, tag, started_at, _now()))

    def write(self, database: str, log: Log) -> None:
        """Bring those of a database into its tables."""
        with self._lock:
            own = [each for each in self._waiting if each.database == database]
            self._waiting = deque((each for each in self._waiting if each.database != database), maxlen=_NEWEST)
        for each in own:
            rows = None if each.written_rows is None else str(each.written_rows)
            log(
                "insert into redshift_standin.executed_statements (label, sql, started_at, ended_at, written_rows) "
                "values ($1, $2, $3, $4, $5)",
                [each.label, each.sql, str(each.started_at), str(each.ended_at), rows],
            )


class SessionLog:
    """The statements of one session on their way into the log."""

    def __init__(self, log: StatementLog, database: str) -> None:
        self._log, self._database = log, database
        self._query_group = ""
        self._pieces: Iterator[str] = iter(())
        self._began_at = _now()

    def begun(self, pieces: Sequence[str]) -> None:
        """The client has sent statements, which end one after the other."""
        self._pieces, self._began_at = iter(pieces), _now()

    def ended(self, tag: str) -> None:
        """The next of them has ended, with PostgreSQL's own tag."""
        sql = next(self._pieces, "")
        if match := _QUERY_GROUP.match(sql):
            self._query_group = match[1]
        if sql:
            self._log.add(self._database, self._query_group, sql, tag, self._began_at)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
