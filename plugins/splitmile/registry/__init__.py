"""The registry: experiment files become plans."""

from splitmile.registry.load import Known, load_registry
from splitmile.registry.metrics import read_measures, read_metrics
from splitmile.registry.plan import (
    Cap,
    Direction,
    Layer,
    Metric,
    MetricKind,
    Plan,
    PlannedMetric,
    Problem,
    Registry,
    Role,
    Switchback,
    Variant,
    Window,
)
from splitmile.registry.revision import git_revision
from splitmile.registry.spec import json_schema

__all__ = [
    "Cap",
    "Direction",
    "Known",
    "Layer",
    "Metric",
    "MetricKind",
    "Plan",
    "PlannedMetric",
    "Problem",
    "Registry",
    "Role",
    "Switchback",
    "Variant",
    "Window",
    "git_revision",
    "json_schema",
    "load_registry",
    "read_measures",
    "read_metrics",
]
