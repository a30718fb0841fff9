"""Test accounts and bots: units that count in no experiment, in one file beside the experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from splitmile.registry.document import Document, Fault, Location, name_of
from splitmile.registry.explain import explain
from splitmile.registry.spec import ExcludedUnitsSpec

STEM = "excluded_units"
"""The file's name without its ending; no experiment can have this id."""


@dataclass(frozen=True, slots=True)
class ExcludedUnits:
    """What the file says.

    Attributes:
        units: Identifiers by unit type; empty where anything is wrong, so that nobody takes half a list for the whole.
        faults: What is wrong.
    """

    units: Mapping[str, tuple[str, ...]]
    faults: tuple[Fault, ...]


def is_excluded_units(path: Path) -> bool:
    """Whether a file of the experiments folder is this one."""
    return path.stem == STEM


def read_excluded_units(document: Document) -> ExcludedUnits:
    """Read the file; whatever is wrong comes back as faults."""
    if document.faults:
        return ExcludedUnits({}, document.faults)
    try:
        spec = ExcludedUnitsSpec.model_validate(document.values)
    except ValidationError as error:
        found = [explain(detail, ExcludedUnitsSpec) for detail in error.errors()]
        units = {}
    else:
        units = {unit_type: tuple(entry.unit for entry in getattr(spec, unit_type)) for unit_type in ExcludedUnitsSpec.model_fields}
        found = [fault for unit_type, ids in units.items() for fault in _repeated(unit_type, ids)]
    faults = tuple(
        Fault(document.line_of(location), f"{message}; until this is put right no unit of the file is left out of the experiments")
        for location, message in found
    )
    return ExcludedUnits({} if faults else units, faults)


def _repeated(unit_type: str, ids: Iterable[str]) -> Iterable[tuple[Location, str]]:
    seen: dict[str, int] = {}
    for place, unit_id in enumerate(ids):
        if unit_id in seen:
            first = name_of((unit_type, seen[unit_id]))
            yield (unit_type, place, "unit"), f"{name_of((unit_type, place, 'unit'))} is {unit_id!r}, already in {first}; keep one of them"
        seen.setdefault(unit_id, place)
