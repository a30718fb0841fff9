"""What each key of an experiment file allows and all together do not."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from splitmile.registry.document import Location, name_of
from splitmile.registry.explain import suggestion
from splitmile.registry.plan import Metric
from splitmile.registry.spec import ExperimentSpec, MetricsSpec

SHARES_TOLERANCE = 1e-9

Contradiction = tuple[Location, str]


def contradictions(spec: ExperimentSpec, metrics: Mapping[str, Metric], measures: Collection[str]) -> Iterator[Contradiction]:
    """Where a file contradicts itself or names what the dbt project does not have, and a message for each."""
    total = math.fsum(spec.variants.values())
    if abs(total - 1) > SHARES_TOLERANCE:
        yield (
            ("variants",),
            f'the shares of `variants` add up to {total:.12g}; expected 1; correct them (thirds as "1/3", not 0.33)',
        )
    if spec.control not in spec.variants:
        remedy = suggestion(spec.control, spec.variants, "variant")
        yield ("control",), f"`control` is {spec.control!r}, which is none of `variants`; {remedy}"
    if spec.end < spec.start:
        yield ("end",), f"`end` is {spec.end}, before `start` {spec.start}; expected the last business date, {spec.start} or later"
    yield from _of_metrics(spec.metrics, metrics)
    yield from _of_units(spec, measures)


def _of_metrics(spec: MetricsSpec, metrics: Mapping[str, Metric]) -> Iterator[Contradiction]:
    seen: dict[str, Location] = {}
    for location, name in used_metrics(spec):
        if name not in metrics:
            yield location, f"{name_of(location)} is {name!r}, no metric of the dbt project; {suggestion(name, metrics, 'metric')}"
        if name in seen:
            yield (
                location,
                f"{name_of(location)} is {name!r}, already in {name_of(seen[name])}; a metric has one role, take one of them out",
            )
        seen.setdefault(name, location)


def used_metrics(spec: MetricsSpec) -> Iterator[tuple[Location, str]]:
    """The metrics of a file by name, and where each stands."""
    for role in MetricsSpec.model_fields:
        for index, entry in enumerate(getattr(spec, role)):
            yield ("metrics", role, index, "metric"), entry.metric


def _of_units(spec: ExperimentSpec, measures: Collection[str]) -> Iterator[Contradiction]:
    if spec.activation is not None and spec.activation not in measures:
        remedy = suggestion(spec.activation, measures, "measure")
        yield ("activation",), f"`activation` is {spec.activation!r}, no measure of the dbt project that adds up; {remedy}"
    allowed = spec.allowed_units or []
    for place, unit_id in enumerate(spec.denied_units or []):
        if unit_id in allowed:
            location = ("denied_units", place)
            where = name_of(("allowed_units", allowed.index(unit_id)))
            yield location, f"{name_of(location)} is {unit_id!r}, which is also {where}; take it out of one of the two"
    if spec.layer and spec.layer.name == spec.holdout_of:
        yield (
            ("holdout_of",),
            f"`holdout_of` is {spec.holdout_of!r}, the layer that the experiment is in itself; take `layer` out of a holdout",
        )
