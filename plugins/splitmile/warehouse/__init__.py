"""The warehouse: one interface, one module an engine, and the tables that Splitmile itself writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from splitmile.errors import SettingsInvalid
from splitmile.settings import Settings
from splitmile.warehouse.access import RedshiftAccess
from splitmile.warehouse.conflicts import retried_on_conflict
from splitmile.warehouse.duckdb import DuckDBWarehouse
from splitmile.warehouse.interface import Row, Stage, Warehouse
from splitmile.warehouse.loading import ColumnRule, ColumnTypeUnfit, FileUnreadable, IncomingFile, LoadIncomplete, StagedFile
from splitmile.warehouse.tables import create_tables

__all__ = [
    "ColumnRule",
    "ColumnTypeUnfit",
    "FileUnreadable",
    "IncomingFile",
    "LoadIncomplete",
    "RedshiftAccess",
    "Row",
    "Stage",
    "StagedFile",
    "Warehouse",
    "create_tables",
    "open_warehouse",
    "retried_on_conflict",
]


@contextmanager
def open_warehouse(settings: Settings, access: RedshiftAccess | None = None, task: str = "session") -> Iterator[Warehouse]:
    """A session on the configured warehouse, its own tables in place, closed at the end.

    Args:
        settings: Say which engine.
        access: How to reach Redshift; DuckDB needs none.
        task: Who opens it, for whoever looks at Redshift's system views.

    Raises:
        SettingsInvalid: The engine is Redshift and nothing says how to reach it.
        WarehouseError: It cannot be opened.
    """
    warehouse = _open(settings, access, task)
    try:
        create_tables(warehouse)
        yield warehouse
    finally:
        warehouse.close()


def _open(settings: Settings, access: RedshiftAccess | None, task: str) -> Warehouse:
    if settings.warehouse.engine == "duckdb":
        return DuckDBWarehouse(settings)
    if access is None:
        raise SettingsInvalid(
            "`warehouse.engine` is redshift, and no connection redshift_default says where it is; docs/deploy.md shows one."
        )
    # Imported here: the driver brings the AWS SDK with it.
    from splitmile.warehouse.redshift import RedshiftWarehouse

    return RedshiftWarehouse(settings, access, task)
