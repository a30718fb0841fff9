"""docs/quality.md has a row for every check, and the row says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitmile.quality.checks import Check, Suite
from splitmile.quality.limits import LIMITS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quality.md"


def row_of(check: Check) -> str:
    """The row of a check in the page's tables."""
    return f"| `{check.name}` | {check.severity} | {check.limit} | {check.description} | {check.remedy} |"


@pytest.mark.parametrize("name", LIMITS)
def test_the_page_has_the_check(suites: tuple[Suite, ...], name: str) -> None:
    check = next(check for suite in suites for check in suite.checks if check.name == name)
    assert row_of(check) in PAGE.read_text(encoding="utf-8").splitlines(), f"{PAGE.name} needs the row:\n{row_of(check)}"


def test_the_page_has_no_check_that_is_gone() -> None:
    named = [line.split("`")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert sorted(named) == sorted(LIMITS)


def test_a_row_that_differs_is_seen(suites: tuple[Suite, ...]) -> None:
    """The guard compares whole rows, so another limit is another row."""
    check = suites[0].checks[0]
    assert row_of(check).replace("at least 1", "at least 2") not in PAGE.read_text(encoding="utf-8").splitlines()
