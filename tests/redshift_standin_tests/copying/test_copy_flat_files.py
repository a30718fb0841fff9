"""COPY of CSV, delimited text and JSON lines: conversions, and rows that are rejected one by one."""

from __future__ import annotations

import bz2
import gzip

import pyarrow as pa
import pytest

from redshift_standin_tests.copying.conftest import Bench

_ERRORS = (
    'select trim(filename), line_number, trim(colname), trim("type"), trim(col_length), err_code, trim(err_reason), trim(raw_line), '
    "trim(raw_field_value) from stl_load_errors where query = pg_last_copy_id() order by line_number"
)


def test_csv_of_every_type(bench: Bench) -> None:
    bench.query("create table t (a smallint, b bigint, c decimal(6, 2), d double precision, e boolean, f date, g timestamp, h timestamptz)")
    bench.put(
        "t.csv",
        "a,b,c,d,e,f,g,h\n"
        "-1,9223372036854775807,20.259,1e-3,Yes,2024-02-29,2024-02-29 10:11:12.5,2024-02-29 10:11:12+09\r\n"
        ", ,-0.999,nan,0,,2024-02-29,\n",
    )
    assert bench.copy("t", "t.csv", "csv ignoreheader 1") == 2
    assert bench.query("select * from t order by b") == [
        ("-1", "9223372036854775807", "20.25", "0.001", "t", "2024-02-29", "2024-02-29 10:11:12.5", "2024-02-29 01:11:12+00"),
        (None, None, "-0.99", "NaN", "f", None, "2024-02-29 00:00:00", None),
    ]


def test_csv_quoting(bench: Bench) -> None:
    bench.query("create table t (a varchar(20), b varchar(20), c varchar(20))")
    bench.put("t.csv", 'x, "a ""b"", c" ,"two\nlines"\n"",,\\N\n')
    bench.copy("t", "t.csv", "csv")
    assert bench.query("select * from t order by a") == [("", "", None), ("x", 'a "b", c', "two\nlines")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", [("", "", "  ", r"NULL")]),
        ("emptyasnull", [("", None, "  ", "NULL")]),
        ("null as ''", [("", None, "  ", "NULL")]),
        ("blanksasnull", [("", "", None, "NULL")]),
        ("null as 'NULL'", [("", "", "  ", None)]),
    ],
)
def test_what_becomes_null(bench: Bench, options: str, expected: list[tuple[str | None, ...]]) -> None:
    bench.query("create table t (a varchar(9), b varchar(9), c varchar(9), d varchar(9))")
    bench.put("t.csv", '"",,  ,NULL\n')
    bench.copy("t", "t.csv", f"csv {options}")
    assert bench.query("select * from t") == expected


def test_automatic_dates_and_times(bench: Bench) -> None:
    bench.query("create table t (a date, b timestamp, c timestamptz)")
    bench.put("t.csv", "2024-02-29T10:11:12Z,2024-02-29T10:11:12.345Z,2024-02-29T10:11+09:00\n")
    assert bench.copy_fault("t", "t.csv", "csv")["M"].startswith("Load into table 't' failed.")
    bench.copy("t", "t.csv", "csv dateformat 'auto' timeformat as 'auto'")
    assert bench.query("select * from t") == [("2024-02-29", "2024-02-29 10:11:12.345", "2024-02-29 01:11:00+00")]


def test_lengths_are_bytes_and_truncatecolumns_keeps_whole_characters(bench: Bench) -> None:
    bench.query("create table t (a varchar(5), b char(2))")
    bench.put("t.csv", "ééé,abc\n")
    bench.copy_fault("t", "t.csv", "csv")
    bench.copy("t", "t.csv", "csv truncatecolumns")
    assert bench.query("select * from t") == [("éé", "ab")]


def test_bytes_that_are_no_utf8(bench: Bench) -> None:
    bench.query("create table t (a varchar(9))")
    bench.put("t.csv", b"a\xe2\x82z\n")
    bench.copy_fault("t", "t.csv", "csv")
    assert bench.query(_ERRORS)[0][5:8] == (
        "1220",
        "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: e2 (error 3)",
        "a??z",
    )
    bench.copy("t", "t.csv", "csv acceptinvchars as '^'")
    assert bench.query("select * from t") == [("a^^z",)]


@pytest.mark.parametrize(
    ("option", "compressed"),
    [
        ("gzip", gzip.compress(b"1\n2\n")),
        ("bzip2", bz2.compress(b"1\n2\n")),
        ("zstd", pa.Codec("zstd").compress(b"1\n2\n", asbytes=True)),
    ],
    ids=["gzip", "bzip2", "zstd"],
)
def test_compressed_files(bench: Bench, option: str, compressed: bytes) -> None:
    bench.query("create table t (a integer)")
    bench.put("t", compressed)
    assert bench.copy("t", "t", f"csv {option}") == 2
    bench.put("t", compressed[:-3] if option != "zstd" else b"1\n2\n")
    assert f"s3://{bench.bucket}/t" in bench.copy_fault("t", "t", f"csv {option}")["D"]


def test_delimited_text_is_the_default(bench: Bench) -> None:
    bench.query("create table t (a integer, b varchar(9))")
    bench.put("t.txt", '1|"a"\n2|b\n')
    bench.copy("t", "t.txt", "")
    bench.put("t.txt", "3\tc\n")
    bench.copy("t", "t.txt", r"delimiter '\t'")
    assert bench.query("select * from t order by a") == [("1", '"a"'), ("2", "b"), ("3", "c")]


def test_json_lines(bench: Bench) -> None:
    bench.query("create table t (id bigint, name varchar(20), payload varchar(60), paid boolean, at timestamp)")
    bench.put(
        "t.json",
        '{"name": "a\\nb", "id": 12345678901234567, "payload": {"x": [1.10, "é", null, true]}, "paid": true, "other": 1}\n'
        "\n"
        '{"ID": 1, "name": "", "at": "2024-02-29T01:02:03Z", "payload": 1.10}\n',
    )
    assert bench.copy("t", "t.json", "format as json 'auto' timeformat 'auto'") == 2
    assert bench.query("select * from t order by id") == [
        ("12345678901234567", "a\nb", '{"x":[1.10,"é",null,true]}', "t", None),
        (None, "", "1.10", None, "2024-02-29 01:02:03"),
    ]


def test_rejected_rows_within_maxerror_are_kept_with_file_and_line(bench: Bench) -> None:
    bench.query("create table t (id integer not null, name varchar(3), amount decimal(5, 2), paid boolean)")
    bench.put(
        "t.csv",
        'id,name,amount,paid\n1,a,1.5,t\nx2,b,1,t\n3,long,1,t\n4,d,12345,t\n5,e,1,maybe\n,f,1,t\n7,g,1\n8,h,1,t,more\n9,"i"x,1,t\n'
        "99999999999,j,1,t\n11,k,2,f\n",
    )
    url = f"s3://{bench.bucket}/t.csv"
    assert bench.copy("t", "t.csv", "csv ignoreheader 1 maxerror 10") == 2
    assert bench.query("select id from t order by id") == [("1",), ("11",)]
    assert bench.query(_ERRORS) == [
        (url, "3", "id", "int4", "", "1207", "Invalid digit, Value 'x', Pos 0, Type: Integer", "x2,b,1,t", "x2"),
        (url, "4", "name", "varchar", "3", "1204", "String length exceeds DDL length", "3,long,1,t", "long"),
        (url, "5", "amount", "numeric", "5,2", "1204", "Overflow for NUMERIC(5,2)", "4,d,12345,t", "12345"),
        (url, "6", "paid", "bool", "", "1210", "Unknown boolean format", "5,e,1,maybe", "maybe"),
        (url, "7", "id", "int4", "", "1213", "Missing data for not-null field", ",f,1,t", ""),
        (url, "8", "amount", "numeric", "5,2", "1214", "Delimiter not found", "7,g,1", ""),
        (url, "9", "", "", "", "1202", "Extra column(s) found", "8,h,1,t,more", ""),
        (url, "10", "", "", "", "1216", "Invalid quote formatting for CSV", '9,"i"x,1,t', ""),
        (url, "11", "id", "int4", "", "1222", "Overflow, the value does not fit INTEGER", "99999999999,j,1,t", "99999999999"),
    ]
    assert bench.query("select status, loaded_rows, error_count from sys_load_history where query_id = pg_last_copy_id()") == [
        ("completed", "2", "9")
    ]


@pytest.mark.parametrize("options", ["csv", "csv maxerror 1", "csv maxerror 2"])
def test_as_many_errors_as_maxerror_fail_all(bench: Bench, options: str) -> None:
    bench.query("create table t (a integer)")
    bench.put("t/1", "1\nx\n2\n")
    bench.put("t/2", "y\n")
    fault = bench.copy_fault("t", "t/", options)
    assert (fault["C"], fault["M"]) == ("XX000", "Load into table 't' failed.  Check 'stl_load_errors' system table for details.")
    assert bench.query("select count(*) from t") == [("0",)]
    assert len(bench.query(_ERRORS)) == (2 if options.endswith("2") else 1)
    assert bench.query("select error_code, trim(error_message) from sys_load_error_detail where query_id = pg_last_copy_id()")[0] == (
        "1207",
        "Invalid digit, Value 'x', Pos 0, Type: Integer",
    )


@pytest.mark.parametrize(
    ("declared", "value", "code"),
    [
        ("date", "29.02.2024", "1205"),
        ("date", "2023-02-29", "1205"),
        ("timestamp", "2024-02-29T01:02:03", "1206"),
        ("timestamp", "2024-02-29 01:02:03+09", "1206"),
        ("double precision", "1_0", "1208"),
        ("decimal(5, 2)", "1e2", "1209"),
        ("char(4)", "é", "1215"),
        ("interval", "1 day", "1223"),
    ],
)
def test_values_that_do_not_fit(bench: Bench, declared: str, value: str, code: str) -> None:
    bench.query(f"create table t (a {declared})")
    bench.put("t", value + "\n")
    bench.copy_fault("t", "t", "csv")
    assert bench.query("select err_code from stl_load_errors where query = pg_last_copy_id()") == [(code,)]


@pytest.mark.parametrize("line", ["[1]", '{"a": NaN}', '{"a": 1'])
def test_lines_that_are_no_json_object(bench: Bench, line: str) -> None:
    bench.query("create table t (a integer)")
    bench.put("t", line + "\n")
    bench.copy_fault("t", "t", "json 'auto'")
    assert bench.query("select err_code, trim(raw_line) from stl_load_errors where query = pg_last_copy_id()") == [("1216", line)]
