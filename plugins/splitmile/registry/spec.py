"""The files of the experiments folder as they are written: the specs, from which the JSON Schema for editors is made.

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

from splitmile.registry.plan import MAX_SEGMENTS

UnitType = Literal["courier", "store", "customer", "zone"]

_FRACTION = re.compile(r"\s*\d+\s*/\s*\d+\s*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


# The view of an experiment is marts.experiment_ID, and these tables are there already.
_TABLES = ("exposures_daily", "histograms", "moments", "quantiles", "unit_days", "unit_metrics", "unit_windows", "units")


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


def _above_zero(share: float) -> float:
    if share == 0:
        raise ValueError("an experiment without units of its layer is in no layer; write its share, or take the layer out")
    return share


def _business_date(value: Any) -> Any:
    if not isinstance(value, str) or not _DATE.fullmatch(value.strip()):
        raise ValueError("a business date must be written YYYY-MM-DD")
    try:
        return date.fromisoformat(value.strip())
    except ValueError as error:
        raise ValueError(f"there is no such day: {error}") from None


def _each_once(values: list[str]) -> list[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} is in it twice; keep one of them")
        seen.add(value)
    return values


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
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
# Shorter, as results carry it with its value: `vehicle=bike`.
SegmentKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
UnitId = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$"), AfterValidator(_fits(128))]
UnitIds = Annotated[list[UnitId], AfterValidator(_each_once), Field(min_length=1, json_schema_extra={"uniqueItems": True})]
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


class LayerSpec(_Part):
    """Experiments that share no unit."""

    name: Name = Field(description="the name that all experiments of the layer write, in lower-case letters", examples=["dispatch"])
    share: Annotated[Share, AfterValidator(_above_zero)] = Field(
        description="the share of the layer's units that the experiment gets, above 0", examples=[0.5]
    )


class SwitchbackSpec(_Part):
    """The design of a switchback experiment, from which its schedule is drawn: the fields of `splitmile.stats.SwitchbackDesign`."""

    zones: list[UnitId] = Field(min_length=1, description="the zones, each once", examples=[["mapo", "jongno"]])
    start: str = Field(
        description="the instant at which the first window starts, with its offset from UTC", examples=["2026-03-02T05:00:00+09:00"]
    )
    window_minutes: int = Field(ge=1, strict=True, description="the length of a window in minutes", examples=[120])
    windows: int = Field(ge=1, strict=True, description="how many windows each zone has", examples=[168])
    seed: int = Field(ge=0, strict=True, description="a whole number that the schedule is drawn from", examples=[20260302])
    mechanism: Literal["independent", "balanced", "minimax"] = Field(
        default="independent", description="how windows are drawn: independent, balanced or minimax", examples=["balanced"]
    )
    treatment_share: Share = Field(default=0.5, description="the share of the windows in treatment, that of `variants`", examples=[0.5])
    windows_per_block: int = Field(default=1, ge=1, strict=True, description="windows that share one draw", examples=[12])
    burn_in_minutes: int = Field(
        default=0, ge=0, strict=True, description="minutes left out at the start of every window after a switch", examples=[15]
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
    segments: Annotated[list[SegmentKey], AfterValidator(_each_once)] = Field(
        default=[],
        max_length=MAX_SEGMENTS,
        description=f"at most {MAX_SEGMENTS} attributes of the exposure, or tenure, by which results are split",
        examples=[["vehicle"]],
        json_schema_extra={"uniqueItems": True},
    )
    activation: Annotated[str | None, BeforeValidator(_written), WithJsonSchema({"type": "string", "minLength": 1})] = Field(
        default=None,
        min_length=1,
        description="the name of a measure: a unit counts from its first event of it after the exposure",
        examples=["delivered_orders"],
    )
    allowed_units: Annotated[UnitIds | None, BeforeValidator(_written)] = Field(
        default=None, description="a list of the ids (in quotes) of the only units that count", examples=[["c-17", "c-18"]]
    )
    denied_units: Annotated[UnitIds | None, BeforeValidator(_written)] = Field(
        default=None, description="a list of the ids (in quotes) of units that do not count", examples=[["c-0", "c-1"]]
    )
    layer: Annotated[LayerSpec | None, BeforeValidator(_written)] = Field(
        default=None,
        description="the layer whose other experiments share no unit with this one, and the share of its units that this one gets",
        examples=[{"name": "dispatch", "share": 0.5}],
    )
    holdout_of: Annotated[Name | None, BeforeValidator(_written), WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_]*$"})] = (
        Field(default=None, description="a layer in whose experiments no unit of this one's control may be", examples=["dispatch"])
    )
    switchback: Annotated[SwitchbackSpec | None, BeforeValidator(_written)] = Field(
        default=None,
        description="the design by which zones switch between two variants over time",
        examples=[{"zones": ["mapo"], "start": "2026-03-02T05:00:00+09:00", "window_minutes": 120, "windows": 168, "seed": 7}],
    )
    metrics: MetricsSpec = Field(
        description="the metrics, under primary, secondary and guardrails", examples=[{"primary": [{"metric": "delivery_time"}]}]
    )


class ExcludedUnit(_Part):
    """A unit that counts in no experiment."""

    unit: UnitId = Field(description="the unit's id, in quotes", examples=["c-test-1"])
    reason: _text(512) = Field(description="why it does not count", examples=["test account of the app team"])  # type: ignore[valid-type]


class ExcludedUnitsSpec(_Part):
    """Test accounts and bots by unit type: the file excluded_units.yaml."""

    courier: list[ExcludedUnit] = Field(
        default=[], description="couriers, each with unit and reason", examples=[[{"unit": "c-test-1", "reason": "test account"}]]
    )
    store: list[ExcludedUnit] = Field(
        default=[], description="stores, each with unit and reason", examples=[[{"unit": "s-demo", "reason": "demo store"}]]
    )
    customer: list[ExcludedUnit] = Field(
        default=[], description="customers, each with unit and reason", examples=[[{"unit": "u-bot-7", "reason": "bot"}]]
    )
    zone: list[ExcludedUnit] = Field(
        default=[], description="zones, each with unit and reason", examples=[[{"unit": "training", "reason": "training ground"}]]
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of an experiment file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ExperimentSpec.model_json_schema()}
