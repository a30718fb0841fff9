"""COPY in the client's own transaction, and what is remembered of it when that is rolled back."""

from __future__ import annotations

import pytest

from redshift_standin_tests.copying.conftest import Bench

_HISTORY = (
    "select status, table_name, data_source, file_format, loaded_rows, source_file_count, source_file_bytes, file_count_scanned, "
    "error_count from sys_load_history where query_id = pg_last_copy_id()"
)


class ConnectionLost(Exception):
    """What the wire protocol's side raises in the middle of a COPY."""


@pytest.fixture
def numbered(bench: Bench) -> Bench:
    """A table t, and three objects of one row each."""
    bench.query("create table t (a integer)")
    for value in (1, 2, 3):
        bench.put(f"n/{value}", f"{value}\n")
    return bench


def test_nothing_was_copied_yet(bench: Bench) -> None:
    assert bench.query("select pg_last_copy_id(), pg_last_copy_count()") == [("-1", "0")]


def test_a_copy_is_seen_at_once_in_its_own_transaction(numbered: Bench) -> None:
    numbered.query("begin")
    numbered.query("select 1")
    assert numbered.copy("t", "n/", "csv") == 3
    assert numbered.query("select pg_last_copy_count()") == [("3",)]
    assert numbered.query(_HISTORY) == [("completed", "t", f"s3://{numbered.bucket}/n/", "csv", "3", "3", "6", "3", "0")]
    assert numbered.query_elsewhere("select count(*) from t") == [("0",)]
    numbered.query("commit")
    assert numbered.query_elsewhere("select count(*) from t") == [("3",)]
    assert len(numbered.query(_HISTORY)) == 1


def test_a_second_copy_in_the_same_transaction(numbered: Bench) -> None:
    numbered.query("begin")
    numbered.copy("t", "n/1", "csv")
    (first,) = numbered.query("select pg_last_copy_id()")
    numbered.copy("t", "n/", "csv")
    (second,) = numbered.query("select pg_last_copy_id()")
    numbered.query("commit")
    assert int(second[0] or 0) > int(first[0] or 0)
    assert numbered.query("select count(*), pg_last_copy_count() from t") == [("4", "3")]


def test_a_rollback_takes_the_rows_but_not_the_history(numbered: Bench) -> None:
    numbered.query("begin")
    numbered.copy("t", "n/", "csv")
    numbered.query("rollback")
    assert numbered.query("select count(*) from t") == [("0",)]
    assert numbered.query(_HISTORY)[0][0] == "completed"


def test_a_temporary_table_is_the_sessions_own(numbered: Bench) -> None:
    numbered.query('create temporary table "#staged" (a integer)')
    assert numbered.copy("#staged", "n/", "csv") == 3
    assert numbered.query('select count(*) from "#staged"') == [("3",)]


def test_a_failed_load_fails_the_transaction_and_is_remembered(numbered: Bench) -> None:
    numbered.put("n/4", "four\n")
    numbered.query("begin")
    numbered.query("insert into t values (0)")
    numbered.copy_fault("t", "n/", "csv")
    numbered.query("rollback")
    assert numbered.query("select count(*) from t") == [("0",)]
    assert numbered.query(_HISTORY) == [("aborted", "t", f"s3://{numbered.bucket}/n/", "csv", "0", "4", "11", "4", "1")]
    assert numbered.query("select pg_last_copy_count()") == [("0",)]
    where = "where query = pg_last_copy_id() and session = pg_backend_pid() and tbl = 't'::regclass::oid::integer"
    assert numbered.query(f"select trim(filename), line_number from stl_load_errors {where}") == [(f"s3://{numbered.bucket}/n/4", "1")]


@pytest.mark.parametrize("key", ["nowhere", "n/"])
def test_a_copy_that_never_began_is_not_the_last_one(numbered: Bench, key: str) -> None:
    numbered.copy("t", "n/", "csv")
    before = numbered.query("select pg_last_copy_id(), pg_last_copy_count()")
    numbered.copy_fault("t", key, "csv iam_role 'arn:aws:iam::1:role/unknown'" if key == "n/" else "csv")
    assert numbered.query("select pg_last_copy_id(), pg_last_copy_count()") == before


def test_the_history_is_each_sessions_own(numbered: Bench) -> None:
    numbered.copy("t", "n/", "csv")
    assert numbered.query_elsewhere("select pg_last_copy_id()") == [("-1",)]
    assert numbered.query_elsewhere("select count(*) from sys_load_history where table_name = 't'") != [("0",)]


@pytest.mark.parametrize("last", [1, 3])
def test_what_breaks_between_objects_aborts_the_load(numbered: Bench, last: int) -> None:
    sent = 0

    def lost() -> None:
        nonlocal sent
        sent += 1
        if sent == last:
            raise ConnectionLost

    numbered.query("begin")
    with pytest.raises(ConnectionLost):
        numbered.copy("t", "n/", "csv", on_progress=lost)
    assert numbered.backend.status == "E"
    numbered.query("rollback")
    assert numbered.query("select count(*) from t") == [("0",)]
    assert numbered.query(_HISTORY)[0][0] == "aborted"


def test_a_role_without_privileges_cannot_load(numbered: Bench) -> None:
    numbered.query("drop role if exists guest")
    numbered.query("create role guest")
    numbered.query(f"grant usage on schema {numbered.schema} to guest")
    numbered.query("set role guest")
    assert numbered.copy_fault("t", "n/", "csv")["C"] == "42501"
    numbered.query("reset role")
    numbered.query("grant insert on t to guest")
    numbered.query("set role guest")
    assert numbered.copy("t", "n/", "csv") == 3
    assert numbered.query("select pg_last_copy_count()") == [("3",)]
