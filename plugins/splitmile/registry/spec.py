"""The experiment file as it is written: the spec, from which the JSON Schema for editors is made.

A field's description is a noun phrase and its first example a value for it: error messages, the schema and
docs/experiments.md all use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

UnitType = Literal["courier", "store", "customer", "zone"]

_FRACTION = re.compile(r"\s*\d+\s*/\s*\d+\s*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


# The view of an experiment is marts.experiment_ID, and these tables are there already.
_TABLES = ("exposures_daily", "moments", "unit_metrics", "units")


def _names_no_table(experiment_id: str) -> str:
    if experiment_id in _TABLES:
        raise ValueError(f"the experiment's view would have the name of the table marts.experiment_{experiment_id}; take another id")
    return experiment_id


def _fits(size: int) -> Callable[[str], str]:
    # Redshift counts bytes, and a Korean syllable is three of them.
    def check(text: str) -> str:
        if len(text.encode()) > size:
            raise ValueError(f"it takes {len(text.encode())} bytes of UTF-8 and may take {size}; shorten it")
        return text

    return check


def _share(value: Any) -> Any:
    share = value
    if isinstance(value, str):
        if not _FRACTION.fullmatch(value):
            raise ValueError('a share in text must be a fraction such as "1/3"')
        try:
            share = Fraction("".join(value.split()))
        except ZeroDivisionError:
            raise ValueError("a fraction cannot have 0 below the line") from None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        # pydantic makes a validation error of a ValueError, and of nothing else.
        raise ValueError('a share must be a number such as 0.5 or a fraction such as "1/3"')  # noqa: TRY004
    if share < 0:
        raise ValueError("a share cannot be negative; use 0 for a variant that gets no units")
    # Asked this way round so that .nan is refused too.
    if not share <= 1:
        raise ValueError("a share is at most 1")
    return float(share)


def _business_date(value: Any) -> Any:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        raise ValueError("a business date must be written YYYY-MM-DD")
    try:
        return date.fromisoformat(value.strip())
    except ValueError as error:
        raise ValueError(f"there is no such day: {error}") from None


def _written(value: Any) -> Any:
    # Without quotes `slack_channel: #dispatch` is a key followed by a comment, and would silently mean nothing.
    if value is None:
        raise ValueError("the key has no value; write one (in quotes if it begins with #) or take the key out")
    return value


def _text(size: int) -> Any:
    return Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_fits(size))]


Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^\s*\d+\s*/\s*\d+\s*$"}]}),
]
BusinessDate = Annotated[date, BeforeValidator(_business_date), WithJsonSchema({"type": "string", "format": "date"})]
VariantName = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$"), AfterValidator(_fits(128))]
MetricName = Annotated[str, StringConstraints(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrimaryMetricSpec(_Part):
    """A metric that decides the verdict."""

    metric: MetricName = Field(description="the name of a dbt metric", examples=["delivery_time"])
    minimum_effect: Annotated[float | None, BeforeValidator(_written), WithJsonSchema({"type": "number"})] = Field(
        default=None,
        gt=0,
        lt=1,
        strict=True,
        description="the relative change below which an effect does not matter, as a fraction (0.01 is 1 %)",
        examples=[0.01],
        json_schema_extra={"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    )


class SecondaryMetricSpec(_Part):
    """A metric that is shown and decides nothing."""

    metric: MetricName = Field(description="the name of a dbt metric", examples=["late_rate"])


class GuardrailSpec(_Part):
    """A metric that must not be harmed."""

    metric: MetricName = Field(description="the name of a dbt metric", examples=["cancellation_rate"])
    margin: float = Field(
        ge=0, lt=1, strict=True, description="the relative loss that is still accepted, as a fraction (0.05 is 5 %)", examples=[0.05]
    )


class MetricsSpec(_Part):
    """The metrics of an experiment by what they decide."""

    primary: list[PrimaryMetricSpec] = Field(
        min_length=1,
        description="a list of at least one metric that decides the verdict",
        examples=[[{"metric": "delivery_time", "minimum_effect": 0.01}]],
    )
    secondary: list[SecondaryMetricSpec] = Field(
        default=[], description="a list of metrics that are shown and decide nothing", examples=[[{"metric": "late_rate"}]]
    )
    guardrails: list[GuardrailSpec] = Field(
        default=[], description="a list of metrics that must not be harmed", examples=[[{"metric": "cancellation_rate", "margin": 0.05}]]
    )


class ExperimentSpec(_Part):
    """An experiment of a Splitmile registry: one file, named after its id."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=100), AfterValidator(_names_no_table)] = Field(
        description="lower-case letters, digits and underscores, beginning with a letter, and the file's own name without .yaml",
        examples=["dispatch_ranking"],
        json_schema_extra={"not": {"enum": [*_TABLES]}},
    )
    title: _text(512) = Field(description="one line that says what is tried", examples=["Dispatch ranks couriers by predicted arrival"])  # type: ignore[valid-type]
    owner: _text(256) = Field(description="whom to ask: a person or a team", examples=["dispatch-team@example.com"])  # type: ignore[valid-type]
    service: _text(256) = Field(description="the service that makes the change", examples=["dispatch recommendation"])  # type: ignore[valid-type]
    hypothesis: _text(4096) = Field(  # type: ignore[valid-type]
        description="what is expected to happen and why", examples=["Couriers who are sent to nearer stores deliver sooner."]
    )
    unit: UnitType = Field(description="what was randomised: courier, store, customer or zone", examples=["courier"])
    control: VariantName = Field(description="the variant that the others are compared with", examples=["current"])
    variants: dict[VariantName, Share] = Field(
        min_length=2,
        description='two or more variants with the share of units that each is planned to get, a number or a fraction such as "1/3"; '
        "together they make 1",
        examples=[{"current": 0.5, "ranked": 0.5}],
    )
    start: BusinessDate = Field(description="the first business date, YYYY-MM-DD", examples=["2026-03-02"])
    end: BusinessDate = Field(description="the last planned business date, YYYY-MM-DD, itself counted", examples=["2026-03-29"])
    planned_units: int = Field(
        gt=0, le=2**62, strict=True, description="the units expected over the whole experiment, all variants together", examples=[900]
    )
    alpha: float = Field(
        default=0.05, gt=0, le=0.5, strict=True, description="the two-sided significance level, above 0 and at most 0.5", examples=[0.05]
    )
    slack_channel: Annotated[
        str | None,
        BeforeValidator(_written),
        AfterValidator(_fits(128)),
        WithJsonSchema({"type": "string", "pattern": r"^(#\S+|[CG][A-Z0-9]+)$"}),
    ] = Field(
        default=None,
        pattern=r"^(#\S+|[CG][A-Z0-9]+)$",
        description="a Slack channel in quotes, by name with its # or by id, instead of the installation's",
        examples=["#dispatch"],
    )
    metrics: MetricsSpec = Field(
        description="the metrics, under primary, secondary and guardrails", examples=[{"primary": [{"metric": "delivery_time"}]}]
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of an experiment file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ExperimentSpec.model_json_schema()}
