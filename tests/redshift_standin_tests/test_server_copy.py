"""COPY and UNLOAD as a client sees them: in its own transaction, with Redshift's answers."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
import pytest

from redshift_standin import RedshiftStandIn
from redshift_standin_tests.conftest import Connect
from splitmile.object_store import StoreCredentials

ROLE = "arn:aws:iam::123456789012:role/loader"


@pytest.fixture
def bucket(s3: StoreCredentials) -> str:
    """A bucket of this test alone, with two objects of three rows below `rows/`, and one below `bad/` that has a word among its numbers."""
    name = f"server-{uuid.uuid4().hex[:12]}"
    client = _client(s3)
    client.create_bucket(Bucket=name)
    for key, body in (("rows/1.csv", "1\n2\n"), ("rows/2.csv", "3\n"), ("bad/1.csv", "1\nword\n")):
        client.put_object(Bucket=name, Key=key, Body=body.encode())
    return name


def _client(s3: StoreCredentials) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=s3.secret_access_key,
        region_name=s3.region,
    )


def _copy(table: str, bucket: str, prefix: str = "rows/") -> str:
    return f"copy {table} from 's3://{bucket}/{prefix}' iam_role '{ROLE}' format as csv"


def _rows(cursor: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return [tuple(row) for row in cursor.fetchall()]


def test_copy_is_part_of_the_clients_transaction(connect: Connect, schema: str, bucket: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    connection.commit()
    cursor.execute(_copy(f"{schema}.t", bucket))
    assert _rows(cursor, f"select sum(n), pg_last_copy_count() from {schema}.t") == [(6, 3)]
    connection.rollback()
    assert _rows(cursor, f"select count(*) from {schema}.t") == [(0,)]


def test_copy_outside_of_a_transaction_is_one_of_its_own(connect: Connect, schema: str, bucket: str) -> None:
    connection, other = connect(), connect()
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("create temporary table mine (n bigint)")
    cursor.execute(_copy("mine", bucket))
    assert _rows(cursor, "select count(*) from mine") == [(3,)]
    cursor.execute(f"create table {schema}.t (n bigint)")
    cursor.execute(_copy(f"{schema}.t", bucket))
    assert _rows(other.cursor(), f"select count(*) from {schema}.t") == [(3,)]
    with pytest.raises(Exception, match="stl_load_errors"):
        cursor.execute(_copy(f"{schema}.t", bucket, "bad/"))
    assert _rows(cursor, f"select count(*) from {schema}.t") == [(3,)]


def test_a_copy_that_fails_fails_the_transaction_and_its_errors_outlive_it(connect: Connect, schema: str, bucket: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    with pytest.raises(Exception, match="stl_load_errors"):
        cursor.execute(_copy(f"{schema}.t", bucket, "bad/"))
    with pytest.raises(Exception, match="current transaction is aborted"):
        cursor.execute("select 1")
    connection.rollback()
    found = _rows(cursor, f"select line_number, trim(raw_field_value) from stl_load_errors where filename like 's3://{bucket}/%%'")
    assert found == [(2, "word")]


def test_what_libpq_hears_of_a_copy(by_libpq: Connect, schema: str, bucket: str) -> None:
    connection = by_libpq()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    cursor.execute(_copy(f"{schema}.t", bucket))
    assert (cursor.statusmessage, cursor.rowcount) == ("COPY", -1)  # without a count, as PostgreSQL 8.0 had it
    assert connection.notices[-1].startswith("INFO:  Load into table")
    assert "3 record(s) loaded successfully" in connection.notices[-1]


def test_copy_among_other_statements_of_one_text(by_libpq: Connect, schema: str, bucket: str) -> None:
    connection = by_libpq()
    connection.autocommit = True
    cursor = connection.cursor()
    load = f"create table {schema}.t (n bigint); {_copy(f'{schema}.t', bucket)}"
    cursor.execute(f"{load}; select sum(n) from {schema}.t")
    assert cursor.fetchone() == (6,)
    cursor.execute(f"drop table {schema}.t")
    with pytest.raises(Exception, match="does not exist"):  # all of it or nothing
        cursor.execute(f"{load}; select * from {schema}.none")
    assert _rows(cursor, f"select count(*) from pg_tables where schemaname = '{schema}'") == [(0,)]
    cursor.execute(f"begin; {load}; rollback")
    cursor.execute(f"begin; {load}; commit")
    assert _rows(cursor, f"select count(*) from {schema}.t") == [(3,)]


def test_a_test_drops_the_connection_in_the_middle_of_a_copy(standin: RedshiftStandIn, connect: Connect, schema: str, bucket: str) -> None:
    lost, other = connect(), connect()
    lost.autocommit = other.autocommit = True
    cursor, others = lost.cursor(), other.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    standin.faults.drop_connection_in_next_copy()
    with pytest.raises(Exception, match=r"server closed|SSL|BrokenPipe|EOF|reset"):
        cursor.execute(_copy(f"{schema}.t", bucket))
    assert _rows(others, f"select count(*) from {schema}.t") == [(0,)]
    others.execute(_copy(f"{schema}.t", bucket))
    assert _rows(others, f"select count(*) from {schema}.t") == [(3,)]


def test_unload_writes_what_the_transaction_sees(connect: Connect, s3: StoreCredentials, bucket: str) -> None:
    cursor = connect().cursor()
    cursor.execute("create temporary table mine (n bigint)")
    cursor.execute("insert into mine values (7)")
    cursor.execute(f"unload ('select n from mine') to 's3://{bucket}/out/' iam_role '{ROLE}' format as csv parallel off")
    (entry,) = _client(s3).list_objects_v2(Bucket=bucket, Prefix="out/")["Contents"]
    assert _client(s3).get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() == b"7\n"
