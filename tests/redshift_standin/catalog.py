"""What the fresh database must hold before the first client comes: Redshift's types, functions, aggregates and system views."""

from __future__ import annotations

from pathlib import Path

_SHIMS = Path(__file__).with_name("shims")

# In the order in which they build on each other.
_FILES = (
    "schema",
    "types",
    "aggregates",
    "functions",
    "tables",
    "late_binding",
    "catalog",
    "system_views",
    "load_tables",
    "load_views",
    "statement_log",
    "show",
)


def bootstrap_sql() -> str:
    """All shims, to be run once by a superuser."""
    return "\n".join((_SHIMS / f"{name}.sql").read_text(encoding="utf-8") for name in _FILES)
