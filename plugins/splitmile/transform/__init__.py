"""The transform: the registry's tables, and dbt."""

from __future__ import annotations

from splitmile.registry import Known, Metric, Registry, load_registry, read_measures
from splitmile.registry import read_metrics as _read_manifest
from splitmile.settings import Settings
from splitmile.transform.build import TransformReport, build_marts
from splitmile.transform.costs import ModelCost, cost_table
from splitmile.transform.dbt import manifest_document
from splitmile.transform.registry_tables import sync_registry

__all__ = ["ModelCost", "TransformReport", "build_marts", "cost_table", "read_metrics", "read_registry", "sync_registry"]


def read_metrics(settings: Settings) -> dict[str, Metric]:
    """The metrics that experiments can use, by name, from the configured metrics folder.

    Raises:
        TransformFailed: dbt cannot parse the project or the metrics folder.
        RegistryInvalid: A metric lacks what an experiment needs of it.
    """
    return _read_manifest(manifest_document(settings))


def read_registry(settings: Settings) -> Registry:
    """The experiments of the configured folder, validated against the metrics of the configured one.

    Raises:
        TransformFailed: As in `read_metrics`.
        RegistryInvalid: As in `read_metrics`, or there is no such folder.
    """
    manifest = manifest_document(settings)
    known = Known(_read_manifest(manifest), read_measures(manifest), settings.business_day)
    return load_registry(settings.path(settings.experiments_dir), known, relative_to=settings.project_dir)
