"""What a run of dbt costs: seconds, statements, rows and bytes of each model, test and hook.

dbt tells the collector of every statement as it ends, in the thread that ran it. What the engine read and wrote for it DuckDB's profile
of the connection tells at once, and Redshift's system views after the run. A figure that nobody tells is None, never 0.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from splitmile.warehouse import Warehouse

DBT = "dbt"
"""Name of the row that has what dbt takes for itself."""

_CLOCKS_DIFFER_BY = timedelta(minutes=5)
_BLOCK_BYTES = 1 << 20
_COMMENT_KEYS = re.compile(r'"(invocation_id|node)":\s*"([^"]*)"')

_WRITING = ("INSERT", "BATCH_INSERT", "CREATE_TABLE_AS", "BATCH_CREATE_TABLE_AS", "UPDATE", "MERGE_INTO")


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one model, test or hook took in one run.

    Attributes:
        model: Its name; `dbt` for what no node asked for.
        resource_type: dbt's own word; `session` in the row of dbt.
        status: dbt's own word.
        seconds: From its start to its end; of dbt, those in which no statement was running.
        sql_seconds: Of them, those that the engine took for its statements.
        statements: How many it sent.
        rows_written: Rows inserted or updated, into temporary tables too.
        rows_read: Rows scanned.
        bytes_read: Read from disk, or on Redshift from blocks; what lies in memory already does not count.
        peak_memory_bytes: The most that the engine held in memory while one of its statements ran.
    """

    model: str
    resource_type: str
    status: str
    seconds: float
    sql_seconds: float
    statements: int
    rows_written: int | None
    rows_read: int | None
    bytes_read: int | None
    peak_memory_bytes: int | None


@dataclass(slots=True)
class EngineFigures:
    """What the engine says of some statements; None until it says something."""

    rows_written: int | None = None
    rows_read: int | None = None
    bytes_read: int | None = None
    peak_memory_bytes: int | None = None

    def add(self, rows_written: int | None, rows_read: int | None, bytes_read: int | None, peak_memory_bytes: int | None) -> None:
        """Take in one more statement."""
        self.rows_written = _sum(self.rows_written, rows_written)
        self.rows_read = _sum(self.rows_read, rows_read)
        self.bytes_read = _sum(self.bytes_read, bytes_read)
        if peak_memory_bytes is not None:
            self.peak_memory_bytes = max(self.peak_memory_bytes or 0, peak_memory_bytes)


@dataclass(slots=True)
class _Statements:
    count: int = 0
    seconds: float = 0.0
    figures: EngineFigures = field(default_factory=EngineFigures)


class CostCollector:
    """A callback for `dbt.invoke` that adds up what the statements of each node take; one for each invocation.

    Attributes:
        invocation_id: dbt's own, as it stands in the comment of every statement; empty before the first event.
    """

    def __init__(self) -> None:
        """The clock starts."""
        self.invocation_id = ""
        self._started = time.perf_counter()
        self._of_node: defaultdict[str, _Statements] = defaultdict(_Statements)
        self._running: list[tuple[float, float]] = []
        self._unread: dict[int, str] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Any) -> None:
        """Take in one event of dbt's."""
        thread = threading.get_ident()
        if thread in self._unread:
            # A query's profile is whole when its rows have been fetched, which they are by the next event; after it the connection
            # may be closed or have run another statement.
            self._read_profile(self._unread.pop(thread))
        if event.info.name != "SQLQueryStatus":
            return
        now, elapsed, node = time.perf_counter(), event.data.elapsed, event.data.node_info.unique_id
        with self._lock:
            self.invocation_id = event.info.invocation_id
            self._running.append((now - elapsed, now))
            statements = self._of_node[node]
            statements.count += 1
            statements.seconds += elapsed
        self._unread[thread] = node

    def costs(self, results: Iterable[Any], redshift: Mapping[str, EngineFigures] | None = None) -> tuple[ModelCost, ...]:
        """What the run took, in the order of dbt's results; last what dbt took for itself.

        Args:
            results: dbt's run results.
            redshift: By node, what `redshift_figures` has read; on DuckDB the profiles have it already.
        """
        seconds = time.perf_counter() - self._started
        known = {node: statements.figures for node, statements in self._of_node.items()} | dict(redshift or {})
        found = []
        for result in results:
            node = result.node
            if str(result.status) == "no-op":  # an exposure: nothing runs for it
                continue
            found.append(self._cost(node.name, str(node.resource_type), str(result.status), result.execution_time, node.unique_id, known))
        return (*found, self._cost(DBT, "session", "success", seconds - _covered(self._running), "", known))

    def _cost(
        self, name: str, resource_type: str, status: str, seconds: float, node: str, figures: Mapping[str, EngineFigures]
    ) -> ModelCost:
        # A get on a defaultdict makes no entry.
        statements = self._of_node.get(node, _Statements())
        said = asdict(figures.get(node, EngineFigures()))
        return ModelCost(name, resource_type, status, round(seconds, 4), round(statements.seconds, 4), statements.count, **said)

    def _read_profile(self, node: str) -> None:
        from dbt.adapters.factory import get_adapter_by_type

        try:
            connection = get_adapter_by_type("duckdb").connections.get_if_exists()
        except KeyError:
            return
        if connection is None or connection.handle is None:
            return
        profile = json.loads(connection.handle.cursor().get_profiling_information("json"))
        if profile.get("query_name"):
            with self._lock:
                self._of_node[node].figures.add(*_profiled(profile))


def redshift_figures(warehouse: Warehouse, invocation_id: str, started_at: datetime) -> dict[str, EngineFigures]:
    """By node, what Redshift's system views say of the statements of one invocation; nothing of those that the views do not have yet.

    Every statement has the node and the invocation as JSON in a comment at its end, of which a long statement has only a part in
    each row.

    Args:
        warehouse: A session of the user that ran dbt, who sees its own statements.
        invocation_id: dbt's own.
        started_at: Of the run, UTC.
    """
    run = ["splitmile:build_marts", started_at - _CLOCKS_DIFFER_BY]
    texts: defaultdict[int, str] = defaultdict(str)
    for row in warehouse.fetch(
        "select t.query_id, t.sequence, t.text from sys_query_text as t inner join sys_query_history as h on t.query_id = h.query_id "
        "where h.query_label = ? and h.start_time >= ? order by t.query_id, t.sequence",
        run,
    ):
        texts[row["query_id"]] += row["text"]
    figures: defaultdict[str, EngineFigures] = defaultdict(EngineFigures)
    for row in warehouse.fetch(
        "select d.query_id, "
        "sum(case when d.step_name = 'insert' then d.output_rows end) as rows_written, "
        "sum(case when d.step_name = 'scan' and d.table_id > 0 then d.input_rows end) as rows_read, "
        "sum(d.blocks_read) as blocks_read "
        "from sys_query_detail as d inner join sys_query_history as h on d.query_id = h.query_id "
        "where h.query_label = ? and h.start_time >= ? and d.metrics_level = 'step' group by d.query_id",
        run,
    ):
        said = dict(_COMMENT_KEYS.findall(texts[row["query_id"]]))
        if said.get("invocation_id") == invocation_id:
            written, read, blocks = (None if row[name] is None else int(row[name]) for name in ("rows_written", "rows_read", "blocks_read"))
            figures[said.get("node", "")].add(written, read, None if blocks is None else blocks * _BLOCK_BYTES, None)
    return dict(figures)


def record_costs(warehouse: Warehouse, run_id: str, business_date: date, costs: Sequence[ModelCost], ran_at: datetime) -> None:
    """Keep what a run took in `ops.model_costs`."""
    said = {"run_id": run_id, "business_date": business_date, "ran_at": ran_at}
    warehouse.append("ops.model_costs", [{**said, **asdict(cost)} for cost in costs])


def cost_table(costs: Sequence[ModelCost]) -> str:
    """The costs as an aligned text, dearest first, then their sum, then dbt itself; a figure that nobody told is left empty."""
    nodes = sorted((cost for cost in costs if cost.model != DBT), key=lambda cost: (-cost.seconds, cost.model))
    own = [cost for cost in costs if cost.model == DBT]
    rows = [_HEADINGS, *map(_cells, nodes), _cells(_total(nodes)), *map(_cells, own)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.ljust(w) if at < _TEXTS else cell.rjust(w) for at, (cell, w) in enumerate(zip(r, widths, strict=True))) for r in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


_HEADINGS = ("model", "type", "status", "seconds", "sql", "statements", "rows written", "rows read", "MB read", "peak MB")
_TEXTS = 3


def _cells(cost: ModelCost) -> tuple[str, ...]:
    rows = (f"{rows:,}" if rows is not None else "" for rows in (cost.rows_written, cost.rows_read))
    megabytes = (f"{size / 1e6:,.1f}" if size is not None else "" for size in (cost.bytes_read, cost.peak_memory_bytes))
    seconds = (f"{cost.seconds:.3f}", f"{cost.sql_seconds:.3f}", f"{cost.statements:,}")
    return (cost.model, cost.resource_type, cost.status, *seconds, *rows, *megabytes)


def _total(costs: Sequence[ModelCost]) -> ModelCost:
    figures = EngineFigures()
    for cost in costs:
        figures.add(cost.rows_written, cost.rows_read, cost.bytes_read, cost.peak_memory_bytes)
    seconds, sql = sum(cost.seconds for cost in costs), sum(cost.sql_seconds for cost in costs)
    return ModelCost("all of these", "", "", seconds, sql, sum(cost.statements for cost in costs), **asdict(figures))


def _profiled(profile: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Rows written and read, bytes read and peak memory of one statement; DuckDB profiles the last one of several sent as one."""
    written = 0
    for root in profile["children"]:
        if root["operator_type"] in _WRITING:
            # The statement itself returns one row, the count; what it counts are the rows of the operator below.
            written += sum(child["operator_cardinality"] for child in root["children"])
    return written, profile["cumulative_rows_scanned"], profile["total_bytes_read"], profile["system_peak_buffer_memory"]


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in which at least one statement was running; on Redshift models run side by side."""
    covered, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        covered += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return covered
