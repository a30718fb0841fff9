"""Marts that the tests of this folder make themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitmile.warehouse import RedshiftAccess


@pytest.fixture
def access(engine: str, request: pytest.FixtureRequest) -> Iterator[RedshiftAccess | None]:
    """On Redshift a database of its own, since the test makes marts."""
    if engine == "duckdb":
        yield None
        return
    with request.getfixturevalue("redshift").fresh_database() as made:
        yield made
