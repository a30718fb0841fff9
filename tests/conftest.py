"""Fixtures for every area: settings with a state of their own, a DuckDB warehouse, and a real S3 server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitmile.embedded_s3 import EmbeddedS3
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Feeds, Settings
from splitmile.warehouse import Warehouse, open_warehouse


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person's environment reaches a test, and no test writes to the project's own state folder."""
    for name in [name for name in os.environ if name.startswith("SPLITMILE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SPLITMILE_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, with a state folder and a bucket of this test alone."""
    return Settings(state_dir=tmp_path / "state", feeds=Feeds(bucket=f"test-{uuid.uuid4().hex[:12]}"))


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[Warehouse]:
    """An open DuckDB warehouse with Splitmile's own tables, empty."""
    with open_warehouse(settings) as session:
        yield session


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCredentials]:
    """A real S3 server, one for the whole test session."""
    with EmbeddedS3(tmp_path_factory.mktemp("s3") / "buckets") as server:
        yield server.credentials


@pytest.fixture
def store(s3: StoreCredentials, settings: Settings) -> ObjectStore:
    """The bucket of `settings.feeds`, fresh and empty."""
    bucket = ObjectStore(settings.feeds.bucket, s3)
    bucket.ensure_bucket()
    return bucket
