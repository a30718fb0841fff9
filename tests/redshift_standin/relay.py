"""PostgreSQL's answers on their way to the client."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping, Sequence

from redshift_standin import redshift_answers, wire
from redshift_standin.backend import BackendConnection
from redshift_standin.statements import BackendError, Refused
from redshift_standin.wire import Back, MessageStream


def _unheard(tag: str) -> None:
    """What becomes of a tag that nobody waits for."""


class Relay:
    """What the client hears: PostgreSQL's answers in Redshift's words, and what the proxy itself has to say.

    Attributes:
        on_complete: Is given PostgreSQL's own tag of each of its statements that ended.
    """

    on_complete: Callable[[str], None]

    def __init__(self, client: MessageStream, backend: BackendConnection) -> None:
        self._client, self._backend = client, backend
        self.on_complete = _unheard
        backend.on_asynchronous = self._pass_asynchronous

    def until(self, *last: bytes, tag: str = "") -> None:
        """Pass on the answer to a message of the extended protocol, up to one of these kinds.

        Raises:
            BackendError: The answer was an error.
            Refused: It describes a result that no client shall see.
        """
        while True:
            kind, body = self._backend.receive()
            if kind == Back.ERROR:
                raise BackendError(wire.error_fields(body))
            if kind == Back.ROW_DESCRIPTION:
                redshift_answers.check_columns(body)
            self._pass(kind, body, tag)
            if kind in last:
                return

    def until_ready(self) -> None:
        """Pass on the answer to Sync, without its ReadyForQuery."""
        while True:
            kind, body = self._backend.receive()
            if kind == Back.READY:
                return
            if kind == Back.ERROR:
                self.report(wire.error_fields(body))
            else:
                self._pass(kind, body)

    def simple_query(self, tags: Sequence[str], *, may_have_rows: bool = True) -> None:
        """Pass on the answers to a simple query, without its ReadyForQuery.

        Args:
            tags: Of its statements, as the client shall see them; empty for PostgreSQL's own.
            may_have_rows: False where the client was told that there are none.

        Raises:
            BackendError: A statement failed.
            Refused: A result was one that no client shall see; nothing after it was passed on.
        """
        finished = 0
        failure: BackendError | Refused | None = None
        while True:
            kind, body = self._backend.receive()
            if kind == Back.READY:
                break
            if kind == Back.ERROR:
                failure = failure or BackendError(wire.error_fields(body))
            elif kind == Back.ROW_DESCRIPTION and failure is None:
                try:
                    redshift_answers.check_columns(body)
                    if not may_have_rows:
                        raise Refused("a statement that the stand-in runs as several may not have rows here")
                except Refused as refused:
                    failure = refused
            if failure is None:
                self._pass(kind, body, tags[finished] if finished < len(tags) else "")
                finished += kind in (Back.COMMAND_COMPLETE, Back.EMPTY_QUERY)
        if failure is not None:
            raise failure

    def say(self, kind: bytes, body: bytes = b"") -> None:
        """A message of the proxy's own."""
        self._client.write(kind, body)

    def complete(self, tag: str) -> None:
        """A statement has ended."""
        self.say(Back.COMMAND_COMPLETE, wire.text(tag))

    def inform(self, message: str) -> None:
        """A message of severity INFO, as Redshift sends one after each load."""
        self.say(Back.NOTICE, wire.error_body({"S": "INFO", "C": "00000", "M": message}))

    def report(self, fields: Mapping[str, str]) -> None:
        """A statement has failed."""
        self.say(Back.ERROR, wire.error_body(redshift_answers.error(fields)))

    def ready(self) -> None:
        """The next statement may come."""
        self.say(Back.READY, self._backend.status.encode())

    def wait_for_client(self) -> bool:
        """Wait for the client's next message, and pass on what PostgreSQL says meanwhile; whether the session goes on."""
        self._client.flush()
        ours, theirs = self._client, self._backend.stream
        either = select.poll()
        for stream in (ours, theirs):
            either.register(stream.socket, select.POLLIN)
        while not ours.has_buffered():
            if not theirs.has_buffered() and any(ready == ours.socket.fileno() for ready, _ in either.poll()):
                break
            kind, body = self._backend.receive()
            if kind == Back.ERROR:  # PostgreSQL ends the session: an administrator did, or the server stops
                self.report(wire.error_fields(body))
                ours.flush()
                return False
            self._pass_asynchronous(kind, body)
            ours.flush()
        return True

    def _pass(self, kind: bytes, body: bytes, tag: str = "") -> None:
        if kind == Back.COMMAND_COMPLETE:
            self.on_complete(body[:-1].decode())
            self.complete(tag or redshift_answers.command_tag(body[:-1].decode()))
        else:
            self._pass_asynchronous(kind, body)

    def _pass_asynchronous(self, kind: bytes, body: bytes) -> None:
        seen = redshift_answers.parameter_status(body) if kind == Back.PARAMETER_STATUS else body
        if seen is not None:
            self.say(kind, seen)
