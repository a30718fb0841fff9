"""A table to copy into, a bucket to copy from, and nothing of the wire protocol between them."""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from redshift_standin.backend import BackendConnection
from redshift_standin.catalog import bootstrap_sql
from redshift_standin.copy import S3Access, run_copy
from redshift_standin.copy_options import parse_copy, parse_unload
from redshift_standin.postgres import Postgres
from redshift_standin.statements import BackendError
from redshift_standin.unload import run_unload
from splitmile.object_store import StoreCredentials

ROLE = "arn:aws:iam::123456789012:role/loader"
_USER, _PASSWORD, _DATABASE = "awsuser", "Local-only-1", "dev"


class Bench:
    """A session on PostgreSQL in a schema of its own, and a bucket of its own on S3."""

    def __init__(self, connect: Callable[[], BackendConnection], maintenance: BackendConnection, store: StoreCredentials) -> None:
        self.backend, self._connect, self._maintenance = connect(), connect, maintenance
        self._lock = threading.Lock()
        self.access = S3Access.of(store, iam_roles=(ROLE, "default"))
        self.bucket = f"bench-{uuid.uuid4().hex[:12]}"
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=store.endpoint_url,
            aws_access_key_id=store.access_key_id,
            aws_secret_access_key=store.secret_access_key,
            region_name=store.region,
        )
        self.s3.create_bucket(Bucket=self.bucket)
        self.schema = f"s_{uuid.uuid4().hex[:12]}"
        self.query(f"create schema {self.schema}")
        self.query(f"set search_path to {self.schema}")

    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        return self.backend.query(sql)

    def query_elsewhere(self, sql: str) -> list[tuple[str | None, ...]]:
        """In another session, outside of this one's transaction."""
        other = self._connect()
        try:
            other.query(f"set search_path to {self.schema}")
            return other.query(sql)
        finally:
            other.close()

    def put(self, key: str, body: bytes | str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)

    def put_parquet(self, key: str, table: pa.Table, compression: str = "snappy") -> int:
        """Write it; its size."""
        body = io.BytesIO()
        pq.write_table(table, body, compression=compression)
        self.put(key, body.getvalue())
        return len(body.getvalue())

    def put_manifest(self, *entries: dict[str, Any]) -> None:
        self.put("manifest", json.dumps({"entries": [entry | {"url": f"s3://{self.bucket}/{entry['url']}"} for entry in entries]}))

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str = "") -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", ())]

    def copy(self, into: str, key: str, options: str, on_progress: Callable[[], None] = lambda: None) -> int:
        """Run `copy <into> from s3://…/<key> <options>`, by the bench's role unless the options say otherwise."""
        authorization = "" if "credentials" in options or "iam_role" in options or "access_key" in options else f"iam_role '{ROLE}'"
        command = parse_copy(f"copy {into} from 's3://{self.bucket}/{key}' {authorization} {options};")
        return run_copy(self.backend, command, self.access, self._log, on_progress)

    def copy_fault(self, into: str, key: str, options: str, on_progress: Callable[[], None] = lambda: None) -> dict[str, str]:
        """The error of a COPY that must fail; whatever the fault, the transaction has failed and nothing was loaded."""
        is_open = self.backend.status == "T"
        with pytest.raises(BackendError) as caught:
            self.copy(into, key, options, on_progress)
        assert self.backend.status == ("E" if is_open else "I")
        return caught.value.fields

    def unload(self, query: str, prefix: str, options: str) -> int:
        command = parse_unload(f"unload ($${query}$$) to 's3://{self.bucket}/{prefix}' iam_role default {options}")
        return run_unload(self.backend, command, self.access)

    def close(self) -> None:
        self.backend.close()

    def _log(self, sql: str, parameters: Sequence[str | None]) -> None:
        with self._lock:
            self._maintenance.query(sql, parameters)


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], BackendConnection]]:
    """Opens sessions on a PostgreSQL that has the stand-in's system tables."""
    log: Path = tmp_path_factory.mktemp("copying") / "postgres.log"
    with Postgres(_USER, _PASSWORD, log) as postgres:

        def opened(database: str = _DATABASE) -> BackendConnection:
            connection = BackendConnection(postgres.socket_file)
            connection.log_in({"user": _USER, "database": database}, _PASSWORD)
            return connection

        for database, script in (("postgres", f"create database {_DATABASE}"), (_DATABASE, bootstrap_sql())):
            connection = opened(database)
            connection.run_script(script)
            connection.close()
        yield opened


@pytest.fixture
def bench(connect: Callable[[], BackendConnection], s3: StoreCredentials) -> Iterator[Bench]:
    """One test's own session, schema and bucket."""
    maintenance = connect()
    opened = Bench(connect, maintenance, s3)
    yield opened
    opened.close()
    maintenance.close()
