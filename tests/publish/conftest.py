"""Golden files and a Slack workspace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slack_server import SlackServer, slack_server

# Read before the tests start: they see no SPLITMILE_ variable.
_UPDATE = os.environ.get("SPLITMILE_UPDATE_GOLDEN") == "1"
_GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with its golden file; SPLITMILE_UPDATE_GOLDEN=1 writes the file instead."""

    def compare(name: str, text: str) -> None:
        path = _GOLDEN / name
        if _UPDATE:
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: write it with SPLITMILE_UPDATE_GOLDEN=1 and review it"
        assert text == path.read_text(encoding="utf-8"), (
            f"{path} differs: if that is meant, SPLITMILE_UPDATE_GOLDEN=1 and review the change"
        )

    return compare


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A Slack workspace on loopback."""
    with slack_server() as server:
        yield server
