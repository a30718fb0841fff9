"""A database with all shims, and what a client's statements give in it; without the wire protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

from redshift_standin.catalog import bootstrap_sql
from redshift_standin.postgres import Postgres
from redshift_standin.rewrite import rewrite

_USER, _PASSWORD, _DATABASE = "awsuser", "Known2nobody", "dev"


class ShimmedDatabase:
    """Runs statements of Redshift's dialect as the stand-in does, rewritten."""

    def __init__(self, socket_dir: Path) -> None:
        self._socket_dir = socket_dir
        self._connection = self._connect(_DATABASE)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the last statement of a text returns."""
        with self._connection.cursor() as cursor:
            for statement in rewrite(sql):
                cursor.execute(statement.sql)
            return cursor.fetchall() if cursor.description else []

    def value(self, expression: str) -> Any:
        """One expression, computed by SELECT."""
        return self.rows(f"select {expression}")[0][0]

    @contextlib.contextmanager
    def user(self, name: str) -> Iterator[None]:
        """Run what follows as somebody else."""
        self.rows(f"set session authorization '{name}'")
        try:
            yield
        finally:
            self.rows("set session authorization default")

    def close(self) -> None:
        self._connection.close()

    def _connect(self, database: str) -> Any:
        connection = psycopg2.connect(host=str(self._socket_dir), user=_USER, password=_PASSWORD, dbname=database)
        connection.autocommit = True
        return connection

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path) -> Iterator[ShimmedDatabase]:
        """A new one, for as long as the block runs."""
        with Postgres(_USER, _PASSWORD, folder / "postgres.log") as postgres:
            host = str(postgres.socket_file.parent)
            for database, script in (("postgres", f"create database {_DATABASE}"), (_DATABASE, bootstrap_sql())):
                connection = psycopg2.connect(host=host, user=_USER, password=_PASSWORD, dbname=database)
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(script)
                connection.close()
            shimmed = cls(postgres.socket_file.parent)
            try:
                yield shimmed
            finally:
                shimmed.close()
