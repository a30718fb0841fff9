"""The contract in code, in the tables and in the documentation is one contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splitmile.ingest import FEEDS, Feed
from splitmile.warehouse import Warehouse

DOCS = Path(__file__).parents[2] / "docs" / "feeds.md"


def documented_row(feed: Feed, name: str) -> str:
    """The line of the documentation's table that a column must have."""
    (column,) = (column for column in feed.columns if column.name == name)
    limit = f", at most {column.max_bytes} bytes" if column.max_bytes else ""
    accepted = f": {', '.join(f'`{value}`' for value in column.accepted)}" if column.accepted else ""
    return f"| `{name}` | {column.type}{limit}{accepted} | {'yes' if column.is_nullable else 'no'} | {column.description} |"


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
def test_the_documentation_lists_every_column_as_it_is(feed: Feed) -> None:
    section = re.search(rf"^## {feed.name}\n(.*?)(?=^## |\Z)", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    assert section, f"{DOCS} has no section {feed.name}"
    assert feed.grain in section[1]
    rows = [line for line in section[1].splitlines() if line.startswith("| `")]
    assert rows == [documented_row(feed, column.name) for column in feed.columns]


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
def test_the_raw_table_holds_what_the_contract_lets_in(feed: Feed, warehouse: Warehouse) -> None:
    columns = warehouse.fetch(
        "select column_name, data_type, is_nullable from information_schema.columns where table_schema = 'landing' and table_name = ?",
        [feed.name],
    )
    found = {row["column_name"]: (row["data_type"].lower(), row["is_nullable"]) for row in columns}
    text = {"varchar", "character varying"}
    types = {"text": text, "json": text, "instant": {"timestamp", "timestamp without time zone"}, "integer": {"bigint"}}
    for column in feed.columns:
        data_type, is_nullable = found[column.name]
        assert data_type in types[column.type], column.name
        assert is_nullable == ("YES" if column.is_nullable else "NO"), column.name
    assert {feed.id_column, feed.instant_column} <= {column.name for column in feed.columns if not column.is_nullable}


def test_the_documentation_names_every_setting_of_the_feeds() -> None:
    from splitmile.settings import Feeds

    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in Feeds.model_fields if f"`feeds.{name}`" not in text] == []
