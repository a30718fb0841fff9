"""Results to JSON and back, and the JSON Schema of both."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from splitmile.errors import AnalysisError
from splitmile.results.digests import Digest
from splitmile.results.readouts import PowerReadout, Readout, SplitReadout, SwitchbackReadout
from splitmile.results.scorecards import SCHEMA_VERSION, Scorecard

Result = Scorecard | Digest | Readout | SplitReadout | PowerReadout | SwitchbackReadout
_Result = TypeVar("_Result", Scorecard, Digest, Readout, SplitReadout, PowerReadout, SwitchbackReadout)


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(result_type: type[Any]) -> TypeAdapter[Any]:
    """Made when it is first needed: a command line that writes one type does not wait for all."""
    if result_type not in _ADAPTERS:
        _ADAPTERS[result_type] = TypeAdapter(result_type)
    return _ADAPTERS[result_type]


def to_json(result: Result, *, indent: int | None = None) -> str:
    """A result as JSON text; floats keep every digit."""
    text: bytes = _adapter(type(result)).dump_json(result, indent=indent)
    return text.decode()


def from_json(result_type: type[_Result], text: str) -> _Result:
    """A result from its JSON text.

    Raises:
        AnalysisError: The text is of another version, or is not such a result.
    """
    try:
        result: _Result = _adapter(result_type).validate_json(text)
    except ValidationError as error:
        raise AnalysisError(f"this text is no {result_type.__name__}: {error}") from error
    if result.schema_version != SCHEMA_VERSION:
        raise AnalysisError(
            f"this {result_type.__name__} has schema version {result.schema_version}, this Splitmile reads {SCHEMA_VERSION}; "
            "compute it again with `splitmile backfill`"
        )
    return result


def json_schema(result_type: type[Result]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a result."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_adapter(result_type).json_schema()}
