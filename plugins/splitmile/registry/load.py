"""Experiment files to plans. A bad file stops its own experiment and no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from splitmile.errors import RegistryInvalid
from splitmile.registry.contradictions import contradictions
from splitmile.registry.document import Document, Fault, read_document
from splitmile.registry.excluded_units import ExcludedUnits, is_excluded_units, read_excluded_units
from splitmile.registry.explain import explain
from splitmile.registry.layers import Tenant, layer_faults
from splitmile.registry.plan import Layer, Metric, Plan, PlannedMetric, Problem, Registry, Role, Variant
from splitmile.registry.spec import ExperimentSpec
from splitmile.registry.switchback import planned_switchback, switchback_contradictions
from splitmile.settings import BusinessDay


@dataclass(frozen=True, slots=True)
class Known:
    """What experiment files are validated against.

    Attributes:
        metrics: The metrics that experiments can use, by name (`read_metrics`).
        measures: The measures that can activate a unit (`read_measures`).
        business_day: When a business date begins.
    """

    metrics: Mapping[str, Metric]
    measures: Collection[str]
    business_day: BusinessDay


@dataclass(slots=True)
class _File:
    """One file on its way to a plan."""

    path: str
    document: Document
    spec: ExperimentSpec | None
    faults: list[Fault]

    @property
    def experiment_id(self) -> str | None:
        """The id, where one is written."""
        written = self.document.values.get("id")
        return written if isinstance(written, str) else None


def load_registry(folder: Path, known: Known, *, relative_to: Path) -> Registry:
    """Read every `*.yaml` and `*.yml` of a folder.

    Args:
        folder: The folder of the experiment files; folders inside it are not read.
        known: What the files are validated against.
        relative_to: Paths in problems are relative to this folder where they can be.

    Returns:
        The plans in the order of their files, and the problems by file and line. Problems of `excluded_units.yaml` stop no experiment.

    Raises:
        RegistryInvalid: There is no such folder.
    """
    if not folder.is_dir():
        raise RegistryInvalid(
            f"{folder} is no folder; create it, or set experiments_dir to where the experiment files are (docs/settings.md)"
        )
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    files = [_read(path, _shown_path(path, relative_to), known) for path in paths if not is_excluded_units(path)]
    _refuse_shared_ids(files)
    _refuse_crowded_layers(files)
    excluded, problems = _excluded_units([path for path in paths if is_excluded_units(path)], relative_to)
    problems += [
        Problem(file.path, fault.line, file.experiment_id, fault.message)
        for file in files
        for fault in sorted(file.faults, key=lambda fault: fault.line)
    ]
    return Registry(
        plans=tuple(_plan(file.spec, known.metrics, excluded) for file in files if file.spec and not file.faults),
        problems=tuple(sorted(problems, key=lambda problem: problem.path)),
    )


def _shown_path(path: Path, relative_to: Path) -> str:
    whole = path.absolute()
    return (whole.relative_to(relative_to.absolute()) if whole.is_relative_to(relative_to.absolute()) else path).as_posix()


def _read(path: Path, shown: str, known: Known) -> _File:
    document = _document(path)
    file = _File(shown, document, None, list(document.faults))
    if file.faults:
        return file
    try:
        file.spec = ExperimentSpec.model_validate(document.values)
    except ValidationError as error:
        found = [explain(detail) for detail in error.errors()]
    else:
        found = [
            *contradictions(file.spec, known.metrics, known.measures),
            *switchback_contradictions(file.spec, known.metrics, known.business_day),
        ]
    if file.experiment_id is not None and file.experiment_id != path.stem:
        found.append((("id",), f"`id` is {file.experiment_id!r} in a file named {path.name}; rename one so that both are the same"))
    file.faults = [Fault(document.line_of(location), message) for location, message in found]
    return file


def _document(path: Path) -> Document:
    try:
        return read_document(path.read_bytes())
    except OSError as error:
        fault = Fault(1, f"the file cannot be read: {error.strerror or error}; make it a readable file or remove it")
        return Document({}, {}, (fault,))


def _excluded_units(paths: Sequence[Path], relative_to: Path) -> tuple[ExcludedUnits, list[Problem]]:
    """The units of the one file there may be; of a second one, with the other ending, a problem."""
    if not paths:
        return ExcludedUnits({}, ()), []
    excluded = read_excluded_units(_document(paths[0]))
    second = f"{paths[0].name} is there too and is the one that is read; put both into one file"
    faults = [(paths[0], fault) for fault in sorted(excluded.faults, key=lambda fault: fault.line)]
    faults += [(path, Fault(1, second)) for path in paths[1:]]
    problems = [Problem(_shown_path(path, relative_to), fault.line, None, fault.message, stops_experiment=False) for path, fault in faults]
    return excluded, problems


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
                file.faults.append(Fault(file.document.line_of(("id",)), message))


def _refuse_crowded_layers(files: list[_File]) -> None:
    """Experiments that would have to share units: the one that starts later stops."""
    sound = {file.path: file for file in files if file.spec and not file.faults}
    tenants = [tenant for path, file in sound.items() if file.spec for tenant in _tenants(path, file.spec)]
    written = [file.document.values.get("layer") for file in files]
    known_layers = frozenset(str(layer.get("name")) for layer in written if isinstance(layer, dict))
    for tenant, location, message in layer_faults(tenants, known_layers):
        file = sound[tenant.path]
        file.faults.append(Fault(file.document.line_of(location), message))


def _tenants(path: str, spec: ExperimentSpec) -> list[Tenant]:
    parts = [(spec.layer.name, spec.layer.share, False)] if spec.layer else []
    if spec.holdout_of:
        parts.append((spec.holdout_of, spec.variants[spec.control], True))
    return [Tenant(path, name, spec.unit, share, is_holdout, spec.start, spec.end) for name, share, is_holdout in parts]


def _plan(spec: ExperimentSpec, metrics: Mapping[str, Metric], excluded: ExcludedUnits) -> Plan:
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
        segments=tuple(spec.segments),
        activation=spec.activation,
        allowed_units=tuple(spec.allowed_units or ()),
        denied_units=tuple(dict.fromkeys((*(spec.denied_units or ()), *excluded.units.get(spec.unit, ())))),
        layer=Layer(spec.layer.name, spec.layer.share) if spec.layer else None,
        holdout_of=spec.holdout_of,
        switchback=planned_switchback(spec.switchback) if spec.switchback else None,
    )
