"""One client's session: its statements are rewritten, then passed on to PostgreSQL or done here."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from redshift_standin import redshift_answers, wire
from redshift_standin.backend import BackendConnection
from redshift_standin.faults import Faults
from redshift_standin.relay import Relay
from redshift_standin.source_text import split
from redshift_standin.statement_log import SessionLog, StatementLog
from redshift_standin.statements import BackendError, CopyCommand, Refused, Statement, UnloadCommand
from redshift_standin.wire import Back, ConnectionLost, Front, MessageStream

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*(\w*)", re.DOTALL)
_ASKS_FOR_STATEMENTS = re.compile(r"\bsys_query_(history|text|detail)\b", re.IGNORECASE)
_OPENING, _COMMITTING = frozenset({"begin", "start"}), frozenset({"commit", "end"})


@dataclass(frozen=True, slots=True)
class RefusedStatement:
    """A statement that the stand-in itself refused, with the message that the client got."""

    sql: str
    message: str


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions share.

    Attributes:
        rewrite: One statement of a client into what PostgreSQL runs in its place; the last one's answer is the client's.
        run_command: Does a COPY or UNLOAD on a connection; the number of rows. A COPY calls its last argument when an object
            has been sent.
        faults: What shall go wrong.
        executed: What has run.
        show_executed: Brings it into a database's system views.
        refused: Every refusal, in the order in which they came.
    """

    rewrite: Callable[[str], list[Statement]]
    run_command: Callable[[BackendConnection, CopyCommand | UnloadCommand, Callable[[], None]], int]
    faults: Faults
    executed: StatementLog
    show_executed: Callable[[str], None]
    refused: list[RefusedStatement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A client's statement, and what is run in its place."""

    sql: str
    statements: tuple[Statement, ...]

    @property
    def keyword(self) -> str:
        """The first word in small letters, for the few statements that the proxy itself must know."""
        match = _FIRST_WORD.match(self.sql)
        return match[1].lower() if match else ""

    @property
    def is_passed_on(self) -> bool:
        """Whether PostgreSQL itself answers it: one statement, and no command of the proxy's."""
        return len(self.statements) == 1 and self.statements[0].command is None and bool(self.statements[0].sql)


class Session:
    """Serves one client until it leaves.

    PostgreSQL is asked message by message and its answer awaited, so the proxy always knows where a transaction stands.
    """

    def __init__(self, client: MessageStream, backend: BackendConnection, services: Services) -> None:
        self._client, self._backend, self._services = client, backend, services
        self._relay = Relay(client, backend)
        self._statements: dict[str, Prepared] = {}
        self._portals: dict[str, Prepared] = {}
        self._log = SessionLog(services.executed, backend.database)
        self._relay.on_complete = self._log.ended
        self._sql = ""  # what is being answered, for the record of refusals
        self._skipping = False  # after an error of the extended protocol, until Sync
        self._executed_since_sync = False
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            Front.QUERY: self._query,
            Front.PARSE: self._parse,
            Front.BIND: self._bind,
            Front.DESCRIBE: self._describe,
            Front.EXECUTE: self._execute,
            Front.CLOSE: self._close_object,
            Front.SYNC: self._sync,
            Front.FLUSH: self._flush,
        }

    def run(self) -> None:
        """Answer messages until the client or PostgreSQL ends the connection."""
        while self._relay.wait_for_client():
            kind, body = self._client.read()
            if kind == Front.TERMINATE:
                return
            if self._skipping and kind != Front.SYNC:
                continue
            if kind not in self._handlers:
                raise ConnectionLost(f"a message of kind {kind!r}, which the stand-in does not know")
            try:
                self._handlers[kind](body)
            except BackendError as error:
                self._relay.report(error.fields)
            except Refused as refused:
                self._relay.report(self._failed(refused, synchronise=kind == Front.QUERY))
            else:
                continue
            self._skipping = kind != Front.QUERY
            if kind == Front.QUERY:
                self._relay.ready()

    # What the client sends, kind by kind

    def _query(self, body: bytes) -> None:
        self._sql = body[:-1].decode()
        pieces = split(self._sql)
        self._log.begun(pieces)
        prepared = [self._prepare(sql) for sql in pieces]
        if not prepared:
            self._relay.say(Back.EMPTY_QUERY)
        elif all(each.is_passed_on for each in prepared) and not self._commit_fails(prepared):
            self._backend.send(Front.QUERY, wire.text(";\n".join(each.statements[0].sql for each in prepared)))
            self._relay.simple_query([each.statements[0].tag for each in prepared])
        else:
            self._run_one_by_one(prepared)
        self._relay.ready()

    def _parse(self, body: bytes) -> None:
        name, self._sql, types = wire.read_parse(body)
        pieces = split(self._sql)
        if len(pieces) > 1:
            raise Refused("cannot insert multiple commands into a prepared statement", "42601")
        prepared = self._prepare(pieces[0]) if pieces else Prepared(self._sql, (Statement(""),))
        if prepared.is_passed_on:
            self._ask(Front.PARSE, wire.parse_body(name, prepared.statements[0].sql, types))
            self._relay.until(Back.PARSE_COMPLETE)
        else:
            self._relay.say(Back.PARSE_COMPLETE)
        self._statements[name] = prepared

    def _bind(self, body: bytes) -> None:
        portal, name, parameters = wire.read_bind(body)
        prepared = self._statements.get(name)
        if prepared is None or prepared.is_passed_on:
            self._ask(Front.BIND, body)
            self._relay.until(Back.BIND_COMPLETE)
        elif parameters:
            raise Refused("bind parameters are not supported in this statement", "42601")
        else:
            self._relay.say(Back.BIND_COMPLETE)
        if prepared is not None:
            self._portals[portal] = prepared

    def _describe(self, body: bytes) -> None:
        prepared = self._named(body)
        if prepared is None or prepared.is_passed_on:
            self._ask(Front.DESCRIBE, body)
            try:
                self._relay.until(Back.ROW_DESCRIPTION, Back.NO_DATA)
            except Refused:
                self._backend.discard(body)  # a driver takes a statement whose preparation failed for one that does not exist
                raise
            return
        if body[:1] == b"S":
            self._relay.say(Back.PARAMETER_DESCRIPTION, struct.pack("!h", 0))
        self._relay.say(Back.NO_DATA)

    def _execute(self, body: bytes) -> None:
        prepared = self._portals.get(body[: body.index(b"\0")].decode())
        self._sql = prepared.sql if prepared else ""
        self._log.begun([self._sql])
        if prepared is not None and self._commit_fails([prepared]):
            self._run_one_by_one([prepared])
        elif prepared is None or prepared.is_passed_on:
            self._executed_since_sync = True
            self._ask(Front.EXECUTE, body)
            tag = prepared.statements[0].tag if prepared else ""
            self._relay.until(Back.COMMAND_COMPLETE, Back.PORTAL_SUSPENDED, Back.EMPTY_QUERY, tag=tag)
        elif self._executed_since_sync and self._backend.status == "I":
            raise Refused("this statement cannot share an implicit transaction with others", hint="Send BEGIN before them.")
        else:
            self._run_one_by_one([prepared], may_have_rows=False)

    def _close_object(self, body: bytes) -> None:
        (self._statements if body[:1] == b"S" else self._portals).pop(body[1:-1].decode(), None)
        self._ask(Front.CLOSE, body)  # no error where PostgreSQL does not know it
        self._relay.until(Back.CLOSE_COMPLETE)

    def _sync(self, _: bytes) -> None:
        self._skipping = self._executed_since_sync = False
        self._backend.send(Front.SYNC)
        self._relay.until_ready()
        self._relay.ready()

    def _flush(self, _: bytes) -> None:
        self._client.flush()

    # How its statements are run

    def _prepare(self, sql: str) -> Prepared:
        if _ASKS_FOR_STATEMENTS.search(sql):
            self._services.show_executed(self._backend.database)
        prepared = Prepared(sql, tuple(self._services.rewrite(sql)))
        if prepared.keyword == "copy" and any(each.sql for each in prepared.statements):
            raise Refused("COPY from or to a client is not supported", hint="Redshift copies from S3 and unloads to it.")
        return prepared

    def _named(self, target: bytes) -> Prepared | None:
        names = self._statements if target[:1] == b"S" else self._portals
        return names.get(target[1:-1].decode())

    def _commit_fails(self, prepared: Sequence[Prepared]) -> bool:
        return any(each.keyword in _COMMITTING for each in prepared) and self._services.faults.commit_is_armed()

    def _ask(self, kind: bytes, body: bytes) -> None:
        """Pass on a message of the extended protocol, whose answer PostgreSQL would keep until Sync."""
        self._backend.stream.write(kind, body)
        self._backend.send(Front.FLUSH)

    def _run_one_by_one(self, prepared: Sequence[Prepared], *, may_have_rows: bool = True) -> None:
        """Run statements of which the proxy does some itself; outside of a transaction they are one of their own.

        Raises:
            BackendError, Refused: One of them failed; a transaction that was opened here has been rolled back.
        """
        own_transaction = False
        try:
            for each in prepared:
                if own_transaction and each.keyword in _OPENING:
                    own_transaction = False  # from here on the client's, as in PostgreSQL
                    self._relay.complete("BEGIN")
                    continue
                if self._backend.status == "I" and each.keyword not in _OPENING:
                    self._backend.execute("BEGIN")
                    own_transaction = True
                self._run(each, may_have_rows=may_have_rows)
                own_transaction = own_transaction and self._backend.status == "T"
            if own_transaction:
                self._backend.execute("COMMIT")
        except (BackendError, Refused):
            if own_transaction and self._backend.status != "I":
                self._backend.execute("ROLLBACK")
            raise

    def _run(self, prepared: Prepared, *, may_have_rows: bool) -> None:
        if prepared.keyword in _COMMITTING and self._services.faults.take_commit():
            self._backend.execute("ROLLBACK")
            raise BackendError(redshift_answers.serialization_failure())
        *before, last = prepared.statements
        for statement in before:
            self._backend.execute(statement.sql)
        if last.command is not None:
            self._run_command(last.command)
        elif last.sql:
            self._backend.send(Front.QUERY, wire.text(last.sql))
            self._relay.simple_query([last.tag], may_have_rows=may_have_rows)
        elif last.tag:
            self._relay.complete(last.tag)
        else:
            self._relay.say(Back.EMPTY_QUERY)

    def _run_command(self, command: CopyCommand | UnloadCommand) -> None:
        is_copy = isinstance(command, CopyCommand)
        on_progress = self._drop if is_copy and self._services.faults.take_copy() else _carry_on
        try:
            rows = self._services.run_command(self._backend, command, on_progress)
        except BackendError:
            if self._backend.status == "T":  # no error of PostgreSQL's, so it does not know that the transaction has failed
                self._backend.fail(synchronise=True)
            raise
        if isinstance(command, CopyCommand):
            self._relay.inform(f"Load into table '{command.table}' completed, {rows} record(s) loaded successfully.")
        else:
            self._relay.inform(f"UNLOAD completed, {rows} record(s) unloaded successfully.")
        self._relay.complete("COPY" if is_copy else "UNLOAD")

    def _drop(self) -> None:
        self._client.close()
        self._backend.close()
        raise ConnectionLost("dropped in the middle of COPY, as a test asked for")

    def _failed(self, refused: Refused, *, synchronise: bool) -> dict[str, str]:
        """Record a refusal and bring PostgreSQL into the state after an error; the error that the client shall see."""
        self._services.refused.append(RefusedStatement(self._sql, refused.message))
        fields = self._backend.fail(synchronise=synchronise)
        failed_before = fields.get("C") == "25P02"
        return fields if failed_before else redshift_answers.refusal(refused)


def _carry_on() -> None:
    """What a COPY that nobody disturbs does after an object."""
