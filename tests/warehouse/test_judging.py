"""What the loader reads is what was written, whatever stands in the values."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from splitmile.errors import WarehouseError
from splitmile.warehouse import ColumnRule, ColumnTypeUnfit, FileUnreadable, IncomingFile, Warehouse

RULES = [ColumnRule(name="a", type="text", is_nullable=True), ColumnRule(name="b", type="text", is_nullable=True)]

# Every text that can stand on one line; what is no text is replaced before a file comes here.
values = st.one_of(
    st.sampled_from(["", '"', '""', ",", '",', "null", "NULL", " x ", "\\", "\\n", "'", "#", ";", "{", '{"k": "v, w"}', "서울"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd"), max_size=12),
)
rows = st.lists(st.tuples(values, values), min_size=1, max_size=8)
few = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _staged(warehouse: Warehouse, file: IncomingFile) -> list[tuple[str | None, ...]]:
    with warehouse.stage(RULES, "load") as stage:
        stage.add(file)
        return [(row["a"], row["b"], row["reason"]) for row in warehouse.fetch(f"select * from {stage.table} order by line_number")]


@few
@given(rows=rows)
def test_csv_reads_as_the_standard_library_writes_it(warehouse: Warehouse, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b"), *rows])
    path = tmp_path / "x.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    file = IncomingFile(path, "csv", "x.csv", 1, ("a", "b"), len(rows) + 1)
    assert _staged(warehouse, file) == [(a.rstrip(" ") or None, b.rstrip(" ") or None, None) for a, b in rows]


@few
@given(rows=rows)
def test_json_lines_read_as_the_standard_library_writes_them(warehouse: Warehouse, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"a": a, "b": b}) + "\n" for a, b in rows), encoding="utf-8")
    file = IncomingFile(path, "jsonl", "x.jsonl", 1, (), len(rows))
    assert _staged(warehouse, file) == [(a.rstrip(" ") or None, b.rstrip(" ") or None, None) for a, b in rows]


def test_a_line_that_got_lost_is_noticed(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "1"}\n\n{"a": "2"}\n')
    with pytest.raises(FileUnreadable, match="2 of 3 lines could be read"):
        _staged(warehouse, IncomingFile(path, "jsonl", "x.jsonl", 1, (), 3))


def test_names_are_no_way_into_the_statement(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="no plain table"), warehouse.stage([ColumnRule(name="a b", type="text")], "load"):
        pass


def test_a_hive_style_path_adds_no_column(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "day=80" / "x.parquet"
    path.parent.mkdir()
    warehouse.execute(f"copy (select 'x' as a, 'y' as b) to '{path}' (format parquet)")
    file = IncomingFile(path, "parquet", "day=80/x.parquet", 1)
    with warehouse.stage(RULES, "load") as stage:
        assert stage.file_columns(file) == ("a", "b")
    assert _staged(warehouse, file) == [("x", "y", None)]


def test_an_all_null_column_has_no_wrong_type(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    warehouse.execute(f"copy (select true as a, 'y' as b) to '{path}' (format parquet)")
    with pytest.raises(ColumnTypeUnfit, match="column a is of Parquet type BOOLEAN"):
        _staged(warehouse, IncomingFile(path, "parquet", "x.parquet", 1))
    warehouse.execute(f"copy (select null::boolean as a, 'y' as b) to '{path}' (format parquet)")
    assert _staged(warehouse, IncomingFile(path, "parquet", "x.parquet", 1)) == [(None, "y", None)]
