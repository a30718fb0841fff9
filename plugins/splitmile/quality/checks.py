"""What a check and a suite are.

A check is one expectation that Great Expectations has for pandas and for SQL alike, with the words that a person needs when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from splitmile.quality.batches import Batch
from splitmile.quality.limits import LIMITS, Limit, Severity

BETWEEN = "ExpectColumnValuesToBeBetween"
IN_SET = "ExpectColumnValuesToBeInSet"
NOT_NULL = "ExpectColumnValuesToNotBeNull"
NOT_BEFORE = "ExpectColumnPairValuesAToBeGreaterThanB"
EQUAL = "ExpectColumnPairValuesToBeEqual"


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation and what it means.

    Attributes:
        name: Stable; the key of `LIMITS`, of `ops.quality_results` and of docs/quality.md.
        description: What must hold.
        remedy: What to do when it does not.
        expectation: Name of Great Expectations' class.
        arguments: Its arguments, the limit's left out.
        when_empty: Why there may be no value to look at; the check is then skipped, which is said.
    """

    name: str
    description: str
    remedy: str
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    when_empty: str = "there are no such rows"

    @property
    def limit(self) -> Limit:
        """Where it draws the line."""
        return LIMITS[self.name]

    @property
    def severity(self) -> Severity:
        """What it does when it fails."""
        return self.limit.severity

    @property
    def expected(self) -> str:
        """What is expected, in words."""
        accepted = self.arguments.get("value_set")
        return f"one of {', '.join(accepted) or 'nothing'}, {self.limit}" if accepted is not None else str(self.limit)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the batch it looks at."""
        return tuple(self.arguments[key] for key in ("column", "column_A", "column_B") if key in self.arguments)


@dataclass(frozen=True, slots=True)
class Suite:
    """A batch and its checks."""

    batch: Batch
    checks: tuple[Check, ...]
