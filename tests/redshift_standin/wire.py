"""Messages of PostgreSQL's wire protocol 3.0, as far as a proxy reads or writes them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Mapping, Sequence

PROTOCOL_3_0 = 196608
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102

_CHUNK_BYTES = 1 << 16
_LONGEST_STARTUP_BYTES = 10_000


class Front:
    """Kinds of message that a client sends."""

    BIND, CLOSE, COPY_DATA, COPY_DONE, COPY_FAIL, DESCRIBE = b"B", b"C", b"d", b"c", b"f", b"D"
    EXECUTE, FLUSH, PARSE, PASSWORD = b"E", b"H", b"P", b"p"
    QUERY, SYNC, TERMINATE = b"Q", b"S", b"X"


class Back:
    """Kinds of message that a server sends."""

    AUTHENTICATION, BIND_COMPLETE, CLOSE_COMPLETE, COMMAND_COMPLETE = b"R", b"2", b"3", b"C"
    COPY_DATA, COPY_DONE, COPY_IN, COPY_OUT = b"d", b"c", b"G", b"H"
    DATA_ROW, EMPTY_QUERY, ERROR, KEY_DATA, NO_DATA, NOTICE = b"D", b"I", b"E", b"K", b"n", b"N"
    NOTIFICATION, PARAMETER_DESCRIPTION, PARAMETER_STATUS, PARSE_COMPLETE = b"A", b"t", b"S", b"1"
    PORTAL_SUSPENDED, READY, ROW_DESCRIPTION = b"s", b"Z", b"T"


class ConnectionLost(ConnectionError):
    """The other side has gone."""


class MessageStream:
    """One side of a connection, message by message; what is written waits for `flush`."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._incoming = bytearray()
        self._outgoing = bytearray()

    def read(self) -> tuple[bytes, bytes]:
        """The next message: its kind and its body.

        Raises:
            ConnectionLost: The stream ended.
        """
        kind, length = struct.unpack("!ci", self._take(5))
        return kind, self._take(length - 4)

    def read_startup(self) -> tuple[int, bytes]:
        """The first message of a connection, which has no kind: its code and the rest."""
        length, code = struct.unpack("!ii", self._take(8))
        if not 8 <= length <= _LONGEST_STARTUP_BYTES:
            raise ConnectionLost("not a start-up message")
        return code, self._take(length - 8)

    def has_buffered(self) -> bool:
        """Whether bytes are here already, so that waiting on the socket would wait in vain."""
        return bool(self._incoming) or (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0)

    def write(self, kind: bytes, body: bytes = b"") -> None:
        """Append a message; a long queue is sent at once."""
        self._outgoing += kind + struct.pack("!i", len(body) + 4) + body
        if len(self._outgoing) > _CHUNK_BYTES:
            self.flush()

    def write_raw(self, data: bytes) -> None:
        """Append bytes that are no ordinary message, as at start-up."""
        self._outgoing += data

    def flush(self) -> None:
        """Send what waits."""
        if self._outgoing:
            data, self._outgoing = self._outgoing, bytearray()
            self.socket.sendall(data)

    def close(self) -> None:
        """Drop the connection, whoever waits on it; one that is closed already is no error."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _take(self, count: int) -> bytes:
        while len(self._incoming) < count:
            chunk = self.socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionLost("the connection was closed")
            self._incoming += chunk
        taken = bytes(self._incoming[:count])
        del self._incoming[:count]
        return taken


def text(value: str) -> bytes:
    """A string as the protocol ends it, with a zero byte."""
    return value.encode() + b"\0"


def split_texts(body: bytes) -> list[str]:
    """The zero-ended strings of a message."""
    return [part.decode() for part in body.split(b"\0")]


def startup(parameters: Mapping[str, str]) -> bytes:
    """A start-up message."""
    pairs = b"".join(text(name) + text(value) for name, value in parameters.items()) + b"\0"
    return struct.pack("!ii", len(pairs) + 8, PROTOCOL_3_0) + pairs


def read_parameters(body: bytes) -> dict[str, str]:
    """Names and values of a start-up message."""
    parts = split_texts(body)
    return {name: value for name, value in zip(parts[::2], parts[1::2], strict=False) if name}


def error_fields(body: bytes) -> dict[str, str]:
    """Fields of an error or a notice by their one-letter codes."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def error_body(fields: Mapping[str, str]) -> bytes:
    """Body of an error or a notice."""
    return b"".join(text(code + value) for code, value in fields.items()) + b"\0"


def parse_body(name: str, sql: str, types: bytes = b"\0\0") -> bytes:
    """Body of Parse; `types` as the protocol has them, their number first."""
    return text(name) + text(sql) + types


def read_parse(body: bytes) -> tuple[str, str, bytes]:
    """Name, SQL and parameter types of Parse."""
    name, sql, types = body.split(b"\0", 2)
    return name.decode(), sql.decode(), types


def bind_body(portal: str, statement: str, parameters: Sequence[str | None]) -> bytes:
    """Body of Bind with parameters and results as text."""
    values = [struct.pack("!i", -1) if value is None else _sized(value.encode()) for value in parameters]
    return text(portal) + text(statement) + struct.pack("!hh", 0, len(values)) + b"".join(values) + struct.pack("!h", 0)


def read_bind(body: bytes) -> tuple[str, str, int]:
    """Portal, statement and number of parameters of Bind."""
    portal, statement, rest = body.split(b"\0", 2)
    (formats,) = struct.unpack_from("!h", rest)
    (parameters,) = struct.unpack_from("!h", rest, 2 + 2 * formats)
    return portal.decode(), statement.decode(), parameters


def read_columns(body: bytes) -> list[tuple[str, int]]:
    """Name and type OID of every column of RowDescription."""
    (count,) = struct.unpack_from("!h", body)
    columns, at = [], 2
    for _ in range(count):
        end = body.index(b"\0", at)
        (type_oid,) = struct.unpack_from("!i", body, end + 7)
        columns.append((body[at:end].decode(), type_oid))
        at = end + 19
    return columns


def read_row(body: bytes) -> tuple[str | None, ...]:
    """Values of DataRow, sent as text."""
    (count,) = struct.unpack_from("!h", body)
    values: list[str | None] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)


def _sized(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value
