"""What Redshift refuses is refused, with the statement and the reason; nothing unknown is passed on."""

import pytest

from redshift_standin.rewrite import rewrite
from redshift_standin.statements import Refused


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select count(*) filter (where a > 0) from t", "FILTER"),
        ("select distinct on (a) a, b from t", "DISTINCT ON"),
        ("insert into t values (1) on conflict do nothing", "ON CONFLICT"),
        ("insert into t values (1) returning a", "RETURNING"),
        ("with s as (select 1) insert into t select * from s", "WITH before INSERT"),
        ("with gone as (delete from t) select 1", "within WITH"),
        ("delete from t as x where x.a = 1", "DELETE takes no alias"),
        ("merge into t as x using s on x.a = s.a when matched then update set b = s.b when not matched then insert (a) values (s.a)",
         "MERGE takes no alias"),
        ("select * from t, lateral (select t.a) as s", "LATERAL"),
        ("select * from (values (1), (2)) as v", "VALUES stands only in INSERT"),
        ("select a from t intersect all select a from s", "INTERSECT ALL"),
        ("select a from t except all select a from s", "EXCEPT ALL"),
        ("select a from t for update", "FOR UPDATE"),
        ("select a from t fetch first 3 rows only", "FETCH FIRST"),
        ("select sum(a) over w from t window w as (partition by b)", "named windows"),
        ("select a from t tablesample bernoulli (10)", "TABLESAMPLE"),
        ("select a from t where a is distinct from b", "DISTINCT FROM"),
        ("select sum(a) over (order by b) from t", "require a frame clause"),
        ("select first_value(a) over (partition by c order by b) from t", "require a frame clause"),
        ("select sum(a) over (order by b range unbounded preceding) from t", "window frames of RANGE"),
        ("select listagg(a) within group (order by b), median(c) from t", "ORDER BY clauses for aggregate functions must be the same"),
        ("select median(a), percentile_cont(0.5) within group (order by a desc) from t", "must be the same"),
        ("select median(a), count(distinct b) from t", "beside a DISTINCT aggregate"),
        ("with u as (select 1 as a union all select 2) select median(a) from u", "must be applied on at least one user created tables"),
        ("select percentile_disc(0.5) within group (order by a) from t", "only as APPROXIMATE"),
        ("select a from t where exists (select 1 from s where not exists (select 1 from r where r.a = t.a))", "two blocks above"),
        ("select * from t left join s on t.a = s.a and s.b = (select max(r.b) from r where r.a = s.a)", "in the ON of an outer join"),
        ("select array[1, 2]", "arrays"),
        ("select (string_to_array(a, ','))[1] from t", "arrays"),
        ("select a from t where a = any('{1}')", "arrays"),
        ("select a -> 'b' from t", 'operator "->"'),
    ],
)  # fmt: skip
def test_queries(sql: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        rewrite(sql)


@pytest.mark.parametrize(
    "call",
    [
        "array_agg(a)", "corr(a, b)", "covar_pop(a, b)", "covar_samp(a, b)", "regr_slope(a, b)", "string_agg(a, b)",
        "generate_series(1, 2)", "json_agg(a)", "jsonb_agg(a)", "now()", "age(a, b)", "every(a)", "concat(a, b)",
        "decode(a, 1, 2)", "regexp_replace(a, b, 'c')", "pg_sleep(1)", "nobody_knows(a)",
    ],
)  # fmt: skip
def test_functions(call: str) -> None:
    with pytest.raises(Refused, match=rf"function {call.partition('(')[0]}\(\)") as refused:
        rewrite(f"select {call} from t")
    assert refused.value.sqlstate == "42883"


def test_functions_without_parentheses() -> None:
    with pytest.raises(Refused, match="current_timestamp"):
        rewrite("select current_timestamp")
    assert rewrite("select current_date")[0].sql == "select current_date"


@pytest.mark.parametrize("name", ["uuid", "bytea", "json", "jsonb", "interval", "integer[]", "serial", "money", "xml"])
def test_types(name: str) -> None:
    with pytest.raises(Refused, match="unsupported type"):
        rewrite(f"create table t (a bigint, b {name})")
    if name not in ("serial", "interval"):
        with pytest.raises(Refused, match="does not exist"):
            rewrite(f"select a::{name} from t")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("create or replace table t (a int)", "CREATE OR REPLACE TABLE"),
        ("create table if not exists t as select 1 as a", "IF NOT EXISTS … AS"),
        ("create table t (a int) partition by range (a)", 'near "partition"'),
        ("create table t (a int check (a > 0))", 'near "check"'),
        ("create table t (a varchar(65536))", "between 1 and 65535"),
        ("create table t (a decimal(39, 0))", "precision 39"),
        ("create view s.v as select a from t with no schema binding", "All the relation names inside should be qualified"),
        ("create index i on t (a)", "CREATE INDEX"),
        ("create unique index i on t (a)", "CREATE INDEX"),
        ("create sequence s", "CREATE SEQUENCE"),
        ("alter table t alter column a type bigint", "only the size of VARCHAR"),
        ("alter table t add column a int, add column b int", "one column at a time"),
        ("set work_mem to '1GB'", "work_mem"),
        ("set enable_case_sensitive_identifier to true", "can only be off"),
        ("explain analyze select 1", "EXPLAIN"),
        ("select datediff(week, a, b) from t", "date part 'week'"),
        ("select * from raw.t", "reserved word"),
        ("with raw as (select 1 as a) select a from raw", "reserved word"),
        ("create schema raw", "reserved word"),
        ("select extract(second from a) from t", "date part 'second'"),
        ("select a, upper(b) from t where a > 0 qualify row_number() over (order by a) = 1", "without a name"),
        ("select a from t qualify row_number() over (order by a) = 1", "needs an alias"),
        ("select median(a) over (partition by b) from t", "MEDIAN as a window function"),
    ],
)
def test_statements_and_options(sql: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        rewrite(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "values (1)",
        "do $$ begin end $$",
        "savepoint s",
        "listen x",
        "prepare p as select 1",
        "select from where",
        "select (1",
        "select 'open",
    ],
)
def test_what_cannot_be_read_is_refused_by_name(sql: str) -> None:
    with pytest.raises(Refused) as refused:
        rewrite(sql)
    assert sql in refused.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "select sum(a) over (partition by b) from t",
        "select sum(a) over (order by b rows between 1 preceding and current row) from t",
        "select row_number() over (order by a), lag(a) over (order by a) from t",
        "select listagg(a, ',') within group (order by b), median(b), percentile_cont(0.9) within group (order by b) from t",
        "select a from t where exists (select 1 from s where s.a = t.a)",
        "select a from t where a = any (select a from s)",
        "delete from t using s where t.a = s.a",
        "insert into t with s as (select 1 as a) select a from s",
    ],
)
def test_their_neighbours_are_not_refused(sql: str) -> None:
    assert len(rewrite(sql)) == 1
