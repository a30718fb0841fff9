"""The object store on a real S3 server: whole listings, versions that are checked, failures that name the address."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitmile.errors import StoreUnavailable
from splitmile.object_store import ObjectChanged, ObjectStore, StoreCredentials


def test_objects_are_listed_with_etag_and_size_below_their_prefix_only(store: ObjectStore) -> None:
    for key in ("a/2.csv", "a/1.csv", "ab/3.csv"):
        store.put(key, key.encode() * 2)
    listed = list(store.list_objects("a/"))
    assert [(stored.key, stored.size_bytes) for stored in listed] == [("a/1.csv", 14), ("a/2.csv", 14)]
    assert len({stored.etag for stored in listed}) == 2
    assert '"' not in listed[0].etag
    assert list(store.list_objects("nothing/")) == []


def test_a_file_goes_up_and_comes_down_unharmed(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(bytes(range(256)) * 5000)
    store.upload(tmp_path / "up", "x")
    (stored,) = store.list_objects("x")
    store.download("x", tmp_path / "down", stored.etag)
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()


def test_only_the_listed_version_is_read(store: ObjectStore, tmp_path: Path) -> None:
    store.put("x", b"one")
    (stored,) = store.list_objects("x")
    store.put("x", b"two")
    with pytest.raises(ObjectChanged, match=r"changed while it was read.*Try again"):
        store.download("x", tmp_path / "down", stored.etag)
    store.download("x", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"two"
    store.delete("x")
    store.delete("x")
    with pytest.raises(ObjectChanged):
        store.download("x", tmp_path / "down", stored.etag)
    with pytest.raises(StoreUnavailable, match=f"reading s3://{store.bucket}/x"):
        store.download("x", tmp_path / "down")


def test_a_bucket_is_made_once(store: ObjectStore) -> None:
    store.put("x", b"kept")
    store.ensure_bucket()
    assert [stored.key for stored in store.list_objects("")] == ["x"]


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # Between the client's own attempts.
    monkeypatch.setattr("time.sleep", lambda _: None)
    nowhere = ObjectStore("feeds", StoreCredentials("http://127.0.0.1:9", "a", "b", region="us-east-1"))
    for use in (lambda: list(nowhere.list_objects("")), lambda: nowhere.put("x", b"")):
        with pytest.raises(StoreUnavailable, match=r"at http://127\.0\.0\.1:9 failed.*splitmile doctor"):
            use()
