"""Rows on their way to Redshift: judged in DuckDB, put to S3 as Parquet, taken by one COPY with a manifest."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb

from splitmile.errors import StoreUnavailable, WarehouseError
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse.interface import Row
from splitmile.warehouse.judging import JudgingStage
from splitmile.warehouse.loading import ColumnRule, IncomingFile, LoadIncomplete, StagedFile

if TYPE_CHECKING:
    from splitmile.warehouse.redshift import RedshiftWarehouse

# COPY takes its source and its authorization as literals only, so no other character may ever get into one.
_URL = re.compile(r"^s3://[A-Za-z0-9][A-Za-z0-9.-]*(/[A-Za-z0-9._=-]+)+$")
_KEY = re.compile(r"^[A-Za-z0-9/+=_.:-]+$")

_log = logging.getLogger(__name__)


class RedshiftStage:
    """See `Stage`. One prepared object for each object of the partition, so that the manifest is the ledger's list.

    Source:
        AWS, "COPY from columnar data formats" (columns are matched by position) and "Using a manifest to specify data files".
    """

    table = JudgingStage.table
    rejected = "rejected_rows"

    def __init__(self, session: RedshiftWarehouse, store: ObjectStore, settings: Settings, columns: Sequence[ColumnRule], load_id: str):
        """Open a DuckDB in memory that spills into the state folder.

        Args:
            session: Whose temporary table the rows become.
            store: The bucket of the feeds, where the prepared objects go.
            settings: The prefix for them, DuckDB's memory limit, and what COPY may read S3 by.
            columns: The rules by which rows are judged.
            load_id: Names the prepared objects, so that a second try writes over what a first one left.
        """
        self._session, self._store, self._settings, self._columns = session, store, settings, columns
        self._prefix = f"{settings.warehouse.redshift.staging_prefix}/{load_id}"
        self._manifest = f"{self._prefix}/manifest.json"
        settings.state.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="staging-", dir=settings.state))
        self._duckdb = duckdb.connect(config={"temp_directory": str(self._folder), "memory_limit": settings.warehouse.memory_limit})
        self._duckdb.execute("set timezone = 'UTC'")
        self._judging = JudgingStage(self._duckdb, columns)
        self._duckdb.execute(f"create table {self.rejected} as select object_number, line_number, reason from {self.table}")
        self._entries: list[dict[str, Any]] = []
        self._expected: dict[int, int] = {}

    def file_columns(self, file: IncomingFile) -> tuple[str, ...]:
        """See `Stage.file_columns`."""
        return self._judging.file_columns(file)

    def add(self, file: IncomingFile) -> StagedFile:
        """See `Stage.add`: judged, prepared and put to S3, so that one file at a time takes room here."""
        staged = self._judging.add(file)
        self._expected[file.object_number] = staged.row_count
        self._entries.append(self._prepare(len(self._entries)))
        self._duckdb.execute(f"insert into {self.rejected} select object_number, line_number, reason from {self._judging.rejected}")
        # Truncated rows keep their memory until a checkpoint; a table that is made anew gives it back at once.
        self._judging = JudgingStage(self._duckdb, self._columns)
        return staged

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Stage.fetch`."""
        return self._judging.fetch(sql, parameters)

    def complete(self) -> None:
        """See `Stage.complete`: manifest, COPY, and a count of what arrived."""
        self._store.put(self._manifest, json.dumps({"entries": self._entries}).encode())
        typed = ", ".join(f"{column.name} {_redshift_type(column)}" for column in self._columns)
        self._session.execute(f"drop table if exists {self.table}")
        self._session.execute(
            f"create temporary table {self.table} "
            f"(object_number integer, line_number bigint, reason varchar(1024), row_text varchar(4096), {typed})"
        )
        source = _literal(_URL, self._store.url(self._manifest))
        try:
            self._session.execute(f"copy {self.table} from '{source}' {self._authorization()} format as parquet manifest")
        except WarehouseError as error:
            raise type(error)(f"{error}{self._load_errors()} The rows loaded before stay; run the load again.") from error
        self._check_count()

    def __enter__(self) -> Self:
        """The stage itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the temporary table, the local files and the prepared objects."""
        self._duckdb.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            for number in range(len(self._entries) + 1):
                self._store.delete(self._key(number))
            self._store.delete(self._manifest)
        except StoreUnavailable as failure:
            # The load stands or has failed without them, and the next one of the same objects writes over them.
            _log.warning("prepared objects are left below %s: %s", self._store.url(self._prefix), failure)
        if error is None:
            self._session.execute(f"drop table if exists {self.table}")

    def _key(self, number: int) -> str:
        return f"{self._prefix}/{number:05d}.parquet"

    def _prepare(self, number: int) -> dict[str, Any]:
        """Write the rows that were judged last to an object, and return its entry of the manifest."""
        path = self._folder / f"{number:05d}.parquet"
        # What broke a rule may fit no column: of such a row only the reason and the text travel.
        values = ", ".join(f"case when reason is null then {column.name} end as {column.name}" for column in self._columns)
        # Snappy: COPY is not documented to read Parquet that is packed by Zstandard.
        self._duckdb.execute(
            f"copy (select object_number, line_number, reason, row_text, {values} from {self.table}) "
            f"to '{path}' (format parquet, compression snappy)"
        )
        self._store.upload(path, self._key(number))
        size = path.stat().st_size
        path.unlink()
        return {"url": self._store.url(self._key(number)), "mandatory": True, "meta": {"content_length": size}}

    def _authorization(self) -> str:
        redshift = self._settings.warehouse.redshift
        if redshift.copy_authorization == "iam_role":
            return "iam_role default" if redshift.iam_role == "default" else f"iam_role '{redshift.iam_role}'"
        keys = self._store.credentials
        if not (keys.access_key_id and keys.secret_access_key):
            raise WarehouseError(
                "`warehouse.redshift.copy_authorization` = 'connection_keys' needs the connection aws_default to have keys; "
                "give it some, or let COPY use the cluster's IAM role."
            )
        parts = [
            f"aws_access_key_id={_literal(_KEY, keys.access_key_id)}",
            f"aws_secret_access_key={_literal(_KEY, keys.secret_access_key)}",
            *([f"token={_literal(_KEY, keys.session_token)}"] if keys.session_token else []),
        ]
        return f"credentials '{';'.join(parts)}'"

    def _check_count(self) -> None:
        """Compare what Redshift says it loaded, and what is in the table, with what was handed over."""
        counted = self._session.fetch(f"select object_number, count(*) as row_count from {self.table} group by object_number")
        found = {row["object_number"]: row["row_count"] for row in counted}
        expected = {key: rows for key, rows in self._expected.items() if rows}
        total = sum(expected.values())
        history = self._session.fetch("select status, loaded_rows, error_count from sys_load_history where query_id = pg_last_copy_id()")
        told = (
            "; ".join(f"{row['status'].strip()}, {row['loaded_rows']} rows, {row['error_count']} errors" for row in history) or "no row yet"
        )
        is_whole = all(row["status"].strip() == "completed" and row["loaded_rows"] == total and not row["error_count"] for row in history)
        if found != expected or not is_whole:
            raise LoadIncomplete(
                f"COPY from {self._store.url(self._prefix)} took {sum(found.values())} of {total} rows (sys_load_history: {told}). "
                "The rows loaded before stay; run the load again."
            )
        _log.info("COPY took %d rows of %d objects (sys_load_history: %s)", total, len(self._entries), told)

    def _load_errors(self) -> str:
        """What Redshift kept of this session's last COPY error; nothing where it kept nothing or the session is lost."""
        try:
            rows = self._session.fetch(
                "select filename, line_number, colname, err_reason from stl_load_errors where session = pg_backend_pid() "
                "order by starttime desc limit 3"
            )
        except WarehouseError:
            return ""
        shown = [
            f" stl_load_errors: {r['filename'].strip()}:{r['line_number']} {r['colname'].strip()} {r['err_reason'].strip()}." for r in rows
        ]
        return "".join(shown)


def _redshift_type(column: ColumnRule) -> str:
    match column.type:
        case "instant":
            return "timestamp"
        case "integer":
            return "bigint"
        case "text" | "json":
            longest = column.max_bytes or max((len(value.encode()) for value in column.accepted), default=65535)
            return f"varchar({longest})"


def _literal(shape: re.Pattern[str], value: str) -> str:
    if not shape.match(value):
        raise WarehouseError(f"{value!r} holds a character that cannot stand in a COPY statement; rename the bucket, prefix or key.")
    return value
