"""What drivers return, as the rows that every warehouse returns."""

from __future__ import annotations

from typing import Any

from splitmile.warehouse.interface import Row


def rows_of(cursor: Any) -> list[Row]:
    """All rows of a cursor of the Python database API, as dictionaries by column name."""
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
