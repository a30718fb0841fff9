"""Seconds of SQL by dbt's node, from dbt's own events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def collected_sql() -> Iterator[dict[str, float]]:
    """Seconds of SQL by dbt's node, of every dbt command meanwhile."""
    from dbt.cli import main

    sql: dict[str, float] = defaultdict(float)

    def collect(event: Any) -> None:
        if event.info.name == "SQLQueryStatus":
            sql[event.data.node_info.unique_id or "dbt"] += event.data.elapsed

    runner = main.dbtRunner

    def with_collector(manifest: Any = None, callbacks: Sequence[Any] = ()) -> Any:
        return runner(manifest=manifest, callbacks=[*callbacks, collect])

    main.dbtRunner = with_collector  # type: ignore[assignment, misc]
    try:
        yield sql
    finally:
        main.dbtRunner = runner  # type: ignore[misc]
