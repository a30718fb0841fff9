"""The extended protocol message by message, where the drivers do not go but others do: row limits, and several messages before a Sync."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator

import pytest

from redshift_standin import RedshiftStandIn, wire
from redshift_standin.wire import Back, Front, MessageStream


class RawClient:
    """Sends messages and reads the answers up to ReadyForQuery."""

    def __init__(self, standin: RedshiftStandIn) -> None:
        plain = socket.create_connection((standin.host, standin.port))
        plain.sendall(struct.pack("!ii", 8, wire.SSL_REQUEST))
        assert plain.recv(1) == b"S"
        context = ssl.create_default_context(cafile=standin.ca_file)
        self._stream = MessageStream(context.wrap_socket(plain, server_hostname=standin.host))
        self._stream.write_raw(wire.startup({"user": standin.user, "database": standin.database}))
        self.ask((Front.PASSWORD, wire.text(standin.password)))

    def ask(self, *messages: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        for kind, body in messages:
            self._stream.write(kind, body)
        self._stream.flush()
        answers: list[tuple[bytes, bytes]] = []
        while not answers or answers[-1][0] != Back.READY:
            answers.append(self._stream.read())
        return answers

    def kinds(self, *messages: tuple[bytes, bytes]) -> bytes:
        return b"".join(kind for kind, _ in self.ask(*messages))

    def close(self) -> None:
        self._stream.close()


@pytest.fixture
def client(standin: RedshiftStandIn) -> Iterator[RawClient]:
    connected = RawClient(standin)
    yield connected
    connected.close()


def _parse(sql: str, name: str = "") -> tuple[bytes, bytes]:
    return Front.PARSE, wire.parse_body(name, sql)


def _bind(*parameters: str, name: str = "") -> tuple[bytes, bytes]:
    return Front.BIND, wire.bind_body("", name, parameters)


def _execute(limit: int = 0) -> tuple[bytes, bytes]:
    return Front.EXECUTE, wire.text("") + struct.pack("!i", limit)


_DESCRIBE, _SYNC = (Front.DESCRIBE, b"P\0"), (Front.SYNC, b"")


def test_a_row_limit_suspends_the_portal(client: RawClient) -> None:
    sql = "select 1 as n union all select 2 union all select 3"
    assert client.kinds(_parse(sql), _bind(), _DESCRIBE, _execute(2), _execute(2), _SYNC) == b"12TDDsDCZ"


def test_after_an_error_everything_up_to_sync_is_skipped(client: RawClient) -> None:
    assert client.kinds(_parse("select $1::bigint"), _bind("word"), _execute(), _parse("select 1"), _SYNC) == b"1EZ"
    assert client.kinds(_parse("create index i on t (n)"), _bind(), _execute(), _SYNC) == b"EZ"
    assert client.kinds(_parse("select 1"), _bind(), _execute(), _SYNC) == b"12DCZ"


def test_what_the_proxy_itself_does_is_answered_like_any_other_statement(client: RawClient) -> None:
    client.ask((Front.QUERY, wire.text("create temporary table t (n bigint); insert into t values (1)")))
    assert client.kinds(_parse("truncate t", "s"), (Front.DESCRIBE, b"Ss\0"), _SYNC) == b"1tnZ"
    assert client.ask(_bind(name="s"), _execute(), _SYNC)[1] == (Back.COMMAND_COMPLETE, b"TRUNCATE TABLE\0")
    assert client.kinds((Front.CLOSE, b"Ss\0"), _SYNC) == b"3Z"
    assert client.kinds(_bind(name="s"), _SYNC) == b"EZ"


def test_a_statement_of_the_proxys_shares_no_implicit_transaction(client: RawClient) -> None:
    first = (_parse("create temporary table t (n bigint)"), _bind(), _execute())
    assert client.kinds(*first, _parse("truncate t"), _bind(), _execute(), _SYNC) == b"12C12EZ"
    assert client.kinds(_parse("select * from t"), _SYNC) == b"EZ"


def test_an_empty_text_is_an_empty_query(client: RawClient) -> None:
    assert client.kinds((Front.QUERY, wire.text(" -- nothing\n;"))) == b"IZ"
    assert client.kinds(_parse(""), _bind(), _DESCRIBE, _execute(), _SYNC) == b"12nIZ"
