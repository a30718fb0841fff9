"""What a spec refuses, said to the person who wrote the file: what is wrong, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from splitmile.registry.document import Location, name_of
from splitmile.registry.spec import ExperimentSpec


def explain(error: ErrorDetails, spec: type[BaseModel] = ExperimentSpec) -> tuple[Location, str]:
    """Where a validation error of a spec is, and a message for it."""
    location = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        remedy = suggestion(str(location[-1]), _known_keys(location[:-1], spec), "key")
        return location, f"{name_of(location)} is no known key; {remedy}"
    expected = "docs/experiments.md has the format"
    if named := _field_at(location, spec):
        key, field = named
        expected = f"expected {field.description}, for example `{key}: {_as_yaml((field.examples or [''])[0])}`"
    if error["type"] == "missing":
        return location, f"{name_of(location)} is missing; {expected}; add it"
    reason = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"].removeprefix("Input ").removeprefix("Value ")
    return location, f"{name_of(location)} is {_shown(error['input'])}: {reason}; {expected}"


def suggestion(name: str, known: Iterable[str], noun: str) -> str:
    """The remedy for a name that nobody knows: the likely one, or all there are."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"every known {noun}: {', '.join(names)}" if names else f"there is no {noun} at all yet"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _as_yaml(value: Any) -> str:
    """A value as it would stand behind its key."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_as_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_yaml, value)) + "]"
    return f'"{value}"' if str(value).startswith("#") else str(value)


def _known_keys(location: Location, spec: type[BaseModel]) -> Iterable[str]:
    """The keys that the mapping at a location may have."""
    named = _field_at(location, spec)
    model = _model_in(named[1].annotation) if named else spec
    return (model or spec).model_fields


def _field_at(location: Location, spec: type[BaseModel]) -> tuple[str, FieldInfo] | None:
    """The innermost field named in a location, with its key; a variant or a list item belongs to the field it is in."""
    model: type[BaseModel] | None = spec
    named = None
    for part in location:
        if model and isinstance(part, str) and part in model.model_fields:
            named = part, model.model_fields[part]
            model = _model_in(named[1].annotation)
    return named


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
