"""deploy/redshift on the stand-in: what each role may do, by trying it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from deploy.compose import ROOT
from redshift_standin import RedshiftStandIn
from splitmile.warehouse.tables import SCHEMAS

FOLDER = ROOT / "deploy" / "redshift"
MODELS = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["models"]["splitmile"]
ALL_SCHEMAS = {*SCHEMAS, *(folder["+schema"] for folder in MODELS.values() if "+schema" in folder)}

READS = {
    "splitmile_loader": {"landing", "ops"},
    "splitmile_transformer": ALL_SCHEMAS,
    "splitmile_analyst": {"marts", "registry", "results"},
}
WRITES = {
    "splitmile_loader": {"landing", "ops"},
    "splitmile_transformer": ALL_SCHEMAS - {"landing"},
    "splitmile_analyst": set(),
}


def statements(file: str) -> list[str]:
    lines = (line.split("--")[0] for line in (FOLDER / file).read_text().splitlines())
    return [statement for part in "\n".join(lines).split(";") if (statement := part.strip())]


class Administrator:
    """A connection of the administrator, who can become somebody else."""

    def __init__(self, connection: Any) -> None:
        connection.autocommit = True
        self._cursor = connection.cursor()

    def run(self, file: str) -> None:
        for statement in statements(file):
            self._cursor.execute(statement)

    def execute(self, sql: str) -> None:
        self._cursor.execute(sql)

    def may(self, user: str, sql: str) -> bool:
        """Whether a user may run a statement; any error but that of a missing right is raised."""
        self._cursor.execute(f"set session authorization {user}")
        try:
            self._cursor.execute(sql)
        except psycopg2.errors.InsufficientPrivilege:
            return False
        finally:
            self._cursor.execute("set session authorization default")
        return True

    def make_a_table(self, schema: str, name: str) -> None:
        assert self.may("splitmile", f"create table {schema}.{name} (x bigint)")


@pytest.fixture(scope="module")
def administrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    with (
        RedshiftStandIn(tmp_path_factory.mktemp("redshift")) as redshift,
        closing(
            psycopg2.connect(
                host=redshift.host,
                port=redshift.port,
                dbname=redshift.database,
                user=redshift.user,
                password=redshift.password,
                sslmode="verify-ca",
                sslrootcert=str(redshift.ca_file),
            )
        ) as connection,
    ):
        made = Administrator(connection)
        made.run("roles.sql")
        made.run("setup.sql")
        for schema in ALL_SCHEMAS:
            made.make_a_table(schema, "made_after_the_first_run")
        made.run("setup.sql")
        for schema in ALL_SCHEMAS:
            made.make_a_table(schema, "made_after_the_second_run")
        for role in READS:
            made.execute(f"create user person_with_{role} password disable")
            made.execute(f"grant role {role} to person_with_{role}")
        yield made


def test_it_names_every_schema() -> None:
    made = {statement.split()[5] for statement in statements("setup.sql") if statement.startswith("create schema")}
    assert made == ALL_SCHEMAS


@pytest.mark.parametrize("role", READS)
def test_a_role_reads_and_writes_its_schemas_and_no_other(administrator: Administrator, role: str) -> None:
    person = f"person_with_{role}"
    tables = list(product(sorted(ALL_SCHEMAS), ("made_after_the_first_run", "made_after_the_second_run")))
    assert {schema for schema, table in tables if administrator.may(person, f"select count(*) from {schema}.{table}")} == READS[role]
    for right in ("insert into {} values (1)", "update {} set x = 2", "delete from {}"):
        changed = {schema for schema, table in tables if administrator.may(person, right.format(f"{schema}.{table}"))}
        assert changed == WRITES[role], right
    assert not any(administrator.may(person, f"create table {schema}.made_by_{role} (x bigint)") for schema in ALL_SCHEMAS)


def test_splitmile_needs_no_right_beyond_its_schemas(administrator: Administrator) -> None:
    assert not administrator.may("splitmile", "create schema another")
    assert administrator.may("splitmile", "create temporary table stage (x bigint)")
    assert administrator.may("splitmile", "grant usage on schema marts, registry, results to role splitmile_analyst")
    all_tables = "grant select on all tables in schema marts, registry, results to role splitmile_analyst"
    assert administrator.may("splitmile", all_tables)
    administrator.execute("create table marts.of_the_administrator (x bigint)")
    assert not administrator.may("splitmile", all_tables), "why no role may make tables in these schemas"
    administrator.execute("drop table marts.of_the_administrator")
    assert administrator.may("splitmile", "drop table marts.made_after_the_first_run")


def test_who_there_is_is_made_once(administrator: Administrator) -> None:
    with pytest.raises(psycopg2.Error, match="splitmile_loader"):
        administrator.run("roles.sql")


def test_the_files_are_where_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert all(f"`deploy/redshift/{path.name}`" in page for path in FOLDER.iterdir())
