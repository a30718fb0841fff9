"""Tables, views, roles and what Redshift's system views say of them."""

from collections.abc import Iterator

import psycopg2
import pytest

from redshift_standin_tests.shimmed_database import ShimmedDatabase
from splitmile.warehouse import tables


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShimmedDatabase]:
    with ShimmedDatabase.started(tmp_path_factory.mktemp("catalog")) as database:
        yield database


@pytest.fixture
def database(running: ShimmedDatabase) -> Iterator[ShimmedDatabase]:
    running.rows("create schema marts")
    yield running
    running.rows("drop schema marts cascade")


def test_splitmiles_own_tables_are_made(database: ShimmedDatabase) -> None:
    for schema in tables.SCHEMAS:
        database.rows(f"create schema {schema}")
    for name, columns in tables.TABLES.items():
        database.rows(f"create table {name} ({columns})")
    for name, query in tables.VIEWS.items():
        database.rows(f"create or replace view {name} as {query}")
    for schema in tables.SCHEMAS:
        database.rows(f"drop schema {schema} cascade")


def test_dist_and_sort_keys_are_shown_and_keep_with_a_renamed_table(database: ShimmedDatabase) -> None:
    database.rows("create table marts.days__tmp diststyle key distkey (unit) sortkey (day, unit) as (select 'u' as unit, 1 as day)")
    database.rows("alter table marts.days__tmp rename to days")
    shown = 'select "schema", "table", diststyle, sortkey1, sortkey_num, tbl_rows from svv_table_info'
    assert database.rows(shown) == [("marts", "days", "KEY(unit)", "day", 2, 1)]
    assert database.rows("select column_name, distkey, sortkey from svv_redshift_columns where table_name = 'days' order by 1") == [
        ("day", False, 1),
        ("unit", True, 2),
    ]
    database.rows("delete from marts.days")
    assert database.rows(shown) == []  # empty tables are not listed


def test_a_table_like_another_has_its_keys_but_not_its_declared_ones(database: ShimmedDatabase) -> None:
    database.rows("create table marts.units (id integer not null distkey default 7, primary key (id))")
    database.rows("create table #staged (like marts.units including defaults)")
    database.rows("insert into #staged values (default)")
    assert database.rows("delete from marts.units using #staged where marts.units.id = #staged.id; select id from #staged") == [(7,)]
    assert database.rows("select attname from pg_attribute where attrelid = '\"#staged\"'::regclass and attisdistkey") == [("id",)]
    assert _primary_key(database, "units") == ["id"]
    assert _primary_key(database, "#staged") == []


def test_keys_are_declared_and_not_enforced(database: ShimmedDatabase) -> None:
    database.rows("create table marts.keyed (a integer, b varchar unique, c integer references marts.keyed (a), primary key (a, b))")
    database.rows("insert into marts.keyed values (1, 'x', 9), (1, 'x', 9)")
    assert _primary_key(database, "keyed") == ["a", "b"]
    with pytest.raises(psycopg2.IntegrityError, match="null value"):
        database.rows("insert into marts.keyed values (null, 'x', 9)")


def _primary_key(database: ShimmedDatabase, table: str) -> list[str]:
    """As Airflow's RedshiftSQLHook asks for it."""
    rows = database.rows(
        f"""select kcu.column_name from information_schema.table_constraints tco
        join information_schema.key_column_usage kcu on kcu.constraint_name = tco.constraint_name
            and kcu.constraint_schema = tco.constraint_schema and kcu.constraint_name = tco.constraint_name
        where tco.constraint_type = 'PRIMARY KEY' and kcu.table_name = '{table}'"""
    )
    return [name for (name,) in rows]


def test_computed_texts_are_varchar(database: ShimmedDatabase) -> None:
    database.rows("create table marts.texts as select 'courier' as unit_type, upper('a') as letter")
    assert database.rows("select distinct data_type from svv_all_columns where table_name = 'texts'") == [("character varying",)]


def test_identity_columns_count(database: ShimmedDatabase) -> None:
    database.rows(
        "create table marts.counted (id bigint identity(10, 5), name varchar(8)); insert into marts.counted (name) values ('a'), ('b')"
    )
    assert database.rows("select id from marts.counted order by 1") == [(10,), (15,)]


def test_merge(database: ShimmedDatabase) -> None:
    database.rows("create table marts.target (id integer, name varchar(8)); insert into marts.target values (1, 'old')")
    database.rows(
        """merge into "dev"."marts"."target" using (select 1 as id, 'new' as name union all select 2, 'more') as s
        on (s.id = "dev"."marts"."target".id) when matched then update set name = s.name
        when not matched then insert ("id", "name") values (s.id, s.name)"""
    )
    assert database.rows("select * from marts.target order by 1") == [(1, "new"), (2, "more")]


def test_a_late_binding_view_outlives_its_table(database: ShimmedDatabase) -> None:
    database.rows("create table marts.below (id integer, name varchar(8)); insert into marts.below values (1, 'x')")
    database.rows("create view marts.late as (select name, id from marts.below where name <> 'a\\\\b') with no schema binding")
    database.rows("alter table marts.below rename to below__backup")
    with pytest.raises(psycopg2.Error, match="does not exist"):
        database.rows("select * from marts.late")
    database.rows("create table marts.below as (select 2 as id, 'y'::varchar(8) as name, 3 as added)")
    database.rows("drop table marts.below__backup cascade")
    assert database.rows("select * from marts.late") == [("y", 2)]


def test_a_bound_view_goes_with_its_table(database: ShimmedDatabase) -> None:
    database.rows("create table marts.below (id integer); create view marts.bound as select id from marts.below")
    with pytest.raises(psycopg2.Error, match="depend on it"):
        database.rows("drop table marts.below")
    database.rows("drop table marts.below cascade")
    assert database.rows("select table_name from svv_all_tables") == []


def test_columns_of_late_binding_views_are_shown_where_redshift_shows_them(database: ShimmedDatabase) -> None:
    database.rows("create view marts.late as select 1 as id, 'x'::varchar(8) as name with no schema binding")
    asked = "select * from pg_get_late_binding_view_cols() cols(s name, v name, c name, t varchar, n int) order by n"
    assert database.rows(asked) == [("marts", "late", "id", "integer", 1), ("marts", "late", "name", "character varying(8)", 2)]
    assert database.rows("select column_name from information_schema.columns where table_name = 'late'") == []
    assert database.rows("select attname from pg_attribute where attrelid = 'marts.late'::regclass") == []


def test_a_replaced_late_binding_view_keeps_its_grants_and_reads_as_its_owner(database: ShimmedDatabase) -> None:
    database.rows("create table marts.below (id integer); insert into marts.below values (1); create user ana password 'Abcdefg1'")
    database.rows("create view marts.late as select id from marts.below with no schema binding")
    database.rows("grant usage on schema marts to ana; grant select on marts.late to ana")
    database.rows("create or replace view marts.late as select id, id + 1 as next from marts.below with no schema binding")
    with database.user("ana"):
        assert database.rows("select * from marts.late") == [(1, 2)]
        with pytest.raises(psycopg2.Error, match="permission denied"):
            database.rows("select * from marts.below")
    database.rows("revoke all on marts.late from ana; revoke all on schema marts from ana; drop user ana")


def test_users_groups_and_roles(database: ShimmedDatabase) -> None:
    database.rows("create table marts.t (a integer); create group analysts; create role loader; create user bea password 'Abcdefg1'")
    database.rows("grant usage on schema marts to group analysts; alter group analysts add user bea; grant role loader to bea")
    database.rows("grant select on marts.t to group analysts; grant insert on marts.t to role loader; grant delete on marts.t to bea")
    asked = "select identity_name, identity_type, privilege_type from svv_relation_privileges where identity_name <> 'awsuser' order by 1"
    assert database.rows(asked) == [("analysts", "group", "SELECT"), ("bea", "user", "DELETE"), ("loader", "role", "INSERT")]
    shown = database.rows('show grants on table "dev"."marts"."t"')
    assert ("/analysts", "role") in [row[6:8] for row in shown]  # SHOW GRANTS calls a group so
    with database.user("bea"):
        assert database.rows("insert into marts.t values (1); select * from marts.t") == [(1,)]
    database.rows("revoke all on marts.t from bea; revoke all on marts.t from role loader; drop table marts.t")
    database.rows("revoke usage on schema marts from group analysts; drop user bea; drop role loader; drop group analysts")


def test_default_privileges(database: ShimmedDatabase) -> None:
    database.rows("create role reader; alter default privileges in schema marts grant select on tables to role reader")
    database.rows("create table marts.t (a integer)")
    assert database.rows("select identity_name from svv_relation_privileges where identity_name = 'reader'") == [("reader",)]
    database.rows("alter default privileges in schema marts revoke select on tables from role reader; drop table marts.t; drop role reader")


def test_show_of_the_catalog(database: ShimmedDatabase) -> None:
    database.rows("create table marts.t (a varchar(8), b decimal(10, 2)); create view marts.v as select 1 as c with no schema binding")
    named = database.rows('SHOW TABLES FROM SCHEMA "dev"."marts"')
    assert [(row[1], row[2], row[3], row[10]) for row in named] == [
        ("marts", "t", "TABLE", "REGULAR TABLE"),
        ("marts", "v", "VIEW", "LATE BINDING VIEW"),
    ]
    columns = database.rows('SHOW COLUMNS FROM TABLE "dev"."marts"."t"')
    assert [(row[3], row[7], *row[8:11]) for row in columns] == [("a", "character varying", 8, None, None), ("b", "numeric", None, 10, 2)]
    assert [row[1] for row in database.rows("SHOW SCHEMAS FROM DATABASE \"dev\" LIKE 'marts'")] == ["marts"]


def test_parameters_of_redshift(database: ShimmedDatabase) -> None:
    assert database.rows("show query_group") == [("",)]
    assert database.rows("set query_group to 'splitmile:load'; show query_group") == [("splitmile:load",)]
    assert database.rows("reset query_group; show query_group") == [("",)]
    assert database.rows("set enable_result_cache_for_session to off; show enable_result_cache_for_session") == [("off",)]


def test_no_load_yet(database: ShimmedDatabase) -> None:
    assert database.rows("select pg_last_copy_id(), pg_last_copy_count()") == [(-1, 0)]
    for view in ("sys_load_history", "sys_load_error_detail", "stl_load_errors"):
        assert database.rows(f"select * from {view}") == []


def test_a_truncate_ends_the_transaction(database: ShimmedDatabase) -> None:
    database.rows("create table marts.t (a integer); insert into marts.t values (1)")
    assert database.rows("begin; truncate table marts.t; rollback; select * from marts.t") == []


def test_vacuum_analyze_and_explain(database: ShimmedDatabase) -> None:
    database.rows("create table marts.t (a integer); vacuum delete only marts.t; analyze verbose marts.t")
    assert database.rows("explain select nvl(a, 1) from marts.t")
