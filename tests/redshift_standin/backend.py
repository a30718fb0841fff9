"""A client's own connection to PostgreSQL."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from redshift_standin import wire
from redshift_standin.statements import BackendError
from redshift_standin.wire import Back, Front, MessageStream

# The proxy's own statements have a name of their own, so that a client's unnamed statement stays as it is.
_OURS = "redshift_standin"
_ASYNCHRONOUS = frozenset({Back.NOTICE, Back.PARAMETER_STATUS, Back.NOTIFICATION})
_CLEARTEXT_PASSWORD, _AUTHENTICATED = 3, 0

Report = Callable[[bytes, bytes], None]


class BackendConnection:
    """One connection to PostgreSQL; it is the `Backend` that COPY and UNLOAD work with.

    Attributes:
        stream: The messages, for whoever passes a client's own messages on.
        status: The transaction at the last ReadyForQuery: `I` none, `T` open, `E` failed.
        database: The one that was logged in to.
        on_asynchronous: Is given notices and changed parameters that come while the proxy's own statements run.
    """

    def __init__(self, socket_file: Path) -> None:
        """Connect; log-in is `log_in`."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(socket_file))
        self.stream = MessageStream(connection)
        self.status = "I"
        self.database = ""
        self.on_asynchronous: Report = _unheard

    def log_in(self, parameters: Mapping[str, str], password: str) -> list[tuple[bytes, bytes]]:
        """Start the session.

        Args:
            parameters: Of the start-up message: user, database, options and the like.
            password: In clear; PostgreSQL compares it with what it has stored of the user.

        Returns:
            What PostgreSQL says before it is ready: parameters, and the key that cancels a statement.

        Raises:
            BackendError: PostgreSQL refused the log-in.
        """
        self.database = parameters.get("database") or parameters["user"]
        self.stream.write_raw(wire.startup(parameters))
        self.stream.flush()
        said: list[tuple[bytes, bytes]] = []
        while True:
            kind, body = self.receive()
            if kind == Back.AUTHENTICATION:
                (method,) = struct.unpack_from("!i", body)
                if method == _CLEARTEXT_PASSWORD:
                    self.stream.write(Front.PASSWORD, wire.text(password))
                    self.stream.flush()
                elif method != _AUTHENTICATED:
                    raise BackendError({"S": "FATAL", "C": "28000", "M": f"PostgreSQL asks for authentication method {method}"})
            elif kind == Back.ERROR:
                raise BackendError(wire.error_fields(body))
            elif kind == Back.READY:
                return said
            else:
                said.append((kind, body))

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Pass a message to PostgreSQL at once."""
        self.stream.write(kind, body)
        self.stream.flush()

    def receive(self) -> tuple[bytes, bytes]:
        """The next message of PostgreSQL; ReadyForQuery sets the status."""
        kind, body = self.stream.read()
        if kind == Back.READY:
            self.status = body.decode()
        return kind, body

    def query(self, sql: str, parameters: Sequence[str | None] = ()) -> list[tuple[str | None, ...]]:
        """All rows of one statement, as `Backend.query` says."""
        self._execute(sql, parameters)
        self.stream.write(Front.SYNC)
        self.stream.flush()
        return [wire.read_row(body) for kind, body in self._answers() if kind == Back.DATA_ROW]

    def execute(self, sql: str, parameters: Sequence[str | None] = ()) -> None:
        """One statement whose rows nobody wants."""
        self.query(sql, parameters)

    def run_script(self, sql: str) -> None:
        """Run several statements at once."""
        self.send(Front.QUERY, wire.text(sql))
        for _ in self._answers():
            pass

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """Run `COPY … FROM STDIN`, as `Backend.copy_in` says."""
        self._execute(sql)
        self.send(Front.FLUSH)
        self._await(Back.COPY_IN)
        try:
            for chunk in chunks:
                self.stream.write(Front.COPY_DATA, chunk)
            self.stream.write(Front.COPY_DONE)
        except Exception as error:
            self.stream.write(Front.COPY_FAIL, wire.text(str(error)))
            self._finish_failed_copy()
            raise
        self.stream.write(Front.SYNC)
        self.stream.flush()
        tags = [body.rstrip(b"\0").decode() for kind, body in self._answers() if kind == Back.COMMAND_COMPLETE]
        return int(tags[-1].split()[-1])

    def copy_out(self, sql: str) -> Iterator[bytes]:
        """The bytes of `COPY … TO STDOUT`; they are read to the end even if the caller stops before."""
        self._execute(sql)
        self.stream.write(Front.SYNC)
        self.stream.flush()
        answers = self._answers()
        try:
            for kind, body in answers:
                if kind == Back.COPY_DATA:
                    yield body
        finally:
            for _ in answers:
                pass

    def fail(self, *, synchronise: bool) -> dict[str, str]:
        """Make PostgreSQL fail a statement, so that an open transaction is in the state that any error leaves it in.

        Args:
            synchronise: Whether PostgreSQL shall be ready for the next statement; otherwise it skips messages until Sync,
                as it does after an error of the extended protocol.

        Returns:
            The error's fields, which tell a transaction that had failed before from one that failed now.
        """
        self.stream.write(Front.PARSE, wire.parse_body(_OURS, "select refused_by_the_stand_in"))
        self.send(Front.SYNC if synchronise else Front.FLUSH)
        fields: dict[str, str] = {}
        while True:
            kind, body = self.receive()
            if kind == Back.ERROR:
                fields = wire.error_fields(body)
                if not synchronise:
                    return fields
            elif kind == Back.READY:
                return fields

    def discard(self, target: bytes) -> None:
        """Make PostgreSQL forget a statement or a portal: `S` or `P`, and its name as in Describe."""
        self.stream.write(Front.CLOSE, target)
        self.send(Front.FLUSH)
        self._await(Back.CLOSE_COMPLETE)

    def close(self) -> None:
        """Drop the connection; PostgreSQL rolls an open transaction back."""
        self.stream.close()

    def _execute(self, sql: str, parameters: Sequence[str | None] = ()) -> None:
        for target in (b"P", b"S"):
            self.stream.write(Front.CLOSE, target + wire.text(_OURS))
        self.stream.write(Front.PARSE, wire.parse_body(_OURS, sql))
        self.stream.write(Front.BIND, wire.bind_body(_OURS, _OURS, parameters))
        self.stream.write(Front.EXECUTE, wire.text(_OURS) + struct.pack("!i", 0))

    def _answers(self) -> Iterator[tuple[bytes, bytes]]:
        """Messages until ReadyForQuery; an error among them is raised when PostgreSQL is ready again."""
        error: BackendError | None = None
        while True:
            kind, body = self.receive()
            if kind == Back.READY:
                break
            if kind == Back.ERROR:
                error = BackendError(wire.error_fields(body))
            elif kind in _ASYNCHRONOUS:
                self.on_asynchronous(kind, body)
            else:
                yield kind, body
        if error is not None:
            raise error

    def _await(self, wanted: bytes) -> None:
        """Read until a kind of message comes; an error on the way is raised when PostgreSQL is ready again."""
        while True:
            kind, body = self.receive()
            if kind == wanted:
                return
            if kind == Back.ERROR:
                self.send(Front.SYNC)
                for _ in self._answers():
                    pass
                raise BackendError(wire.error_fields(body))
            if kind in _ASYNCHRONOUS:
                self.on_asynchronous(kind, body)

    def _finish_failed_copy(self) -> None:
        self.send(Front.SYNC)
        try:
            for _ in self._answers():
                pass
        except BackendError:
            pass  # our own CopyFail; the caller raises what caused it


def _unheard(_kind: bytes, _body: bytes) -> None:
    """What becomes of notices when there is no client."""


def cancel(socket_file: Path, request: bytes) -> None:
    """Pass a cancel request on; PostgreSQL answers by closing the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_file))
        connection.sendall(struct.pack("!ii", len(request) + 8, wire.CANCEL_REQUEST) + request)
        connection.recv(1)
