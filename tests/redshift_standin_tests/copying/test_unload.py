"""UNLOAD: objects as Redshift names them, in formats that COPY reads again."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from redshift_standin.statements import BackendError, Refused
from redshift_standin_tests.copying.conftest import Bench


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """A table of five rows, some of them awkward."""
    bench.query("create table t (id bigint, name varchar(20), amount decimal(8, 2), paid boolean, at timestamp)")
    bench.query(
        "insert into t values (1, 'plain', 1.50, true, '2024-02-29 01:02:03.5'), (2, E'a|b,\"c\"\\nd', null, false, null), "
        "(3, '', 3, null, '2024-01-01'), (4, null, -0.01, true, null), (5, 'é', 0, true, null)"
    )
    return bench


ORDERED = "select * from t order by id"


def test_one_object_a_slice(filled: Bench) -> None:
    assert filled.unload(ORDERED, "out/t_", "csv") == 5
    assert filled.keys() == ["out/t_0000_part_00", "out/t_0001_part_00"]
    assert filled.get("out/t_0000_part_00").decode() == "1,plain,1.50,t,2024-02-29 01:02:03.5\n3,,3.00,,2024-01-01 00:00:00\n5,é,0.00,t,\n"


def test_parallel_off_writes_one_object_in_order(filled: Bench) -> None:
    filled.unload("select id from t order by id desc", "out/", "parallel off header gzip csv")
    assert filled.keys() == ["out/000.gz"]
    assert gzip.decompress(filled.get("out/000.gz")) == b"id\n5\n4\n3\n2\n1\n"


def test_delimited_text_is_the_default_and_has_no_quotes(filled: Bench) -> None:
    filled.unload("select id, name from t where id in (2, 4) order by id", "out/", "parallel off null as 'NIL' header")
    assert filled.get("out/000").decode() == 'id|name\n2|a|b,"c"\nd\n4|NIL\n'


def test_no_rows_write_no_object(filled: Bench) -> None:
    assert filled.unload("select * from t where id > 9", "out/", "csv header") == 0
    assert filled.keys() == []


def test_parquet_has_the_types_of_the_query(filled: Bench) -> None:
    filled.unload("select id, name, amount, paid, at, at::date as day from t order by id", "out/", "format as parquet parallel off")
    table = pq.read_table(io.BytesIO(filled.get("out/000.parquet")))
    assert [str(kind) for kind in table.schema.types] == ["int64", "string", "decimal128(8, 2)", "bool", "timestamp[us]", "date32[day]"]
    assert table.column("name").to_pylist() == ["plain", 'a|b,"c"\nd', "", None, "é"]
    assert table.column("paid").to_pylist() == [True, False, None, True, True]


@pytest.mark.parametrize(("unloading", "copying"), [("parquet", "parquet"), ("csv null as '~'", "csv null as '~'")])
def test_copy_takes_back_what_unload_wrote_by_its_manifest(filled: Bench, unloading: str, copying: str) -> None:
    filled.unload(ORDERED, "out/t_", f"{unloading} manifest")
    entries = json.loads(filled.get("out/t_manifest"))["entries"]
    assert [entry["meta"]["content_length"] for entry in entries] == [len(filled.get(key)) for key in filled.keys("out/t_0")]
    before = filled.query(ORDERED)
    filled.query("delete from t")
    filled.copy("t", "out/t_manifest", f"{copying} manifest")
    assert filled.query(ORDERED) == before


def test_objects_that_are_there_are_not_written_over(filled: Bench) -> None:
    filled.put("out/t_old", "old")
    with pytest.raises(BackendError, match="Specified unload destination on S3 is not empty"):
        filled.unload(ORDERED, "out/t_", "csv")
    filled.unload(ORDERED, "out/t_", "csv allowoverwrite")
    assert filled.keys() == ["out/t_0000_part_00", "out/t_0001_part_00", "out/t_old"]
    filled.unload("select 1", "out/t_", "csv cleanpath")
    assert filled.keys() == ["out/t_0000_part_00"]


def test_the_query_sees_the_open_transaction_and_temporary_tables(filled: Bench) -> None:
    filled.query("begin")
    filled.query("create temporary table own as select 7 as a")
    assert filled.unload("select a from own", "out/", "parquet") == 1
    filled.query("rollback")
    assert pq.read_table(io.BytesIO(filled.get("out/0000_part_00.parquet"))).schema == pa.schema([("a", pa.int32())])


def test_a_query_that_fails_writes_nothing(filled: Bench) -> None:
    with pytest.raises(BackendError, match="division by zero"):
        filled.unload("select 1 / (id - 5) from t", "out/", "csv")
    assert filled.keys() == []


def test_a_type_that_parquet_cannot_hold_is_named(filled: Bench) -> None:
    with pytest.raises(Refused, match="column lasting: the stand-in does not carry type interval"):
        filled.unload("select interval '1 day' as lasting", "out/", "parquet")
