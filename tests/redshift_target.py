"""The Redshift that the tests run against: the stand-in, or a real one that the environment names.

`make test-redshift` sets `REDSHIFT_TEST_HOST` and the others; nothing but these differs. Each test has a database of its own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from splitmile.object_store import StoreCredentials
from splitmile.settings import Feeds, RedshiftSettings, Settings, WarehouseSettings
from splitmile.warehouse import RedshiftAccess
from splitmile.warehouse.redshift import RedshiftWarehouse
from splitmile.warehouse.tables import TABLES

if TYPE_CHECKING:
    from redshift_standin import RedshiftStandIn

ENGINES = ["duckdb", pytest.param("redshift", marks=pytest.mark.redshift)]
"""Parameters of the fixture `engine` for tests that hold on both."""

IAM_ROLE = "arn:aws:iam::123456789012:role/splitmile-copy"
"""The role that the stand-in knows; a real cluster takes that of `REDSHIFT_TEST_IAM_ROLE`."""


@dataclass(frozen=True)
class RedshiftTarget:
    """Where to log in as an administrator.

    Attributes:
        access: To a database that is there already.
        iam_role: What COPY may read the tests' bucket by.
        standin: The stand-in, for tests of faults that no real cluster makes at will; none on a real one.
    """

    access: RedshiftAccess
    iam_role: str
    standin: RedshiftStandIn | None = None

    @contextmanager
    def fresh_database(self) -> Iterator[RedshiftAccess]:
        """A database that nobody has used, removed at the end."""
        name = f"splitmile_test_{uuid.uuid4().hex[:12]}"
        administrator = RedshiftWarehouse(Settings(), self.access, "tests")
        try:
            administrator.execute(f"create database {name}")
            yield replace(self.access, database=name)
        finally:
            administrator.execute(f"drop database {name}")
            administrator.close()

    def settings(self, settings: Settings) -> Settings:
        """The same settings with Redshift as the engine."""
        redshift = RedshiftSettings(iam_role=self.iam_role, staging_prefix=f"staging/{uuid.uuid4().hex[:12]}")
        return settings.model_copy(update={"warehouse": WarehouseSettings(engine="redshift", redshift=redshift)})


def empty_tables(access: RedshiftAccess) -> None:
    """Remove every row that Splitmile wrote."""
    session = RedshiftWarehouse(Settings(), access, "tests")
    try:
        for row in session.fetch("select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"):
            name = f"{row['table_schema']}.{row['table_name']}"
            if name in TABLES:
                session.execute(f"delete from {name}")
    finally:
        session.close()


def bucket_on_aws() -> str | None:
    """The bucket on AWS that a real cluster can read; none where the local S3 serves."""
    return os.environ.get("REDSHIFT_TEST_BUCKET")


def feeds_of_a_test() -> Feeds:
    """Feeds of one test: a bucket of its own on the local S3, or a prefix of its own in the bucket on AWS."""
    own = f"test-{uuid.uuid4().hex[:12]}"
    bucket = bucket_on_aws()
    return Feeds(bucket=bucket, prefix=f"{own}/feeds") if bucket else Feeds(bucket=own)


def real_target() -> RedshiftTarget | None:
    """The cluster that the environment names, if it names one."""
    if "REDSHIFT_TEST_HOST" not in os.environ:
        return None
    access = RedshiftAccess(
        host=os.environ["REDSHIFT_TEST_HOST"],
        port=int(os.environ.get("REDSHIFT_TEST_PORT", "5439")),
        database=os.environ.get("REDSHIFT_TEST_DATABASE", "dev"),
        user=os.environ.get("REDSHIFT_TEST_USER", "awsuser"),
        password=os.environ["REDSHIFT_TEST_PASSWORD"],
        store=StoreCredentials(region=os.environ.get("AWS_DEFAULT_REGION")),
    )
    return RedshiftTarget(access, os.environ.get("REDSHIFT_TEST_IAM_ROLE", "default"))


def standin_target(standin: RedshiftStandIn, store: StoreCredentials) -> RedshiftTarget:
    """The stand-in, whose own certificate is trusted by way of `SSL_CERT_FILE`."""
    access = RedshiftAccess(
        host=standin.host,
        port=standin.port,
        database=standin.database,
        user=standin.user,
        password=standin.password,
        sslmode="verify-full",
        store=store,
    )
    return RedshiftTarget(access, IAM_ROLE, standin)
