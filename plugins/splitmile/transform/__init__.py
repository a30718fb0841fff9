"""The transform: the registry's tables, and dbt."""

from __future__ import annotations

from splitmile.registry import Metric
from splitmile.registry import read_metrics as _read_manifest
from splitmile.settings import Settings
from splitmile.transform.build import ModelRun, TransformReport, build_marts
from splitmile.transform.dbt import manifest_document
from splitmile.transform.registry_tables import sync_registry

__all__ = ["ModelRun", "TransformReport", "build_marts", "read_metrics", "sync_registry"]


def read_metrics(settings: Settings) -> dict[str, Metric]:
    """The metrics that experiments can use, by name, from the configured metrics folder.

    Raises:
        TransformFailed: dbt cannot parse the project or the metrics folder.
        RegistryInvalid: A metric lacks what an experiment needs of it.
    """
    return _read_manifest(manifest_document(settings))
