"""From a new connection to a session: TLS, start-up parameters, password."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

from redshift_standin import redshift_answers, wire
from redshift_standin.backend import BackendConnection, cancel
from redshift_standin.statements import BackendError
from redshift_standin.wire import Back, ConnectionLost, Front, MessageStream

_LOG_IN_SECONDS = 30
_ASK_FOR_PASSWORD, _AUTHENTICATED = struct.pack("!i", 3), struct.pack("!i", 0)

# Redshift's drivers tell it of themselves in these; PostgreSQL would refuse them.
_DRIVERS_OWN = frozenset({"client_protocol_version", "driver_version", "os_version", "driver_discovery_version"})


def log_in(
    connection: socket.socket, tls: ssl.SSLContext, socket_file: Path, *, require_ssl: bool
) -> tuple[MessageStream, BackendConnection] | None:
    """Bring a client to the point where it may send statements.

    The password comes in clear inside TLS and is handed on to PostgreSQL, which alone knows the users: so everyone whom
    CREATE USER made can log in, and is held to what was granted.

    Returns:
        The client's messages and its own connection to PostgreSQL; None where the client only wanted a statement cancelled,
        or was refused, and has been told so.
    """
    connection.settimeout(_LOG_IN_SECONDS)
    client = MessageStream(connection)
    code, body = client.read_startup()
    while code in (wire.SSL_REQUEST, wire.GSS_REQUEST):
        if code == wire.SSL_REQUEST:
            connection.sendall(b"S")
            connection = tls.wrap_socket(connection, server_side=True)
            client = MessageStream(connection)
        else:
            connection.sendall(b"N")
        code, body = client.read_startup()
    if code == wire.CANCEL_REQUEST:
        cancel(socket_file, body)
        return None
    if code != wire.PROTOCOL_3_0:
        _refuse(client, "0A000", f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0")
        return None
    parameters = {name: value for name, value in wire.read_parameters(body).items() if name not in _DRIVERS_OWN}
    if require_ssl and not isinstance(connection, ssl.SSLSocket):
        who = f'user "{parameters.get("user", "")}", database "{parameters.get("database", "")}"'
        _refuse(client, "28000", f'no pg_hba.conf entry for host "127.0.0.1", {who}, SSL off')
        return None

    client.write(Back.AUTHENTICATION, _ASK_FOR_PASSWORD)
    client.flush()
    kind, body = client.read()
    if kind != Front.PASSWORD:
        raise ConnectionLost("the client sent no password")
    backend = BackendConnection(socket_file)
    try:
        said = backend.log_in(parameters, body.rstrip(b"\0").decode())
    except BackendError as error:
        backend.close()
        client.write(Back.ERROR, wire.error_body(redshift_answers.error(error.fields)))
        client.flush()
        return None
    client.write(Back.AUTHENTICATION, _AUTHENTICATED)
    for kind, body in redshift_answers.log_in_answers(said):
        client.write(kind, body)
    client.write(Back.READY, backend.status.encode())
    client.flush()
    connection.settimeout(None)
    return client, backend


def _refuse(client: MessageStream, sqlstate: str, message: str) -> None:
    client.write(Back.ERROR, wire.error_body({"S": "FATAL", "C": sqlstate, "M": message}))
    client.flush()
