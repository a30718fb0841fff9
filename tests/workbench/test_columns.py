"""What a cell is follows from what it is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from splitmile.workbench.columns import read_columns
from splitmile.workbench.refusals import FileInvalid


def parquet(path: Path, **columns: pa.Array) -> Path:
    pa.parquet.write_table(pa.table(columns), path)
    return path


def test_names_keep_every_digit_and_an_empty_cell_is_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,arm\n9007199254740993,NA\n9007199254740992,\n9007199254740993,"x, y"\n')
    columns = read_columns(path, labels=["id", "arm"], numbers=[])
    assert columns.labels["id"].names == ("9007199254740993", "9007199254740992")
    assert columns.labels["id"].codes.tolist() == [0, 1, 0]
    assert (columns.labels["arm"].names, columns.labels["arm"].codes.tolist()) == (("NA", "x, y"), [0, -1, 1])


def test_numbers_of_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n 1.5 ,true\nNA,False\nnan,\n-2e3,TRUE\n")
    columns = read_columns(path, labels=[], numbers=["a", "b"])
    assert columns.numbers["a"].tolist() == pytest.approx([1.5, np.nan, np.nan, -2000.0], nan_ok=True)
    assert columns.numbers["b"].tolist() == pytest.approx([1, 0, np.nan, 1], nan_ok=True)


def test_kinds_of_parquet(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "t.parquet",
        arm=pa.array([1.0, np.nan, 2.0]),
        big=pa.array(["a", None, "b"], pa.large_string()),
        share=pa.array([0.5, 1.0, 2.0]),
        money=pa.array([1, None, 3], pa.decimal128(10, 2)),
        flag=pa.array([True, None, False]),
        nothing=pa.nulls(3),
        lists=pa.array([[1], [2], [3]]),
    )
    columns = read_columns(path, labels=["arm", "big", "share", "flag"], numbers=["money", "flag", "nothing"])
    assert (columns.labels["arm"].names, columns.labels["arm"].codes.tolist()) == (("1", "2"), [0, -1, 1])
    assert columns.labels["big"].names == ("a", "b")
    assert columns.labels["share"].names == ("0.5", "1", "2")
    assert columns.labels["flag"].names == ("true", "false")
    for name, expected in (("money", [1, np.nan, 3]), ("flag", [1, np.nan, 0]), ("nothing", [np.nan] * 3)):
        assert columns.numbers[name].tolist() == pytest.approx(expected, nan_ok=True)
    for asked in ({"labels": ["lists"], "numbers": []}, {"labels": [], "numbers": ["lists"]}, {"labels": [], "numbers": ["big"]}):
        with pytest.raises(FileInvalid, match=r"expected|is no number"):
            read_columns(path, **asked)


def test_periods_are_instants_or_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("utc,local,day,window\n2026-03-02T09:00:00+09:00,2026-03-02 00:00:00,2026-03-02,3\n,,,4\n")
    periods = read_columns(path, labels=[], numbers=[], periods=["utc", "local", "day", "window"]).periods
    for name in ("utc", "local", "day"):
        assert periods[name][0] == np.datetime64("2026-03-02T00:00:00")
        assert np.isnat(periods[name][1])
    assert periods["window"].tolist() == [3, 4]


def test_the_row_of_a_bad_cell_is_found_in_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("y\n" + "1\n" * 70_000 + f"{'x' * 60}\n" + "1\n" * 9)
    with pytest.raises(FileInvalid, match=r"column 'y', row 70001 below the header: 'x{39}…' is no number"):
        read_columns(path, labels=[], numbers=["y"])
