"""Loading is the same on both engines, so every test of it runs on both."""

from __future__ import annotations

import pytest

from redshift_target import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines, one after the other."""
    return str(request.param)
