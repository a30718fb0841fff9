"""Statements of the real clients: values both ways, transactions, errors, refusals."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
import redshift_connector
import sqlalchemy as sa

from redshift_standin import RedshiftStandIn
from redshift_standin_tests.conftest import Connect

VALUES: dict[str, tuple[str, Any]] = {
    "bigint": ("bigint", -(2**63) + 1),
    "smallint": ("smallint", 7),
    "boolean": ("boolean", True),
    "date": ("date", date(2026, 2, 28)),
    "timestamp": ("timestamp", datetime(2026, 2, 28, 23, 59, 59, 123456)),  # noqa: DTZ001 (a timestamp without time zone)
    "timestamptz": ("timestamptz", datetime(2026, 2, 28, 23, 59, 59, 123456, timezone(timedelta(hours=9)))),
    "numeric": ("numeric(38,0)", Decimal("9" * 38)),
    "fraction": ("numeric(18,4)", Decimal("-12.3400")),
    "double": ("double precision", 0.1 + 0.2),
    "text": ("varchar(400)", "배달 'quoted' \"twice\" back\\slash %s ? $1 ; -- no comment\nline"),
}

_DIGITS = " union all ".join(f"select {digit} as digit" for digit in range(10))
_ENDLESS = f"select count(*) from {' cross join '.join(f'({_DIGITS}) as d{number}' for number in range(12))}"


@pytest.mark.parametrize("value", ["given", None])
def test_values_go_in_and_come_out_of_the_driver(by_driver: Connect, schema: str, value: str | None) -> None:
    connection = by_driver()
    cursor = connection.cursor()
    cursor.paramstyle = "qmark"
    cursor.execute(f"create table {schema}.v ({', '.join(f'c_{name} {kind}' for name, (kind, _) in VALUES.items())})")
    given = [one if value else None for _, one in VALUES.values()]
    cursor.execute(f"insert into {schema}.v values ({', '.join('?' * len(given))})", given)
    assert cursor.rowcount == 1
    cursor.execute(f"select * from {schema}.v")
    (row,) = cursor.fetchall()
    assert row == given
    assert [type(one) for one in row] == [type(one) for one in given]


def test_values_go_in_and_come_out_of_libpq(by_libpq: Connect, schema: str) -> None:
    given = {name: one for name, (_, one) in VALUES.items() if name != "double"}
    cursor = by_libpq().cursor()
    cursor.execute(f"create table {schema}.v ({', '.join(f'c_{name} {VALUES[name][0]}' for name in given)})")
    cursor.execute(f"insert into {schema}.v values ({', '.join(['%s'] * len(given))})", list(given.values()))
    cursor.execute(f"select * from {schema}.v")
    assert cursor.fetchall() == [tuple(given.values())]


def test_a_double_as_text_has_fifteen_digits_as_on_redshift(by_libpq: Connect) -> None:
    cursor = by_libpq().cursor()
    cursor.execute("select (0.1::float8 + 0.2::float8)")
    assert cursor.fetchone() == (0.3,)


def test_sqlalchemy_with_its_redshift_dialect(standin: RedshiftStandIn, schema: str) -> None:
    url = sa.URL.create("redshift+psycopg2", standin.user, standin.password, standin.host, standin.port, standin.database)
    engine = sa.create_engine(url, connect_args={"sslmode": "verify-full", "sslrootcert": str(standin.ca_file)})
    table = sa.Table("t", sa.MetaData(schema=schema), sa.Column("id", sa.BigInteger), sa.Column("name", sa.String(20)))
    try:
        with engine.begin() as connection:
            table.create(connection)
            connection.execute(table.insert(), [{"id": 1, "name": "a\\'"}, {"id": 2, "name": None}])
        with engine.connect() as connection:
            rows = connection.execute(sa.select(table).where(table.c.id > 0).order_by(table.c.id)).all()
            assert [tuple(row) for row in rows] == [(1, "a\\'"), (2, None)]
    finally:
        engine.dispose()


def test_an_error_fails_the_transaction_until_it_is_rolled_back(connect: Connect, schema: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    connection.commit()
    cursor.execute(f"insert into {schema}.t values (1)")
    with pytest.raises(Exception, match="does not exist"):
        cursor.execute(f"select * from {schema}.none")
    with pytest.raises(Exception, match="current transaction is aborted"):
        cursor.execute("select 1")
    connection.rollback()
    cursor.execute(f"select count(*) from {schema}.t")
    assert tuple(cursor.fetchone()) == (0,)


def test_a_refused_statement_fails_the_transaction_as_any_error_does(standin: RedshiftStandIn, connect: Connect, schema: str) -> None:
    statement = f"create index i_{uuid.uuid4().hex} on {schema}.t (n)"
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    with pytest.raises(Exception, match="CREATE INDEX is not supported"):
        cursor.execute(statement)
    assert [refused.message for refused in standin.refused if refused.sql == statement]
    for again in ("select 1", statement):
        with pytest.raises(Exception, match="current transaction is aborted"):
            cursor.execute(again)
    connection.rollback()
    with pytest.raises(Exception, match="does not exist"):
        cursor.execute(f"select * from {schema}.t")


@pytest.mark.parametrize("expression", ["interval '1 day'", "'10:00'::timetz"])
def test_a_type_that_a_driver_would_read_wrongly_is_refused(connect: Connect, expression: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("select 1")
    for _ in range(2):  # the driver prepares it anew each time, under the name that it took before
        with pytest.raises(Exception, match=r"no result of Redshift has|not supported"):
            cursor.execute(f"select {expression} as odd")
        with pytest.raises(Exception, match="current transaction is aborted"):
            cursor.execute("select 1")
        connection.rollback()


def test_copy_between_client_and_server_is_refused(by_libpq: Connect, schema: str) -> None:
    cursor = by_libpq().cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    with pytest.raises(psycopg2.Error):
        cursor.execute(f"copy {schema}.t from stdin")


def test_autocommit_is_seen_by_others_at_once_and_a_transaction_is_not(connect: Connect, schema: str) -> None:
    ours, theirs = connect(), connect()
    ours.autocommit = theirs.autocommit = True
    writer, reader = ours.cursor(), theirs.cursor()

    def seen() -> int:
        reader.execute(f"select count(*) from {schema}.t")
        return int(reader.fetchone()[0])

    writer.execute(f"create table {schema}.t (n bigint)")
    writer.execute(f"insert into {schema}.t values (1)")
    assert seen() == 1
    ours.autocommit = False
    writer.execute(f"insert into {schema}.t values (2)")
    assert seen() == 1
    ours.commit()
    assert seen() == 2


def test_a_statement_ends_at_its_timeout(connect: Connect) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("set statement_timeout to 50")
    with pytest.raises(Exception, match="cancel"):
        cursor.execute(_ENDLESS)
    connection.rollback()
    cursor.execute("select 1")
    assert tuple(cursor.fetchone()) == (1,)


def test_a_client_cancels_its_statement(standin: RedshiftStandIn) -> None:
    """In a process of its own: libpq holds up the whole interpreter while it waits for the answer to its request."""
    parameters = {"host": standin.host, "port": standin.port, "dbname": standin.database, "user": standin.user}
    script = f"""
import psycopg2, threading
connection = psycopg2.connect(**{ {**parameters, "password": standin.password, "sslmode": "require"}!r})
cursor = connection.cursor()
def cancel():
    while not ended.wait(0.05):
        connection.cancel()
ended = threading.Event()
threading.Thread(target=cancel, daemon=True).start()
try:
    cursor.execute({_ENDLESS!r})
except psycopg2.errors.QueryCanceled as error:
    print("cancelled", error.pgcode)
ended.set()
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.stdout == "cancelled 57014\n", run.stderr


def test_several_statements_in_one_text(by_libpq: Connect, by_driver: Connect, schema: str) -> None:
    cursor = by_libpq().cursor()
    cursor.execute(f"create table {schema}.t (a varchar(9)); insert into {schema}.t values ('x;y') /* ; */; select a from {schema}.t -- ;")
    assert cursor.fetchall() == [("x;y",)]
    with pytest.raises(redshift_connector.ProgrammingError, match="multiple commands"):
        by_driver().cursor().execute("select 1; select 2")


def test_a_statement_that_becomes_several(connect: Connect, schema: str) -> None:
    """TRUNCATE commits, as on Redshift, so there are two statements in its place."""
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    cursor.execute(f"insert into {schema}.t values (1)")
    connection.commit()
    cursor.execute(f"truncate {schema}.t")
    connection.rollback()
    cursor.execute(f"select count(*) from {schema}.t")
    assert tuple(cursor.fetchone()) == (0,)


def test_the_next_commit_fails_once_when_a_test_asks_for_it(standin: RedshiftStandIn, connect: Connect, schema: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"create table {schema}.t (n bigint)")
    connection.commit()
    cursor.execute(f"insert into {schema}.t values (1)")
    standin.faults.fail_next_commit()
    with pytest.raises(Exception, match="Serializable isolation violation on table"):
        connection.commit()
    connection.rollback()
    cursor.execute(f"insert into {schema}.t values (2)")
    connection.commit()
    cursor.execute(f"select n from {schema}.t")
    assert [tuple(row) for row in cursor.fetchall()] == [(2,)]


def test_connections_at_once(by_driver: Connect, schema: str) -> None:
    connections = [by_driver() for _ in range(8)]
    found: list[int] = []

    def work(connection: Any, number: int) -> None:
        cursor = connection.cursor()
        cursor.execute("create temporary table mine (n bigint)")
        cursor.execute("insert into mine values (%s)", [number])
        cursor.execute("select n from mine")
        found.append(cursor.fetchone()[0])

    threads = [threading.Thread(target=work, args=(connection, number)) for number, connection in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


def test_time_is_utc(by_driver: Connect) -> None:
    cursor = by_driver().cursor()
    cursor.execute("select timestamptz '2026-03-01 00:00:00+09'")
    assert cursor.fetchone()[0] == datetime(2026, 2, 28, 15, tzinfo=UTC)


def test_statements_that_ended_are_in_the_system_views(by_driver: Connect, schema: str) -> None:
    connection = by_driver()
    connection.autocommit = True
    cursor = connection.cursor()
    group = f"group-{uuid.uuid4().hex}"
    cursor.execute(f"set query_group to '{group}'")
    cursor.execute(f"create table {schema}.kept (n int)")
    long = f"insert into {schema}.kept select 1 union all select 2 /* {'x' * 70000} */ /* the end */"
    cursor.execute(long)
    with pytest.raises(redshift_connector.ProgrammingError):
        cursor.execute(f"insert into {schema}.gone select 1")
    found = (
        "select t.sequence, t.text, d.output_rows from sys_query_text t join sys_query_history h on h.query_id = t.query_id "
        "left join sys_query_detail d on d.query_id = h.query_id where h.query_label = %s order by h.query_id, t.sequence"
    )
    cursor.execute(found, (group,))
    rows = [tuple(row) for row in cursor.fetchall()]
    texts = [text for _, text, _ in rows]
    assert [sequence for sequence, _, _ in rows] == [0, 0, *range(18)]
    assert "".join(texts[2:]).rstrip() == long
    assert [rows[0][2], rows[1][2], rows[2][2]] == [None, None, 2]
