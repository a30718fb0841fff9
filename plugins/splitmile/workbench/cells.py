"""Cells of a column: names as codes, numbers as floats, periods as instants or whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from splitmile.workbench.refusals import FileInvalid

_MISSING_NUMBERS = pa.array(["na", "n/a", "nan", "null", "none", "<na>"])
_TRUTHS = pa.array(["true", "false"])
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A column whose values are names.

    Attributes:
        names: The values there are, in the order in which they come up first; numbers are written as text, 1.0 as `1`.
        codes: Index into `names` of each row, shape (rows,); −1 where the cell is empty.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]


def labels_of(path: Path, column: str, values: Any) -> Labels:
    """The names in a column.

    Raises:
        FileInvalid: The values have no plain text, as lists have not.
    """
    values = _plain(values)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
        is_whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), 2.0**53))
        if pc.all(is_whole).as_py() is not False:  # 1.0 is how a table with gaps keeps the whole number 1
            values = pc.cast(values, pa.int64())
    if not pa.types.is_string(values.type):
        try:
            values = pc.cast(values, pa.string())
        except pa.ArrowException as error:
            raise FileInvalid(f"{path}: column {column!r} holds {values.type} values; expected text or whole numbers") from error
    encoded = pc.dictionary_encode(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Labels(tuple(encoded.dictionary.to_pylist()), codes)


def numbers_of(path: Path, column: str, values: Any) -> NDArray[np.float64]:
    """The numbers in a column, shape (rows,); NaN where there is none.

    Raises:
        FileInvalid: A cell holds text or an infinite number, or the column holds something else altogether.
    """
    values = _plain(values)
    kind = values.type
    if pa.types.is_string(kind):
        values = _from_text(path, column, pc.utf8_trim_whitespace(values))
    elif pa.types.is_boolean(kind):
        values = pc.cast(pc.cast(values, pa.int8()), pa.float64())
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        values = pc.cast(values, pa.float64(), safe=False)
    else:
        raise FileInvalid(f"{path}: column {column!r} holds {kind} values; expected numbers")
    numbers: NDArray[np.float64] = pc.fill_null(values, np.nan).to_numpy().copy()
    is_infinite = np.isinf(numbers)
    if is_infinite.any():
        row = int(np.argmax(is_infinite))
        raise FileInvalid(
            f"{path}: column {column!r}, row {row + 1} below the header: {numbers[row]:g} is no finite number; "
            "mend it, or leave the cell empty where there is no value"
        )
    return numbers


def periods_of(path: Path, column: str, values: Any) -> NDArray[np.datetime64] | NDArray[np.int64]:
    """The instants in a column as `datetime64[us]` in UTC, NaT where there is none; or whole numbers, if it holds these.

    An instant without a time zone is taken as UTC.

    Raises:
        FileInvalid: A cell is neither, or a whole number is missing.
    """
    values = _plain(values)
    is_number = not pa.types.is_temporal(values.type) and values.null_count < len(values)
    # Nanoseconds last: they reach no further than 2262, and what is finer than a microsecond is cut off.
    instants = (_INSTANT, pa.timestamp("us"), pa.timestamp("ns", tz="UTC"), pa.timestamp("ns"))
    for kind in (*([pa.int64()] if is_number else []), *instants):
        try:
            cast = pc.cast(values, kind)
        except pa.ArrowException:
            continue
        if kind == pa.int64() and cast.null_count:
            raise FileInvalid(f"{path}: column {column!r} has {cast.null_count} empty cells; every row needs the number of its window")
        if isinstance(cast, pa.ChunkedArray):
            cast = cast.combine_chunks()
        found: NDArray[Any] = cast.to_numpy(zero_copy_only=False)
        return found.astype(np.int64) if kind == pa.int64() else found.astype("datetime64[us]")
    row = _first_refused(values, _INSTANT)
    raise FileInvalid(
        f"{path}: column {column!r}, row {row + 1} below the header: {_shown(str(values[row].as_py()))} is no instant; "
        "expected one such as 2026-03-02T18:00:00Z, or the whole number of a window, the same in every row"
    )


def _from_text(path: Path, column: str, values: Any) -> Any:
    try:
        return pc.cast(values, pa.float64())
    except pa.ArrowInvalid:
        lower = pc.utf8_lower(values)
        is_missing = pc.or_(pc.is_in(lower, _MISSING_NUMBERS), pc.equal(values, ""))
        values = pc.if_else(is_missing, None, values)
        is_truth = pc.and_(pc.is_valid(values), pc.is_in(lower, _TRUTHS))
        values = pc.if_else(is_truth, pc.if_else(pc.equal(lower, "true"), "1", "0"), values)
    try:
        return pc.cast(values, pa.float64())
    except pa.ArrowInvalid as error:
        row = _first_refused(values, pa.float64())
        raise FileInvalid(
            f"{path}: column {column!r}, row {row + 1} below the header: {_shown(values[row].as_py())} is no number; "
            "mend it, or leave the cell empty where there is no value"
        ) from error


def _first_refused(values: Any, kind: Any) -> int:
    """The first row that cannot become a value of this kind, by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pc.cast(values.slice(low, middle - low), kind)
            low = middle
        except pa.ArrowException:
            high = middle
    return low


def _plain(values: Any) -> Any:
    """Without the dictionary of a categorical column, and with one kind of text."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = pc.cast(values, pa.string())
    return values


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
