"""Who may come in, and how: certificates, passwords, users whom SQL made."""

from __future__ import annotations

import uuid

import psycopg2
import pytest
import redshift_connector

from redshift_standin import RedshiftStandIn
from redshift_standin_tests.conftest import Connect


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
def test_the_driver_verifies_the_certificate(by_driver: Connect, sslmode: str) -> None:
    cursor = by_driver(sslmode=sslmode).cursor()
    cursor.execute("select current_user, current_database()")
    assert cursor.fetchone() == ["awsuser", "dev"]


def test_a_client_that_does_not_trust_the_authority_goes_away(by_driver: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(redshift_connector.InterfaceError, match="CERTIFICATE_VERIFY_FAILED"):
        by_driver()


def test_the_driver_takes_it_for_redshift(by_driver: Connect, by_libpq: Connect) -> None:
    told = dict(by_driver().parameter_statuses)
    assert told[b"server_version"] == b"8.0.2"
    assert told[b"server_protocol_version"] == b"0"
    assert by_libpq().server_version == 80002


def test_a_wrong_password_is_refused_as_redshift_words_it(standin: RedshiftStandIn, by_driver: Connect, by_libpq: Connect) -> None:
    with pytest.raises(redshift_connector.InterfaceError) as refused:  # the driver makes this one of SQLSTATE 28000 only
        by_driver(password="guessed")  # noqa: S106
    assert refused.value.args[0]["M"] == 'password authentication failed for user "awsuser"'
    with pytest.raises(psycopg2.OperationalError, match='password authentication failed for user "awsuser"'):
        by_libpq(password="guessed")  # noqa: S106
    with pytest.raises(redshift_connector.InterfaceError):
        by_driver(user="nobody_of_that_name")


def test_a_connection_without_tls_is_refused(by_libpq: Connect) -> None:
    with pytest.raises(psycopg2.OperationalError, match="SSL off"):
        by_libpq(sslmode="disable")


def test_users_whom_sql_made_log_in_and_are_held_to_their_grants(by_driver: Connect, by_libpq: Connect, schema: str) -> None:
    user, role = f"u_{uuid.uuid4().hex[:8]}", f"r_{uuid.uuid4().hex[:8]}"
    admin = by_libpq()
    admin.autocommit = True
    cursor = admin.cursor()
    for statement in (
        f"create user {user} password 'Known2few'",
        f"create role {role}",
        f"grant role {role} to {user}",
        f"create table {schema}.seen (n bigint)",
        f"create table {schema}.hidden (n bigint)",
        f"grant usage on schema {schema} to role {role}",
        f"grant select on {schema}.seen to role {role}",
    ):
        cursor.execute(statement)
    connection = by_driver(user=user, password="Known2few")  # noqa: S106
    theirs = connection.cursor()
    theirs.execute(f"select * from {schema}.seen")
    with pytest.raises(redshift_connector.ProgrammingError, match="permission denied"):
        theirs.execute(f"select * from {schema}.hidden")
    connection.rollback()
    with pytest.raises(redshift_connector.ProgrammingError, match="permission denied"):
        theirs.execute(f"insert into {schema}.seen values (1)")
    with pytest.raises(redshift_connector.InterfaceError, match="password authentication failed"):
        by_driver(user=user, password="Known2all")  # noqa: S106


def test_a_database_that_a_client_made_has_redshifts_functions(by_libpq: Connect) -> None:
    name = f"db_{uuid.uuid4().hex[:8]}"
    admin = by_libpq()
    admin.autocommit = True
    admin.cursor().execute(f"create database {name}")
    inside = by_libpq(dbname=name)
    cursor = inside.cursor()
    cursor.execute("select current_database(), dateadd(day, 1, '2026-03-01'::date)::date::varchar, pg_last_copy_count()")
    assert cursor.fetchone() == (name, "2026-03-02", 0)
    inside.close()
    admin.cursor().execute(f"drop database {name}")
