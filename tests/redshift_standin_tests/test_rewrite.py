"""Statements as PostgreSQL gets them: what needs no change stays byte for byte, and the rest changes where it must."""

import pytest

from redshift_standin.rewrite import rewrite
from redshift_standin.statements import CopyCommand, Refused, Statement, UnloadCommand
from splitmile.warehouse import tables


def rewritten(sql: str) -> str:
    (statement,) = rewrite(sql)
    return statement.sql


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "begin transaction",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "commit",
        "ROLLBACK",
        "  select  1 -- a comment; with a semicolon\n",
        "/* {\"app\": \"dbt\"} */ select 'it''s; $1' as \"text\" from t where a ~ 'x' and b = $1 and c in ($2,$3)",
        "insert into s.t (a, b) values ($1, $2), ($3, $4)",
        "update t set a = s.a from s where s.b = t.b",
        "set statement_timeout to 60000",
        "SET CLIENT_ENCODING TO 'UTF8'",
        "show transaction isolation level",
        "drop table if exists \"dev\".\"marts\".\"t__dbt_backup\" cascade",
        "alter table s.t rename to u",
        "comment on column s.t.a is 'words'",
        "lock table s.t",
        "select t.typname from pg_catalog.pg_type t join pg_namespace n on n.oid = t.typnamespace",
    ],
)  # fmt: skip
def test_what_both_engines_read_alike_is_kept(sql: str) -> None:
    assert rewrite(sql) == [Statement(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('select "Total" from "Marts"."T"', 'select "total" from "marts"."t"'),
        ("select a from #staged where #staged.b = 1", 'select a from "#staged" where "#staged".b = 1'),
        ("select SYSDATE, getdate()", "select redshift_standin.sysdate(), getdate()"),
        ("select Sum(a), pg_catalog.avg(b) from t", "select redshift_standin.sum(a), redshift_standin.avg(b) from t"),
        ("select dateadd(day, -1, max(d)) from t", "select redshift_standin.dateadd('day', -1, max(d)) from t"),
        ("select a::varchar, cast(b as text), c::decimal(10, 2)", "select a::varchar(256), cast(b as varchar(256)), c::decimal(10, 2)"),
        ("select nvl(a, dateadd(d, 1, b))", "select coalesce(a, redshift_standin.dateadd('day', 1, b))"),
        ("select approximate count(distinct a) from t", "select  count(distinct a) from t"),
        ("explain select nvl(a, b) from t", "explain select coalesce(a, b) from t"),
        ("select text, date from t as varchar", "select text, date from t as varchar"),
        ("select column_name from information_schema.columns", "select column_name from redshift_standin.columns"),
        ("grant select on all tables in schema s to role r, group g, u", "grant select on all tables in schema s to  r, group g, u"),
        ("alter default privileges in schema s grant select on tables to role r",
         "alter default privileges in schema s grant select on tables to  r"),
        ("select n.nspname as \"schema\", c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where 1 and schema = 's'",
         "select n.nspname as \"schema\", c.relname from redshift_standin.pg_class c join pg_namespace n on n.oid = c.relnamespace "
         "where true and n.nspname = 's'"),
        ("create user u password disable", "create user u password null"),
        ("analyze s.t predicate columns", "analyze s.t"),
        ("vacuum full s.t to 99 percent", "vacuum s.t"),
        ("set query_group to 'splitmile:load'", "set redshift_standin.query_group to 'splitmile:load'"),
        ("alter table t alter column a type varchar(max)", "alter table t alter column a type varchar(65535)"),
    ],
)  # fmt: skip
def test_what_is_changed(sql: str, expected: str) -> None:
    assert rewritten(sql) == expected


def test_attributes_of_a_table_are_taken_out_and_kept_in_a_comment() -> None:
    kept, _, rest = rewritten(
        "create table if not exists s.t (a bigint identity(1, 1), b varchar not null encode zstd distkey, c date, primary key (b, c)) "
        "backup no compound sortkey (c, b)"
    ).partition(" */ ")
    assert " ".join(rest.split()) == (
        "create table if not exists s.t (a bigint generated always as identity (start with 1 increment by 1), "
        "b varchar(256) not null , c date not null)"
    )
    attributes = bytes.fromhex(kept.removeprefix("/* redshift_standin ")).decode()
    assert '"distkey": "b"' in attributes
    assert '"sortkey": ["c", "b"]' in attributes


def test_several_statements_come_in_their_order() -> None:
    assert [statement.sql.strip() for statement in rewrite("begin; select ';' ; -- nothing\n; commit;")] == [
        "begin",
        "select ';'",
        "commit",
    ]
    assert rewrite(" ; -- nothing") == []


def test_truncate_commits() -> None:
    assert [statement.sql.split() for statement in rewrite("truncate table s.t")] == [["truncate", "s.t"], ["commit"]]


def test_copy_and_unload_are_commands() -> None:
    (copied,) = rewrite("copy s.t from 's3://lake/manifest' iam_role default format as parquet manifest")
    assert isinstance(copied.command, CopyCommand)
    (unloaded,) = rewrite("unload ('select nvl(a, 1) from s.t') to 's3://lake/out' iam_role default format parquet")
    assert isinstance(unloaded.command, UnloadCommand)
    assert unloaded.command.query == "select coalesce(a, 1) from s.t"
    with pytest.raises(Refused, match="FILTER"):
        rewrite("unload ('select count(*) filter (where a) from s.t') to 's3://lake/out' iam_role default format parquet")


def test_every_table_of_splitmile_is_read() -> None:
    for name, columns in tables.TABLES.items():
        assert rewritten(f"create table if not exists {name} ({columns})").startswith(f"create table if not exists {name}")
    for name, query in tables.VIEWS.items():
        assert rewritten(f"create or replace view {name} as {query}").startswith(f"create or replace view {name}")
