"""Fixtures for every area: settings with a state of their own, both warehouses, and a real S3 server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from redshift_target import RedshiftTarget, bucket_on_aws, empty_tables, feeds_of_a_test, real_target, standin_target
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse

# What a commit passes does not hang on chance: the same examples each time. `--hypothesis-profile=default` looks for new ones.
hypothesis_settings.register_profile("repeatable", derandomize=True)
hypothesis_settings.load_profile("repeatable")

if TYPE_CHECKING:
    from redshift_standin.faults import Faults


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: a worker takes a whole file, and the last one should be short."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person's environment reaches a test, and no test writes to the project's own state folder."""
    for name in [name for name in os.environ if name.startswith("SPLITMILE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SPLITMILE_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def engine() -> str:
    """The warehouse's engine; a module that tests both overrides it with `params=ENGINES` of `redshift_target`."""
    return "duckdb"


@pytest.fixture
def settings(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> Settings:
    """Defaults, with a state folder and a bucket of this test alone."""
    made = Settings(state_dir=tmp_path / "state", feeds=feeds_of_a_test())
    if engine == "duckdb":
        return made
    target: RedshiftTarget = request.getfixturevalue("redshift")
    return target.settings(made)


@pytest.fixture
def access(engine: str, request: pytest.FixtureRequest) -> RedshiftAccess | None:
    """How to reach the warehouse: on Redshift a database whose tables are empty, on DuckDB nothing."""
    if engine == "duckdb":
        return None
    shared: RedshiftAccess = request.getfixturevalue("shared_database")
    empty_tables(shared)
    return shared


@pytest.fixture
def warehouse(settings: Settings, access: RedshiftAccess | None) -> Iterator[Warehouse]:
    """An open warehouse with Splitmile's own tables, empty."""
    with open_warehouse(settings, access, "tests") as session:
        yield session


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCredentials]:
    """A real S3 server, one for the whole test session; AWS itself where a real Redshift is tested."""
    if bucket_on_aws():
        yield StoreCredentials(region=os.environ.get("AWS_DEFAULT_REGION"))
        return
    with EmbeddedS3(tmp_path_factory.mktemp("s3") / "buckets") as server:
        yield server.credentials


@pytest.fixture
def store(s3: StoreCredentials, settings: Settings) -> ObjectStore:
    """The bucket of `settings.feeds`, fresh and empty."""
    bucket = ObjectStore(settings.feeds.bucket, s3)
    bucket.ensure_bucket()
    return bucket


@pytest.fixture(scope="session")
def redshift(s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedshiftTarget]:
    """Redshift: the stand-in, one for the whole test session, or the real one that the environment names."""
    real = real_target()
    if real:
        yield real
        return
    from redshift_standin import RedshiftStandIn

    with RedshiftStandIn(tmp_path_factory.mktemp("redshift"), s3) as standin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(standin.ca_file))
        yield standin_target(standin, s3)
        # A client may swallow an error; a statement that the stand-in does not know stops the suite all the same.
        assert standin.refused == []


@pytest.fixture
def faults(redshift: RedshiftTarget) -> Faults:
    """Switches for what shall go wrong next; a real cluster fails when it wants to."""
    if redshift.standin is None:
        pytest.skip("a real cluster fails when it wants to")
    return redshift.standin.faults


@pytest.fixture(scope="session")
def shared_database(redshift: RedshiftTarget) -> Iterator[RedshiftAccess]:
    """A database for tests that need Splitmile's own tables only: making them anew for each would take longer than the tests."""
    with redshift.fresh_database() as access:
        yield access


@pytest.fixture
def redshift_access(redshift: RedshiftTarget) -> Iterator[RedshiftAccess]:
    """A database on Redshift of this test alone."""
    with redshift.fresh_database() as access:
        yield access
