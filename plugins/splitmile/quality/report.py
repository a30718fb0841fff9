"""What a gate found, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from splitmile.errors import GateBlocked
from splitmile.quality.limits import Severity
from splitmile.warehouse import Warehouse, retried_on_conflict


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check as it came out.

    Attributes:
        name: Name of the check.
        batch: Name of the batch it looked at.
        severity: What it does when it fails.
        is_success: It held, or was skipped.
        is_skipped: There was no value to look at; `observed` says why.
        observed: What was seen, in words.
        expected: What was expected, in words.
        message: What must hold, what was seen, what was expected and what to do.
    """

    name: str
    batch: str
    severity: Severity
    is_success: bool
    is_skipped: bool
    observed: str
    expected: str
    message: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """All checks of one gate for one business date.

    Attributes:
        gate: `feeds` or `marts`.
        business_date: The date, or the as-of date.
        checks: In the order of the suites.
    """

    gate: str
    business_date: date
    checks: tuple[CheckResult, ...]

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """Failed checks that stop the run."""
        return tuple(check for check in self.checks if not check.is_success and check.severity is Severity.block)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Failed checks that only warn."""
        return tuple(check for check in self.checks if not check.is_success and check.severity is Severity.warn)

    @property
    def skipped(self) -> tuple[CheckResult, ...]:
        """Checks that had nothing to look at."""
        return tuple(check for check in self.checks if check.is_skipped)

    def raise_if_blocked(self) -> None:
        """Stop the run when a blocking check failed.

        Raises:
            GateBlocked: The message has a line for each failed check that blocks.
        """
        if self.blocking:
            lines = "\n".join(f"- {check.name}: {check.message}" for check in self.blocking)
            raise GateBlocked(
                f"the {self.gate} of business date {self.business_date} must not be used; failed checks: {len(self.blocking)}. "
                f"docs/quality.md explains each.\n{lines}"
            )

    def __str__(self) -> str:
        """One line for the log."""
        held = len(self.checks) - len(self.skipped) - len(self.blocking) - len(self.warnings)
        return (
            f"gate {self.gate} of {self.business_date}: {held} checks held, {len(self.skipped)} skipped, "
            f"{len(self.warnings)} warn, {len(self.blocking)} block"
        )


@retried_on_conflict
def keep_report(warehouse: Warehouse, report: GateReport) -> None:
    """Write a report to `ops.quality_results` in place of the one that is there for its gate and date."""
    checked_at = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        {
            "gate": report.gate,
            "business_date": report.business_date,
            "check_name": check.name,
            "severity": check.severity.value,
            "is_success": check.is_success,
            "observed": _fit(check.observed, 1024),
            "expected": _fit(check.expected, 1024),
            "message": _fit(check.message, 2048),
            "checked_at": checked_at,
        }
        for check in report.checks
    ]
    with warehouse.transaction():
        warehouse.execute("delete from ops.quality_results where gate = ? and business_date = ?", (report.gate, report.business_date))
        warehouse.append("ops.quality_results", rows)


def _fit(words: str, bytes_: int) -> str:
    """The words, cut where the column ends; Redshift counts bytes."""
    return words if len(words.encode()) <= bytes_ else words.encode()[: bytes_ - 4].decode(errors="ignore") + " …"
