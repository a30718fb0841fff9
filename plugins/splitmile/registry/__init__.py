"""The registry: experiment files become plans."""

from splitmile.registry.load import load_registry
from splitmile.registry.metrics import read_metrics
from splitmile.registry.plan import Direction, Metric, MetricKind, Plan, PlannedMetric, Problem, Registry, Role, Variant
from splitmile.registry.revision import git_revision
from splitmile.registry.spec import json_schema

__all__ = [
    "Direction",
    "Metric",
    "MetricKind",
    "Plan",
    "PlannedMetric",
    "Problem",
    "Registry",
    "Role",
    "Variant",
    "git_revision",
    "json_schema",
    "load_registry",
    "read_metrics",
]
