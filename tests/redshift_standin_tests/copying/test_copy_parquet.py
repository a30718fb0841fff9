"""COPY of Parquet: by position, without casts, all or nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from redshift_standin_tests.copying.conftest import Bench

ORDERS = "create table orders (id bigint not null, name varchar(6))"


def orders(*names: str | None) -> pa.Table:
    return pa.table({"id": pa.array(range(len(names)), pa.int64()), "name": pa.array(names, pa.string())})


def test_every_type_arrives_as_it_is(bench: Bench) -> None:
    bench.query(
        "create table t (a smallint, b integer, c bigint, d decimal(12, 3), e real, f double precision, g boolean, h date, i timestamp, "
        "j timestamp, k varchar(20), l char(3))"
    )
    instant = datetime(2024, 2, 29, 23, 59, 59, 123456, UTC)
    table = pa.table(
        [
            pa.array([-1, None], pa.int16()),
            pa.array([2**31 - 1, None], pa.int32()),
            pa.array([-(2**63), None], pa.int64()),
            pa.array([Decimal("123456789.125"), None], pa.decimal128(12, 3)),
            pa.array([0.5, None], pa.float32()),
            pa.array([0.1, None], pa.float64()),
            pa.array([True, None]),
            pa.array([date(2024, 2, 29), None]),
            pa.array([instant.replace(tzinfo=None), None], pa.timestamp("us")),
            pa.array([instant.replace(microsecond=123000), None], pa.timestamp("ms", "UTC")),
            pa.array(['"a,\nb"\\N', ""], pa.string()),
            pa.array(["xyz", None], pa.string()),
        ],
        names=list("abcdefghijkl"),
    )
    bench.put_parquet("t.parquet", table)
    assert bench.copy("t", "t.parquet", "format as parquet") == 2
    first, second = bench.query("select * from t order by a")
    assert first == (
        "-1", "2147483647", "-9223372036854775808", "123456789.125", "0.5", "0.1", "t", "2024-02-29", "2024-02-29 23:59:59.123456",
        "2024-02-29 23:59:59.123", '"a,\nb"\\N', "xyz",
    )  # fmt: skip
    assert second == (*[None] * 10, "", None)


def test_columns_are_matched_by_position_into_the_column_list(bench: Bench) -> None:
    bench.query("create table t (a bigint default 7, b varchar(5), c bigint)")
    bench.put_parquet("t.parquet", pa.table({"zzz": pa.array([1], pa.int64()), "b": ["x"]}))
    bench.copy("t (C, b)", "t.parquet", "parquet")
    assert bench.query("select * from t") == [("7", "x", "1")]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (
            pa.table({"id": pa.array([1], pa.int64()), "name": ["a"], "more": ["b"]}),
            "Unmatched number of columns between table and file. Table columns: 2, Data columns: 3, File name: ",
        ),
        (
            pa.table({"id": pa.array([1], pa.int64()), "name": ["éééé"]}),
            "The length of the data column name is longer than the length defined in the table. Table: 6, Data: 8, File name: ",
        ),
        (pa.table({"id": ["1"], "name": ["a"]}), "Column type: BIGINT, Parquet schema:\noptional byte_array id [i:0 d:1 r:0]"),
        (pa.table({"id": pa.array([1], pa.int32()), "name": ["a"]}), "Column type: BIGINT, Parquet schema:\noptional int32 id"),
        (pa.table({"id": pa.array([1], pa.int64()), "name": pa.nulls(1)}), "Column type: VARCHAR(6), Parquet schema:\noptional int32 name"),
        (pa.table({"id": pa.array([1], pa.int64()), "name": [["a"]]}), "Column type: VARCHAR(6), Parquet schema:\ngroup name"),
        (pa.table({"id": pa.array([None], pa.int64()), "name": ["a"]}), "Cannot insert a NULL value into column id"),
    ],
)
def test_one_unfit_file_among_good_ones_fails_the_whole_load(bench: Bench, broken: pa.Table, told: str) -> None:
    bench.query(ORDERS)
    bench.put_parquet("o/1", orders("a", None))
    bench.put_parquet("o/2", broken)
    bench.put_parquet("o/3", orders("c"))
    fault = bench.copy_fault("orders", "o/", "parquet")
    assert (fault["C"], fault["M"]) == ("XX000", "Spectrum Scan Error")
    assert told in fault["D"]
    assert f"/{bench.bucket}/o/2" in fault["D"]
    assert bench.query("select count(*) from orders") == [("0",)]


def test_a_damaged_file_fails_the_whole_load(bench: Bench) -> None:
    bench.query(ORDERS)
    bench.put_parquet("o/1", orders("a"))
    bench.put_parquet("o/2", orders("b"))
    whole = bench.get("o/2")
    for damaged in (whole[:-1], b"PAR1" + bytes(len(whole) - 8) + b"PAR1", b""):
        bench.put("o/2", damaged)
        fault = bench.copy_fault("orders", "o/", "parquet")
        assert (fault["M"], f"/{bench.bucket}/o/2'" in fault["D"]) == ("Spectrum Scan Error", True)
    assert bench.query("select count(*) from orders") == [("0",)]


def test_a_codec_that_aws_does_not_name_is_refused(bench: Bench) -> None:
    bench.query(ORDERS)
    for codec in ("none", "snappy", "gzip"):
        bench.put_parquet("o", orders("a"), codec)
        assert bench.copy("orders", "o", "parquet") == 1
    bench.put_parquet("o", orders("a"), "zstd")
    assert "unsupported compression codec: ZSTD" in bench.copy_fault("orders", "o", "parquet")["D"]


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("decimal(12, 2)", pa.decimal128(10, 2)),
        ("smallint", pa.int32()),
        ("timestamp", pa.timestamp("ns")),
        ("timestamptz", pa.timestamp("us", "UTC")),
        ("double precision", pa.float32()),
    ],
)
def test_no_implicit_cast(bench: Bench, declared: str, found: pa.DataType) -> None:
    bench.query(f"create table t (a {declared})")
    bench.put_parquet("t", pa.table({"a": pa.nulls(1, found)}))
    assert "has an incompatible Parquet schema for column" in bench.copy_fault("t", "t", "parquet")["D"]


def test_a_long_key_is_cut_from_the_message_as_redshift_cuts_it(bench: Bench) -> None:
    bench.query("create table t (a bigint)")
    key = "folder/" * 30 + "end.parquet"
    bench.put_parquet(key, orders("a"))
    assert "end.parquet" not in bench.copy_fault("t", key, "parquet")["D"]
