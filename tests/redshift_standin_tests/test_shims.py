"""Types, functions and aggregates give what AWS documents, in a real PostgreSQL."""

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal

import psycopg2
import pytest

from redshift_standin_tests.shimmed_database import ShimmedDatabase

instant = datetime.datetime.fromisoformat
UNIT_HASH = 0x3E34BDEBD9BD5ED  # the first 15 of md5's digits


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShimmedDatabase]:
    with ShimmedDatabase.started(tmp_path_factory.mktemp("shims")) as database:
        database.rows(
            """create table numbers (id integer, small smallint, whole bigint, amount decimal(38, 0), real8 float, name varchar(16));
            insert into numbers values (1, 1, 1, 1, 0.5, 'a'), (2, 2, 4, 2, 1.5, 'b'), (3, 4, 5, 6, 4.0, 'b')"""
        )
        yield database


def test_varchar_counts_bytes(database: ShimmedDatabase) -> None:
    database.rows("create table texts (three varchar(3), unsized varchar)")
    database.rows("insert into texts values ('김', 'fits'), ('abc  ', null)")
    assert database.rows("select three from texts order by 1") == [("abc",), ("김",)]
    for sql in (
        "insert into texts (three) values ('김a')",
        "insert into texts (three) select name || '김' from numbers",
        "update texts set three = '김김'",
        "insert into texts (three) values ('abcd')",
    ):
        with pytest.raises(psycopg2.DataError, match=re.escape("value too long for type character varying(3)")):
            database.rows(sql)
    with pytest.raises(psycopg2.DataError, match=re.escape("value too long for type character varying(256)")):
        database.rows("insert into texts (unsized) values (repeat('x', 257))")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cast('김치' as varchar(4))", "김"),  # an explicit cast cuts, at a whole character
        ("length(cast(repeat('x', 300) as varchar))", 256),
        ("length(repeat('x', 300)::text)", 256),
        ("length(cast(repeat('x', 300) as varchar(max)))", 300),
        ("cast(1.5 as decimal)", Decimal(2)),  # DECIMAL(18, 0)
        ("7 / 2", 3),
        ("'a\\\\b'", "a\\b"),  # a backslash escapes
    ],
)
def test_casts_and_literals(database: ShimmedDatabase, expression: str, expected: object) -> None:
    assert database.value(expression) == expected


def test_sums_and_averages_have_redshifts_types(database: ShimmedDatabase) -> None:
    sql = """create table aggregated as select sum(small) as a, sum(id) as b, sum(whole) as c, sum(amount) as d, sum(real8) as e,
        avg(small) as f, avg(id) as g, avg(whole) as h, avg(real8) as i from numbers"""
    database.rows(sql)
    types = dict(database.rows("select column_name, data_type from svv_all_columns where table_name = 'aggregated'"))
    assert types == dict.fromkeys("abcfgh", "bigint") | {"d": "numeric"} | dict.fromkeys("ei", "double precision")
    assert database.rows("select f, g, h, i from aggregated") == [(2, 2, 3, 2.0)]  # whole averages lose their fraction
    assert database.rows("select sum(id), avg(id) from numbers where false") == [(None, None)]
    assert database.rows("select sum(id) over (order by id rows unbounded preceding) from numbers order by 1") == [(1,), (3,), (6,)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select sum(whole + 9223372036854775800) from numbers", "bigint out of range"),
        ("select whole * 9223372036854775807 from numbers", "bigint out of range"),
        ("select amount * 1e19::decimal(38, 0) * 1e19::decimal(38, 0) from numbers", "Numeric data overflow"),
        ("select amount + (repeat('9', 38))::decimal(38, 0) from numbers", "Numeric data overflow"),
        ("select sum(repeat('9', 38)::decimal(38, 0)) from numbers", "Numeric data overflow"),
    ],
)  # fmt: skip
def test_numbers_overflow(database: ShimmedDatabase, sql: str, message: str) -> None:
    with pytest.raises(psycopg2.DataError, match=message):
        database.rows(sql)


def test_the_product_of_two_decimals_holds_38_digits(database: ShimmedDatabase) -> None:
    assert database.rows("select sum(cast(3000000000 as decimal(19, 0)) * 4000000000) from numbers") == [(Decimal(36 * 10**18),)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("dateadd(day, 1, cast('2024-02-28' as date))", instant("2024-02-29 00:00:00")),
        ("dateadd(month, 1, '2024-01-31')", instant("2024-02-29 00:00:00")),
        ("DATEADD('quarter', -1, timestamp '2024-05-01 01:00:00')", instant("2024-02-01 01:00:00")),
        ("dateadd(ms, 1, timestamp '2024-01-01')", instant("2024-01-01 00:00:00.001000")),
        # Boundaries, not whole units.
        ("datediff(year, '2023-12-31', '2024-01-01')", 1),
        ("datediff(qtr, '2023-12-31', '2024-07-01')", 3),
        ("datediff(month, '2024-01-31', '2024-02-01')", 1),
        ("datediff(day, timestamp '2024-01-01 23:59:59', timestamp '2024-01-02 00:00:00')", 1),
        ("datediff(hour, timestamp '2024-01-01 00:59:59', timestamp '2024-01-01 01:00:00')", 1),
        ("datediff(minute, timestamp '2024-01-01 00:00:59', timestamp '2024-01-01 00:01:00')", 1),
        ("datediff(second, timestamp '2024-01-01 00:00:01', timestamp '2024-01-01 00:00:00.9')", -1),
        ("datediff(second, null::timestamp, getdate())", None),
        ("convert_timezone('UTC', 'Asia/Seoul', timestamp '2024-01-01 20:00:00')", instant("2024-01-02 05:00:00")),
        ("convert_timezone('Asia/Seoul', timestamp '2024-01-01 20:00:00')", instant("2024-01-02 05:00:00")),
        ("date_trunc('month', cast('2024-02-28' as date))", instant("2024-02-01 00:00:00")),
        ("last_day('2024-02-03')", datetime.date(2024, 2, 29)),
        ("extract(dow from cast('2024-02-28' as date)) / 2", 1),  # an integer
        ("extract(epoch from timestamp '2024-02-28 00:00:00.75')", 1709078400),
        ("date_part('month', cast('2024-02-28' as date))", 2),
        ("strtol('7fffffffffffffff', 16)", 2**63 - 1),
        ("strtol(substring(md5('unit'), 1, 15), 16)", UNIT_HASH),
        ("len('김치')", 2),
        ("octet_length('김치')", 6),
        ("nvl(null, 'b')", "b"),
        ("nvl2(null, 'set', 'unset')", "unset"),
        ("regexp_substr('abc', '[0-9]+')", ""),
        ("json_extract_path_text('{\"a\": {\"b\": \"c\"}}', 'a', 'b')", "c"),
        ("json_extract_path_text('{\"a\": 1}', 'z')", None),
        ("json_extract_path_text('not json', 'a', true)", None),
        ("is_valid_json('{\"a\": 1}')", True),
        ("is_valid_json('not json')", False),
    ],
)  # fmt: skip
def test_functions(database: ShimmedDatabase, expression: str, expected: object) -> None:
    assert database.value(expression) == expected


def test_functions_that_fail(database: ShimmedDatabase) -> None:
    for expression, message in (
        ("strtol('8000000000000000', 16)", "out of range"),
        ("strtol('xyz', 16)", "not valid to be converted to base 16"),
        ("json_extract_path_text('not json', 'a')", "JSON parsing error"),
        ("max(true)", "does not exist"),
    ):
        with pytest.raises(psycopg2.Error, match=message):
            database.value(expression)


def test_the_clock_is_utc_without_a_zone(database: ShimmedDatabase) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    date, system = database.rows("select getdate(), sysdate")[0]
    assert date.microsecond == 0
    assert abs(system - now) < datetime.timedelta(minutes=1)


def test_version_reads_as_redshifts(database: ShimmedDatabase) -> None:
    assert re.match(r"PostgreSQL 8\.0\.2 on .*, Redshift 1\.0", database.value("version()"))


def test_sorted_aggregates(database: ShimmedDatabase) -> None:
    assert database.rows("select listagg(name, ', ') within group (order by id desc) from numbers") == [("b, b, a",)]
    assert database.rows("select listagg(distinct name) from numbers") == [("ab",)]
    assert database.rows("select median(whole), percentile_cont(0.25) within group (order by whole) from numbers") == [(4.0, 2.5)]
    assert database.rows("select approximate percentile_disc(0.5) within group (order by whole) from numbers") == [(4,)]
    assert database.rows("select approximate count(distinct name) from numbers") == [(2,)]


def test_qualify(database: ShimmedDatabase) -> None:
    newest = "qualify row_number() over (partition by name order by id desc) = 1"
    assert database.rows(f"select id, upper(name) as letter from numbers n {newest} order by id") == [(1, "A"), (3, "B")]
    assert database.rows(f"with newest as (select * from numbers where id > 0 {newest}) select sum(id), count(*) from newest") == [(4, 2)]
    ranked = "select n.*, row_number() over (order by id) as place from (select id from numbers) as n qualify place < 3"
    assert database.rows(f"select * from ({ranked}) as ranked order by place") == [(1, 1), (2, 2)]
