"""dbt's metrics as experiments use them, read from the manifest.

A metric is an ordinary one of dbt's semantic layer. What an experiment needs beyond that stands under `config.meta`:
`direction`, `display_unit`, `kind: proportion` where a unit counts as 0 or 1, and `covariate_days` where what a unit did
before its exposure tells what it will do after. A metric of another type than simple or ratio without those keys belongs
to dashboards and is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splitmile.errors import RegistryInvalid
from splitmile.registry.explain import suggestion
from splitmile.registry.plan import Direction, Metric, MetricKind

SEMANTIC_MODEL = "deliveries"
SUPPORTED_AGGREGATIONS = ("sum", "count")

_SUPPORTED_TYPES = "supported are `simple` (a measure summed per unit) and `ratio` (of two simple metrics)"
_META_KEYS = ("direction", "display_unit", "kind", "covariate_days")
_LONGEST_COVARIATE_DAYS = 365


class _Refused(Exception):
    """Why one metric cannot be used; `read_metrics` gathers them."""


def read_metrics(manifest: Mapping[str, Any]) -> dict[str, Metric]:
    """The metrics that experiments can use, by name.

    Args:
        manifest: dbt's `manifest.json` (schema version 12), as parsed JSON.

    Raises:
        RegistryInvalid: At least one metric cannot be used; each is named with its file, what is wrong and the remedy.
    """
    if "metrics" not in manifest or "semantic_models" not in manifest:
        raise RegistryInvalid("dbt's manifest has no metrics and semantic_models; make it anew with `dbt parse` of dbt 1.11")
    project = _Project(manifest)
    metrics: dict[str, Metric] = {}
    refusals = []
    for node in sorted(project.nodes.values(), key=lambda node: str(node["name"])):
        if not _is_for_experiments(node):
            continue
        try:
            metrics[node["name"]] = project.metric(node)
        except _Refused as refused:
            refusals.append(f"{node['original_file_path']}: metric {node['name']!r}: {refused}")
    if refusals:
        raise RegistryInvalid("\n".join(refusals))
    return metrics


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = node["config"].get("meta") or {}
    return meta


def _is_for_experiments(node: Mapping[str, Any]) -> bool:
    return node["type"] in {"simple", "ratio"} or any(key in _meta(node) for key in _META_KEYS)


class _Project:
    """The manifest's metrics and measures by name."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.nodes: dict[str, Mapping[str, Any]] = {node["name"]: node for node in manifest["metrics"].values()}
        self._measures = {
            measure["name"]: (model["name"], measure) for model in manifest["semantic_models"].values() for measure in model["measures"]
        }

    def metric(self, node: Mapping[str, Any]) -> Metric:
        if node["type"] not in {"simple", "ratio"}:
            raise _Refused(
                f"its type is {node['type']}, which an experiment cannot use; {_SUPPORTED_TYPES}; "
                f"take {', '.join(_META_KEYS)} out of config.meta where it is only for dashboards"
            )
        direction, display_unit, kind = _read_meta(node)
        denominator = None
        if node["type"] == "simple":
            numerator = self._measure(node)
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
            covariate_days=_covariate_days(node),
        )

    def _input(self, node: Mapping[str, Any], side: str) -> str:
        """The measure of one side of a ratio."""
        given = node["type_params"][side]
        _refuse_filter(given, f"its {side}")
        for key in ("offset_window", "offset_to_grain"):
            if given.get(key):
                raise _Refused(f"its {side} has {key}, and an experiment counts both sides over the same days; take it out")
        name = given["name"]
        if name not in self.nodes:
            raise _Refused(f"its {side} is {name!r}, which is no metric; {suggestion(name, self.nodes, 'metric')}")
        if self.nodes[name]["type"] != "simple":
            raise _Refused(f"its {side} {name!r} is of type {self.nodes[name]['type']}; expected a simple metric; name one that is")
        try:
            return self._measure(self.nodes[name])
        except _Refused as refused:
            raise _Refused(f"its {side} {name!r} cannot be used: {refused}") from refused

    def _measure(self, node: Mapping[str, Any]) -> str:
        """The measure of a simple metric, found supported."""
        given = node["type_params"]["measure"]
        _refuse_filter(node, "it")
        name = str((given or {}).get("name"))
        if given is None or name not in self._measures:
            raise _Refused(f"its measure is {name!r}, which no semantic model has; {suggestion(name, self._measures, 'measure')}")
        _refuse_filter(given, f"its measure {name!r}")
        model, measure = self._measures[name]
        if model != SEMANTIC_MODEL:
            raise _Refused(f"its measure {name!r} is of the semantic model {model!r}; expected one of {SEMANTIC_MODEL!r}; move it there")
        if measure["agg"] not in SUPPORTED_AGGREGATIONS:
            raise _Refused(
                f"its measure {name!r} is aggregated by {measure['agg']}; supported are {' and '.join(SUPPORTED_AGGREGATIONS)}; "
                "write it as a sum, or make a ratio of two sums"
            )
        if measure.get("non_additive_dimension"):
            raise _Refused(f"its measure {name!r} has a non_additive_dimension, and an experiment adds up days; take it out")
        return name


def _refuse_filter(given: Mapping[str, Any], what: str) -> None:
    # Measures are summed once for all metrics, so a filter would be left out in silence.
    if given.get("filter"):
        raise _Refused(f"{what} has a filter, which an experiment cannot apply; put the condition into the measure's expr")


def _read_meta(node: Mapping[str, Any]) -> tuple[Direction, str, MetricKind]:
    meta = _meta(node)
    for key in ("direction", "display_unit"):
        if key not in meta:
            near = [written for written in meta if suggestion(written, [key], "key").startswith("did")]
            found = f" (found {near[0]!r}: correct its spelling)" if near else ""
            wanted = "increase or decrease, whichever is better" if key == "direction" else 'such as s, KRW, "%" for a share, or ""'
            raise _Refused(f"config.meta.{key} is missing{found}; expected {wanted}; add it under config: meta:")
    direction, display_unit = meta["direction"], meta["display_unit"]
    if direction not in list(Direction):
        raise _Refused(f"config.meta.direction is {direction!r}; expected increase or decrease; write the one that is better")
    if not isinstance(display_unit, str):
        raise _Refused(f'config.meta.display_unit is {display_unit!r}; expected text such as s, or "" for none; put it in quotes')
    allowed = [MetricKind.ratio] if node["type"] == "ratio" else [MetricKind.mean, MetricKind.proportion]
    kind = meta.get("kind", allowed[0])
    if kind not in allowed:
        raise _Refused(f"config.meta.kind is {kind!r}; a {node['type']} metric can be {' or '.join(allowed)}; correct it or take it out")
    return Direction(direction), display_unit, MetricKind(kind)


def _covariate_days(node: Mapping[str, Any]) -> int | None:
    days = _meta(node).get("covariate_days")
    if days is None:
        return None
    if type(days) is not int or not 1 <= days <= _LONGEST_COVARIATE_DAYS:
        raise _Refused(
            f"config.meta.covariate_days is {days!r}; expected whole days before exposure, 1 to {_LONGEST_COVARIATE_DAYS}, such as 14; "
            "correct it, or take it out for a metric without a covariate"
        )
    return days
