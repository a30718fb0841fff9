"""The warehouse: one interface, one module an engine, and the tables that Splitmile itself writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from splitmile.settings import Settings
from splitmile.warehouse.duckdb import DuckDBWarehouse
from splitmile.warehouse.interface import Row, Warehouse
from splitmile.warehouse.loading import ColumnRule, ColumnTypeUnfit, FileUnreadable, IncomingFile
from splitmile.warehouse.tables import SCHEMAS, TABLES, VIEWS

__all__ = ["ColumnRule", "ColumnTypeUnfit", "FileUnreadable", "IncomingFile", "Row", "Warehouse", "create_tables", "open_warehouse"]


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Warehouse]:
    """A session on the configured warehouse, its own tables in place, closed at the end."""
    warehouse = DuckDBWarehouse(settings)
    try:
        create_tables(warehouse)
        yield warehouse
    finally:
        warehouse.close()


def create_tables(warehouse: Warehouse) -> None:
    """Create what is missing of the schemas, tables and views that Splitmile itself writes."""
    for schema in SCHEMAS:
        warehouse.execute(f"create schema if not exists {schema}")
    for name, columns in TABLES.items():
        warehouse.execute(f"create table if not exists {name} ({columns})")
    for name, query in VIEWS.items():
        warehouse.execute(f"create or replace view {name} as {query}")
