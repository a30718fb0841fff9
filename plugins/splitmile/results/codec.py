"""Results to JSON and back, and the JSON Schema of both."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from splitmile.errors import AnalysisError
from splitmile.results.types import SCHEMA_VERSION, Digest, Scorecard

_Result = TypeVar("_Result", Scorecard, Digest)


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {Scorecard: TypeAdapter(Scorecard), Digest: TypeAdapter(Digest)}


def to_json(result: Scorecard | Digest, *, indent: int | None = None) -> str:
    """A result as JSON text; floats keep every digit."""
    text: bytes = _ADAPTERS[type(result)].dump_json(result, indent=indent)
    return text.decode()


def from_json(result_type: type[_Result], text: str) -> _Result:
    """A result from its JSON text.

    Raises:
        AnalysisError: The text is of another version, or is not such a result.
    """
    try:
        result: _Result = _ADAPTERS[result_type].validate_json(text)
    except ValidationError as error:
        raise AnalysisError(f"this text is no {result_type.__name__}: {error}") from error
    if result.schema_version != SCHEMA_VERSION:
        raise AnalysisError(
            f"this {result_type.__name__} has schema version {result.schema_version}, this Splitmile reads {SCHEMA_VERSION}; "
            "compute it again with `splitmile backfill`"
        )
    return result


def json_schema(result_type: type[Scorecard] | type[Digest]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a result."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ADAPTERS[result_type].json_schema()}
