"""Names that go into statements as they are; values never do."""

from __future__ import annotations

import re

from splitmile.errors import WarehouseError

_NAME = re.compile(r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$")


def plain_names(table: str, *columns: str) -> None:
    """Refuse what is no plain name of a table, with or without a schema, or of a column.

    Raises:
        WarehouseError: One of them is not.
    """
    if not all(_NAME.match(name) for name in (table, *columns)):
        raise WarehouseError(f"{table} ({', '.join(columns)}) is no plain table and column names")
