"""The stand-in as one thing that is started and stopped."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redshift_standin.backend import BackendConnection
from redshift_standin.catalog import bootstrap_sql
from redshift_standin.copy import S3Access, run_copy
from redshift_standin.faults import Faults
from redshift_standin.login import log_in
from redshift_standin.postgres import Postgres
from redshift_standin.rewrite import rewrite
from redshift_standin.session import RefusedStatement, Services, Session
from redshift_standin.statement_log import StatementLog
from redshift_standin.statements import CopyCommand, Refused, UnloadCommand
from redshift_standin.tls import make_certificates
from redshift_standin.unload import run_unload
from splitmile.object_store import StoreCredentials

_HOST, _DATABASE, _USER = "localhost", "dev", "awsuser"


class RedshiftStandIn:
    """A stand-in for an Amazon Redshift cluster, on this machine only, empty at every start.

    As a context manager it is started on entry and stopped on exit; nothing of it is left running or on disk but its log and
    its authority's certificate.

    Attributes:
        host, database, user, password: What a client connects with; the password is a new one for every stand-in.
        faults: What shall go wrong next.
        refused: What the stand-in itself refused; a suite whose statements are all meant to pass asserts that this is empty.
    """

    def __init__(
        self,
        state_dir: Path,
        store: StoreCredentials | None = None,
        port: int = 0,
        *,
        password: str | None = None,
        require_ssl: bool = True,
    ) -> None:
        """Prepare a stand-in; nothing is started yet.

        Args:
            state_dir: Where the log and the certificates go.
            store: The object store that COPY and UNLOAD reach; without one they are refused.
            port: Port on the loopback address; 0 takes a free one.
            password: The superuser's; a random one when none is given.
            require_ssl: Whether a client without TLS is refused, as by the parameter of that name of a cluster.
        """
        self.host, self.database, self.user = _HOST, _DATABASE, _USER
        self.password = password or secrets.token_urlsafe(12)
        self.faults = Faults()
        self.refused: list[RefusedStatement] = []
        self._state_dir, self._store, self._require_ssl = state_dir, store, require_ssl
        self._wanted_port = port
        self._postgres = Postgres(_USER, self.password, state_dir / "postgres.log")
        self._listener: socket.socket | None = None
        self._ca_file: Path | None = None
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._executed = StatementLog()

    @property
    def port(self) -> int:
        """The port of the running stand-in."""
        return int(self._running().getsockname()[1])

    @property
    def ca_file(self) -> Path:
        """Certificate of the authority that a client must trust: `SSL_CERT_FILE`, or libpq's `sslrootcert`."""
        self._running()
        assert self._ca_file is not None
        return self._ca_file

    @property
    def process_id(self) -> int | None:
        """PostgreSQL's keeper, or None while the stand-in is not running."""
        return self._postgres.process_id

    def start(self) -> None:
        """Start PostgreSQL, make the database with Redshift's functions and views, and listen.

        Raises:
            PostgresUnavailable: PostgreSQL could not be started.
            OSError: The port is taken.
        """
        self._ca_file, tls = make_certificates(self._state_dir)
        try:
            self._listener = socket.create_server(("127.0.0.1", self._wanted_port), backlog=64)
            self._postgres.start()
            self._make_database()
        except BaseException:
            self.stop()
            raise
        services = Services(rewrite, self._run_command, self.faults, self._executed, self._show_executed, self.refused)
        self._spawn(self._accept, self._listener, tls, services)

    def stop(self) -> None:
        """End every session, then PostgreSQL; a stand-in that is not running is no error."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _shut(listener)
            listener.close()
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            _shut(connection)  # its own thread closes it
        self._postgres.stop()
        for thread in threads:
            thread.join(10)

    def __enter__(self) -> Self:
        """Start the stand-in."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the stand-in."""
        self.stop()

    def _running(self) -> socket.socket:
        if self._listener is None:
            raise RuntimeError("The Redshift stand-in is not running; call start() first.")
        return self._listener

    def _make_database(self) -> None:
        # What is in the template is in every database that a client creates, too.
        with self._superuser("template1") as template:
            template.run_script(bootstrap_sql())
        with self._superuser("postgres") as maintenance:
            maintenance.run_script(f"CREATE DATABASE {_DATABASE}")

    @contextlib.contextmanager
    def _superuser(self, database: str) -> Iterator[BackendConnection]:
        backend = BackendConnection(self._postgres.socket_file)
        try:
            backend.log_in({"user": _USER, "database": database}, self.password)
            yield backend
        finally:
            backend.close()

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                work(*arguments)
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name=work.__name__, daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext, services: Services) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # stopped
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._serve, connection, tls, services)

    def _serve(self, connection: socket.socket, tls: ssl.SSLContext, services: Services) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            logged_in = log_in(connection, tls, self._postgres.socket_file, require_ssl=self._require_ssl)
            if logged_in is None:
                return
            client, backend = logged_in
            try:
                with self._lock:
                    self._connections.add(client.socket)
                Session(client, backend, services).run()
            finally:
                backend.close()
                client.close()
                with self._lock:
                    self._connections.discard(client.socket)
        except OSError:
            pass  # the client has gone, or the stand-in stops
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            connection.close()
            with self._lock:
                self._connections.discard(connection)

    def _show_executed(self, database: str) -> None:
        with self._superuser(database) as log:
            self._executed.write(database, log.execute)

    def _run_command(self, backend: BackendConnection, command: CopyCommand | UnloadCommand, on_progress: Callable[[], None]) -> int:
        if self._store is None:
            raise Refused("the stand-in was started without an object store", hint="Give RedshiftStandIn a store.")
        access = S3Access.of(self._store)
        if isinstance(command, UnloadCommand):
            return run_unload(backend, command, access)
        # The system tables of a load are no part of the client's transaction: they outlive its roll-back.
        with self._superuser(backend.database) as log:
            return run_copy(backend, command, access, log.execute, on_progress)


def _shut(connection: socket.socket) -> None:
    """Wake the thread that waits on a connection: it sees the end of the stream."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
