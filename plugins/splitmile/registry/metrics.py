"""dbt's metrics as experiments use them, read from the manifest.

A metric is an ordinary one of dbt's semantic layer. What an experiment needs beyond that stands under `config.meta`
(`metric_settings`). A metric of another type than simple or ratio without those keys belongs to dashboards and is passed
over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from splitmile.errors import RegistryInvalid
from splitmile.registry.explain import suggestion
from splitmile.registry.metric_settings import (
    META_KEYS,
    MetricRefused,
    read_cap,
    read_covariate_days,
    read_direction,
    read_kind,
    read_quantile,
    read_window,
    refuse_misplaced,
)
from splitmile.registry.plan import Metric

SEMANTIC_MODEL = "deliveries"
SUPPORTED_AGGREGATIONS = ("sum", "count")

PERCENTILE = "percentile"

_SUPPORTED_TYPES = "supported are `simple` (a measure summed per unit, or a percentile) and `ratio` (of two simple metrics)"
# Measures that a quantile metric adds to unit_days under its own name.
_OF_A_QUANTILE = ("observed", "near")


def read_metrics(manifest: Mapping[str, Any]) -> dict[str, Metric]:
    """The metrics that experiments can use, by name.

    Args:
        manifest: dbt's `manifest.json` (schema version 12), as parsed JSON.

    Raises:
        RegistryInvalid: At least one metric cannot be used; each is named with its file, what is wrong and the remedy.
    """
    project = _Project(manifest)
    metrics: dict[str, Metric] = {}
    refusals = []
    for node in sorted(project.nodes.values(), key=lambda node: str(node["name"])):
        if not _is_for_experiments(node):
            continue
        try:
            metrics[node["name"]] = project.metric(node)
        except MetricRefused as refused:
            refusals.append(f"{node['original_file_path']}: metric {node['name']!r}: {refused}")
    if refusals:
        raise RegistryInvalid("\n".join(refusals))
    return metrics


def read_measures(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The measures that are added up per unit and day, in the order written.

    Args:
        manifest: As for `read_metrics`.

    Raises:
        RegistryInvalid: It is no manifest.
    """
    return _Project(manifest).additive_measures()


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = node["config"].get("meta") or {}
    return meta


def _is_for_experiments(node: Mapping[str, Any]) -> bool:
    return node["type"] in {"simple", "ratio"} or any(key in _meta(node) for key in META_KEYS)


class _Project:
    """The manifest's metrics and measures by name."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        if "metrics" not in manifest or "semantic_models" not in manifest:
            raise RegistryInvalid("dbt's manifest has no metrics and semantic_models; make it anew with `dbt parse` of dbt 1.11")
        self.nodes: dict[str, Mapping[str, Any]] = {node["name"]: node for node in manifest["metrics"].values()}
        self._measures = {
            measure["name"]: (model["name"], measure) for model in manifest["semantic_models"].values() for measure in model["measures"]
        }

    def additive_measures(self) -> tuple[str, ...]:
        """Those of `SEMANTIC_MODEL` that are a sum or a count."""
        return tuple(
            name
            for name, (model, measure) in self._measures.items()
            if model == SEMANTIC_MODEL and measure["agg"] in SUPPORTED_AGGREGATIONS and not measure.get("non_additive_dimension")
        )

    def metric(self, node: Mapping[str, Any]) -> Metric:
        if node["type"] not in {"simple", "ratio"}:
            raise MetricRefused(
                f"its type is {node['type']}, which an experiment cannot use; {_SUPPORTED_TYPES}; "
                f"take {', '.join(META_KEYS)} out of config.meta where it is only for dashboards"
            )
        meta = _meta(node)
        direction, display_unit = read_direction(meta)
        quantile = self._quantile(node) if self._is_percentile(node) else None
        kind = read_kind(meta, node["type"], is_percentile=quantile is not None)
        refuse_misplaced(meta, kind)
        denominator = None
        if node["type"] == "simple":
            numerator = self._measure(node, SUPPORTED_AGGREGATIONS if quantile is None else (PERCENTILE,))
        else:
            _refuse_filter(node, "it")
            numerator = self._input(node, "numerator")
            denominator = self._input(node, "denominator")
        return Metric(
            name=node["name"],
            label=node["label"],
            description=node["description"] or node["label"],
            kind=kind,
            numerator=numerator,
            denominator=denominator,
            direction=direction,
            display_unit=display_unit,
            covariate_days=read_covariate_days(meta),
            quantile=quantile,
            window=read_window(meta),
            cap=read_cap(meta),
        )

    def _is_percentile(self, node: Mapping[str, Any]) -> bool:
        name = _measure_name(node) if node["type"] == "simple" else None
        return name in self._measures and self._measures[name][1]["agg"] == PERCENTILE

    def _quantile(self, node: Mapping[str, Any]) -> float:
        quantile = read_quantile(self._measures[_measure_name(node)][1], _meta(node))
        for ending in _OF_A_QUANTILE:
            if (name := f"{node['name']}_{ending}") in self._measures:
                raise MetricRefused(f"it makes a measure {name!r} of its own, and there is one of that name; rename one of them")
        return quantile

    def _input(self, node: Mapping[str, Any], side: str) -> str:
        """The measure of one side of a ratio."""
        given = node["type_params"][side]
        _refuse_filter(given, f"its {side}")
        for key in ("offset_window", "offset_to_grain"):
            if given.get(key):
                raise MetricRefused(f"its {side} has {key}, and an experiment counts both sides over the same days; take it out")
        name = given["name"]
        if name not in self.nodes:
            raise MetricRefused(f"its {side} is {name!r}, which is no metric; {suggestion(name, self.nodes, 'metric')}")
        if self.nodes[name]["type"] != "simple":
            raise MetricRefused(f"its {side} {name!r} is of type {self.nodes[name]['type']}; expected a simple metric; name one that is")
        try:
            return self._measure(self.nodes[name], SUPPORTED_AGGREGATIONS)
        except MetricRefused as refused:
            raise MetricRefused(f"its {side} {name!r} cannot be used: {refused}") from refused

    def _measure(self, node: Mapping[str, Any], aggregations: Collection[str]) -> str:
        """The measure of a simple metric, found supported."""
        given, name = node["type_params"]["measure"], _measure_name(node)
        _refuse_filter(node, "it")
        if given is None or name not in self._measures:
            raise MetricRefused(f"its measure is {name!r}, which no semantic model has; {suggestion(name, self._measures, 'measure')}")
        _refuse_filter(given, f"its measure {name!r}")
        model, measure = self._measures[name]
        if model != SEMANTIC_MODEL:
            raise MetricRefused(
                f"its measure {name!r} is of the semantic model {model!r}; expected one of {SEMANTIC_MODEL!r}; move it there"
            )
        if measure["agg"] not in aggregations:
            raise MetricRefused(
                f"its measure {name!r} is aggregated by {measure['agg']}; supported are {' and '.join(SUPPORTED_AGGREGATIONS)}"
                f" (and {PERCENTILE} in a simple metric); write it as a sum, or make a ratio of two sums"
            )
        if measure.get("non_additive_dimension"):
            raise MetricRefused(f"its measure {name!r} has a non_additive_dimension, and an experiment adds up days; take it out")
        return name


def _measure_name(node: Mapping[str, Any]) -> str:
    """The measure that a simple metric names; text that is no measure where it names none."""
    return str((node["type_params"]["measure"] or {}).get("name"))


def _refuse_filter(given: Mapping[str, Any], what: str) -> None:
    # Measures are summed once for all metrics, so a filter would be left out in silence.
    if given.get("filter"):
        raise MetricRefused(f"{what} has a filter, which an experiment cannot apply; put the condition into the measure's expr")
