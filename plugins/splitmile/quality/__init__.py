"""Quality gates: what must hold of the feeds before anything is built on them, and of the marts before they are analysed."""

from splitmile.quality.gates import check_feeds, check_marts
from splitmile.quality.limits import LIMITS, Limit, Severity
from splitmile.quality.report import CheckResult, GateReport

__all__ = ["LIMITS", "CheckResult", "GateReport", "Limit", "Severity", "check_feeds", "check_marts"]
