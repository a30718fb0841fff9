"""What a loader hands to a warehouse: local files, and the rules by which each row is kept or put aside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splitmile.errors import WarehouseError

ColumnType = Literal["text", "instant", "integer", "json"]
Layout = Literal["parquet", "csv", "jsonl"]

BLANK_LINE = "\x03"
"""Stands for an empty line of a text file, since engines skip empty lines and the numbers of the others would be wrong."""

UNREADABLE_CHARACTER = "\ufffd"
"""Stands for bytes that are no UTF-8 text, and for control characters that no value may hold."""


class FileUnreadable(WarehouseError):
    """A file is not what its name says, or ends too early."""


class ColumnTypeUnfit(WarehouseError):
    """A typed file holds a column in a type that cannot be read as what the rule asks for."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """What a file turned out to hold.

    Attributes:
        row_count: All rows.
        rejected_count: Those that break a rule.
        last_line: Of a text file the number of the last line that is a row; 0 where there is none.
        last_reason: What is wrong with that row; none where it is good.
    """

    row_count: int
    rejected_count: int
    last_line: int
    last_reason: str | None

    @property
    def good_count(self) -> int:
        """Rows that break no rule."""
        return self.row_count - self.rejected_count


class LoadIncomplete(WarehouseError):
    """The warehouse took other rows than were handed to it; nothing of them is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What the values of one column must be.

    Attributes:
        name: The column, in the file and in the table.
        type: `text`, `instant` (ISO 8601, UTC unless it has an offset), `integer` (64 bits) or `json` (kept as its text).
        is_nullable: Whether a row may leave it empty.
        accepted: The only values allowed; none given allows all.
        max_bytes: Longest text, in bytes of UTF-8; none given means no limit.
    """

    name: str
    type: ColumnType
    is_nullable: bool = False
    accepted: tuple[str, ...] = ()
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A local copy of one object, not compressed as a whole.

    A text file (CSV or JSON Lines) is UTF-8 without a byte order mark, its lines end in a single line feed, an empty line is
    written as `BLANK_LINE`, and what is no text as `UNREADABLE_CHARACTER`. One line is one row.

    Attributes:
        path: The file.
        layout: How its rows are written.
        object_key: Of the object that it was copied from.
        object_number: Of that object in its partition; kept beside each row.
        header: Names in the first line of a CSV file, in order; empty for other layouts.
        line_count: Lines of a text file, header and empty lines counted; None for Parquet.
    """

    path: Path
    layout: Layout
    object_key: str
    object_number: int
    header: tuple[str, ...] = ()
    line_count: int | None = None
