"""dbt makes schemas of its own, so on Redshift each test of it has a database of its own."""

from __future__ import annotations

import pytest

from splitmile.warehouse import RedshiftAccess


@pytest.fixture
def access(engine: str, request: pytest.FixtureRequest) -> RedshiftAccess | None:
    found: RedshiftAccess | None = request.getfixturevalue("redshift_access") if engine == "redshift" else None
    return found
