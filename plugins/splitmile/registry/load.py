"""Experiment files to plans. A bad file stops its own experiment and no other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from splitmile.errors import RegistryInvalid
from splitmile.registry.document import Fault, Location, name_of, read_document
from splitmile.registry.explain import explain, suggestion
from splitmile.registry.plan import Metric, Plan, PlannedMetric, Problem, Registry, Role, Variant
from splitmile.registry.spec import ExperimentSpec, MetricsSpec

SHARES_TOLERANCE = 1e-9


@dataclass(slots=True)
class _File:
    """One file on its way to a plan."""

    path: str
    experiment_id: str | None
    id_line: int
    spec: ExperimentSpec | None
    faults: list[Fault]


def load_registry(folder: Path, metrics: Mapping[str, Metric], *, relative_to: Path) -> Registry:
    """Read every `*.yaml` and `*.yml` of a folder.

    Args:
        folder: The folder of the experiment files; folders inside it are not read.
        metrics: The metrics that experiments can use, by name (`read_metrics`).
        relative_to: Paths in problems are relative to this folder where they can be.

    Returns:
        The plans in the order of their files, and the problems by file and line.

    Raises:
        RegistryInvalid: There is no such folder.
    """
    if not folder.is_dir():
        raise RegistryInvalid(
            f"{folder} is no folder; create it, or set experiments_dir to where the experiment files are (docs/settings.md)"
        )
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    files = [_read(path, _shown_path(path, relative_to), metrics) for path in paths]
    _refuse_shared_ids(files)
    return Registry(
        plans=tuple(_plan(file.spec, metrics) for file in files if file.spec and not file.faults),
        problems=tuple(
            Problem(file.path, fault.line, file.experiment_id, fault.message)
            for file in files
            for fault in sorted(file.faults, key=lambda fault: fault.line)
        ),
    )


def _shown_path(path: Path, relative_to: Path) -> str:
    whole = path.absolute()
    return (whole.relative_to(relative_to.absolute()) if whole.is_relative_to(relative_to.absolute()) else path).as_posix()


def _read(path: Path, shown: str, metrics: Mapping[str, Metric]) -> _File:
    try:
        raw = path.read_bytes()
    except OSError as error:
        fault = Fault(1, f"the file cannot be read: {error.strerror or error}; make it a readable file or remove it")
        return _File(shown, None, 1, None, [fault])
    document = read_document(raw)
    written_id = document.values.get("id")
    file = _File(shown, written_id if isinstance(written_id, str) else None, document.line_of(("id",)), None, list(document.faults))
    if file.faults:
        return file
    try:
        file.spec = ExperimentSpec.model_validate(document.values)
    except ValidationError as error:
        found = [explain(detail) for detail in error.errors()]
    else:
        found = list(_contradictions(file.spec, metrics))
    if file.experiment_id is not None and file.experiment_id != path.stem:
        found.append((("id",), f"`id` is {written_id!r} in a file named {path.name}; rename one so that both are the same"))
    file.faults = [Fault(document.line_of(location), message) for location, message in found]
    return file


def _refuse_shared_ids(files: list[_File]) -> None:
    """Two files with one id: nobody can say which one is meant, so both stop."""
    by_id: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        if file.experiment_id is not None:
            by_id[file.experiment_id].append(file)
    for experiment_id, sharing in by_id.items():
        for file in sharing:
            others = [other.path for other in sharing if other is not file]
            if others:
                message = f"`id` {experiment_id!r} is also the id of {', '.join(others)}; give each experiment its own, or delete one file"
                file.faults.append(Fault(file.id_line, message))


def _contradictions(spec: ExperimentSpec, metrics: Mapping[str, Metric]) -> Iterator[tuple[Location, str]]:
    """What each field allows and all together do not."""
    total = math.fsum(spec.variants.values())
    if abs(total - 1) > SHARES_TOLERANCE:
        yield (
            ("variants",),
            (f'the shares of `variants` add up to {total:.12g}; expected 1; correct them (thirds as "1/3", not 0.33)'),
        )
    if spec.control not in spec.variants:
        remedy = suggestion(spec.control, spec.variants, "variant")
        yield ("control",), f"`control` is {spec.control!r}, which is none of `variants`; {remedy}"
    if spec.end < spec.start:
        yield ("end",), f"`end` is {spec.end}, before `start` {spec.start}; expected the last business date, {spec.start} or later"
    seen: dict[str, Location] = {}
    for location, name in _used_metrics(spec.metrics):
        if name not in metrics:
            yield location, f"{name_of(location)} is {name!r}, no metric of the dbt project; {suggestion(name, metrics, 'metric')}"
        if name in seen:
            yield (
                location,
                f"{name_of(location)} is {name!r}, already in {name_of(seen[name])}; a metric has one role, take one of them out",
            )
        seen.setdefault(name, location)


def _used_metrics(spec: MetricsSpec) -> Iterator[tuple[Location, str]]:
    for role in MetricsSpec.model_fields:
        for index, entry in enumerate(getattr(spec, role)):
            yield ("metrics", role, index, "metric"), entry.metric


def _plan(spec: ExperimentSpec, metrics: Mapping[str, Metric]) -> Plan:
    names = [spec.control, *(name for name in spec.variants if name != spec.control)]
    return Plan(
        experiment_id=spec.id,
        title=spec.title,
        owner=spec.owner,
        service=spec.service,
        hypothesis=spec.hypothesis,
        unit_type=spec.unit,
        variants=tuple(Variant(name, spec.variants[name], is_control=name == spec.control) for name in names),
        start_date=spec.start,
        end_date=spec.end,
        metrics=(
            *(PlannedMetric(metrics[m.metric], Role.primary, minimum_effect=m.minimum_effect) for m in spec.metrics.primary),
            *(PlannedMetric(metrics[m.metric], Role.secondary) for m in spec.metrics.secondary),
            *(PlannedMetric(metrics[m.metric], Role.guardrail, margin=m.margin) for m in spec.metrics.guardrails),
        ),
        alpha=spec.alpha,
        planned_units=spec.planned_units,
        slack_channel=spec.slack_channel,
    )
