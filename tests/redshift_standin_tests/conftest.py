"""A stand-in of these tests' own, and the real clients to talk to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
import redshift_connector

from redshift_standin import RedshiftStandIn
from splitmile.object_store import StoreCredentials

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def standin(s3: StoreCredentials, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedshiftStandIn]:
    """One stand-in for all tests of the session."""
    with RedshiftStandIn(tmp_path_factory.mktemp("standin"), s3) as running:
        yield running


@pytest.fixture
def by_driver(standin: RedshiftStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Opens connections of redshift_connector, which trusts the stand-in as it would trust AWS: by the system's authorities."""
    monkeypatch.setenv("SSL_CERT_FILE", str(standin.ca_file))
    opened = []

    def connect(**options: Any) -> Any:
        defaults = {"host": standin.host, "port": standin.port, "database": standin.database, "user": standin.user}
        connection = redshift_connector.connect(**{**defaults, "password": standin.password, "sslmode": "verify-full", **options})
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def by_libpq(standin: RedshiftStandIn) -> Iterator[Connect]:
    """Opens connections of psycopg2."""
    opened = []

    def connect(**options: Any) -> Any:
        defaults = {"host": standin.host, "port": standin.port, "dbname": standin.database, "user": standin.user}
        tls = {"sslmode": "verify-full", "sslrootcert": str(standin.ca_file)}
        connection = psycopg2.connect(**{**defaults, "password": standin.password, **tls, **options})
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture(params=["by_driver", "by_libpq"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Both clients: one speaks the extended protocol, the other the simple one."""
    found: Connect = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def schema(standin: RedshiftStandIn, by_libpq: Connect) -> str:
    """A schema of this test alone, empty."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = by_libpq()
    connection.autocommit = True
    connection.cursor().execute(f"create schema {name}")
    return name
