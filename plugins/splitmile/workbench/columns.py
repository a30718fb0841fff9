"""A CSV or Parquet file to the columns that a question needs."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from splitmile.workbench.cells import Labels, labels_of, numbers_of, periods_of
from splitmile.workbench.refusals import FileInvalid, OptionInvalid, suggestion

_DELIMITERS = ",;\t|"
_HOLDS_NO_TABLE = {b"PK\x03\x04": "an Excel or zip file", b"\xd0\xcf\x11\xe0": "an Excel file", b"%PDF": "a PDF"}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns that a question needs.

    Attributes:
        name: The file, as it was named.
        rows: Rows, the header not counted.
        labels: By column.
        numbers: By column, shape (rows,); NaN where the cell is empty or says that there is no value.
        periods: By column, shape (rows,): instants in UTC as `datetime64[us]`, NaT where the cell is empty; or whole numbers.
    """

    name: str
    rows: int
    labels: dict[str, Labels]
    numbers: dict[str, NDArray[np.float64]]
    periods: dict[str, NDArray[np.datetime64] | NDArray[np.int64]]

    def refuse(self, column: str, row: int, complaint: str) -> FileInvalid:
        """The error about the number in one cell; rows count from 1 below the header."""
        return FileInvalid(f"{self.name}: column {column!r}, row {row + 1} below the header: {self.numbers[column][row]:g} {complaint}")


def read_columns(path: Path, *, labels: Sequence[str], numbers: Sequence[str], periods: Sequence[str] = ()) -> Columns:
    """Read some columns of a file.

    A CSV is UTF-8 text with a header; comma, semicolon, tab and bar are told apart, and gzip is unpacked. Parquet is
    recognised by its content.

    Args:
        path: The file.
        labels: Columns whose values are names: variants, units, segments.
        numbers: Columns whose values are numbers; true and false are 1 and 0.
        periods: Columns whose values are instants, or the whole numbers of windows.

    Raises:
        FileInvalid: There is no such file, it is no table, it has no row, or a cell does not hold what it should.
        OptionInvalid: A column is not there.
    """
    needed = list(dict.fromkeys([*labels, *numbers, *periods]))
    table = _table(path, needed)
    if table.num_rows == 0:
        raise FileInvalid(f"{path}: the file has a header and no row; nothing can be computed from it")
    return Columns(
        name=str(path),
        rows=table.num_rows,
        labels={column: labels_of(path, column, table[column]) for column in dict.fromkeys(labels)},
        numbers={column: numbers_of(path, column, table[column]) for column in dict.fromkeys(numbers)},
        periods={column: periods_of(path, column, table[column]) for column in dict.fromkeys(periods)},
    )


def _table(path: Path, needed: list[str]) -> Any:
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FileInvalid(f"{path}: the file cannot be opened: {error.strerror}") from error
    if not head:
        raise FileInvalid(f"{path}: the file is empty; a header and one row a unit or event are needed")
    if head in _HOLDS_NO_TABLE:
        raise FileInvalid(f"{path}: this is {_HOLDS_NO_TABLE[head]}; save the table as CSV or Parquet")
    try:
        return _parquet(path, needed) if head == b"PAR1" else _csv(path, needed, is_gzip=head[:2] == b"\x1f\x8b")
    except UnicodeDecodeError as error:
        raise FileInvalid(f"{path}: the text is not UTF-8; save the file as UTF-8 (Excel: `CSV UTF-8`)") from error
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split())
        if "UTF8" in reason:
            raise FileInvalid(f"{path}: the text is not UTF-8; save the file as UTF-8 (Excel: `CSV UTF-8`)") from error
        raise FileInvalid(f"{path}: the table cannot be read: {reason}; mend that place or export the file again") from error


def _parquet(path: Path, needed: list[str]) -> Any:
    with pyarrow.parquet.ParquetFile(path) as file:
        _require_columns(path, needed, file.schema_arrow.names)
        return file.read(columns=needed)


def _csv(path: Path, needed: list[str], *, is_gzip: bool) -> Any:
    with (gzip.open if is_gzip else Path.open)(path, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        line = text.readline()
    delimiter = max(_DELIMITERS, key=line.count)
    _require_columns(path, needed, next(csv.reader([line], delimiter=delimiter), []))
    with pa.input_stream(str(path), compression="gzip" if is_gzip else None) as stream:
        return pyarrow.csv.read_csv(
            stream,
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            # Text first: what a cell is follows from what it is asked for, and an identifier keeps its every digit.
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=needed,
                column_types=dict.fromkeys(needed, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )


def _require_columns(path: Path, needed: list[str], there: list[str]) -> None:
    for column in needed:
        if column not in there:
            raise OptionInvalid(f"{path}: there is no column {column!r}; {suggestion(column, there, 'column')}")
        if there.count(column) > 1:
            raise FileInvalid(f"{path}: {there.count(column)} columns are named {column!r}; rename all but the one that is meant")
