"""Results to JSON and back: nothing is lost, and the schema describes what is written."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitmile.errors import AnalysisError
from splitmile.results.breakdowns import DayEffect, EffectByDay, SegmentedEffect, SegmentEffect
from splitmile.results.codec import from_json, json_schema, to_json
from splitmile.results.comparisons import BayesianView, CovariateAdjustment, Effect, Estimate, Interval, NonInferiority, SequentialEstimate
from splitmile.results.digests import DataWarning, Digest, EffectCourse, EffectPoint, ExperimentNews, Restatement
from splitmile.results.scorecards import (
    SCHEMA_VERSION,
    Contamination,
    Decision,
    Interaction,
    Outlook,
    Reason,
    ReasonCode,
    SampleRatio,
    Scorecard,
    SegmentRatio,
    VariantCount,
    Verdict,
)

EFFECT = Effect(
    metric="delivery_time",
    label="Delivery time",
    kind="ratio",
    role="primary",
    direction="decrease",
    display_unit="s",
    segment="all",
    control="current",
    treatment="ranked",
    n_control=450,
    n_treatment=451,
    control_value=0.1 + 0.2,
    treatment_value=2400.0,
    absolute=Estimate(-61.5, 12.25, Interval(-85.5, -37.5), 5e-324),
    relative=Estimate(-0.025, 0.005, Interval(-0.035, None), 1e-7),
    degrees_of_freedom=898.7,
    method="delta",
    sequential=SequentialEstimate(Interval(-99.0, -24.0), Interval(None, -0.01), 0.0001),
    p_value_adjusted=2e-7,
    covariate=CovariateAdjustment(0.71, 0.31, Estimate(-0.027, 0.006, Interval(-0.039, -0.015), 1e-5)),
    bayesian=BayesianView(0.999, 1e-9, Interval(-0.034, -0.015), 0.05),
    margin=None,
    minimum_effect=0.01,
    is_better=True,
    is_worse=False,
    non_inferiority=NonInferiority(0.001, None, is_safe=True, is_harmed=False),
)
WITHOUT_ESTIMATE = replace(
    EFFECT,
    treatment_value=None,
    absolute=Estimate(None, None, None, None, "one unit"),
    relative=Estimate(None, None, None, None, "one unit"),
    degrees_of_freedom=None,
    sequential=None,
    p_value_adjusted=None,
    covariate=None,
    bayesian=None,
    is_better=False,
    non_inferiority=None,
)
SCORECARD = Scorecard(
    experiment_id="dispatch_ranking",
    title="배차 추천 – predicted arrival",
    owner="dispatch-team@example.com",
    service="dispatch recommendation",
    hypothesis='Couriers deliver "sooner" <b>.',
    unit_type="courier",
    as_of_date=date(2026, 3, 8),
    start_date=date(2026, 3, 2),
    end_date=date(2026, 3, 29),
    has_ended=False,
    alpha=0.05,
    variants=(VariantCount("current", True, 450, 0.5, 450 / 901), VariantCount("ranked", False, 451, 0.5, 451 / 901)),
    srm=SampleRatio(0.0011, 1, 0.97, 1.0, False, 0.001, (SegmentRatio("2026-03-02", (450, 451), 0.97, 1.0, False),)),
    contamination=Contamination(0, 0.0, False, 0.01),
    effects=(EFFECT, WITHOUT_ESTIMATE),
    verdict=Verdict(Decision.ship, (Reason(ReasonCode.primary_better, "delivery_time", "ranked"), Reason(ReasonCode.no_units))),
    planning=(Outlook("delivery_time", "ranked", 0.01, 0.008, 1200, None, 0.8),),
    interactions=(Interaction("delivery_time", "ranked", "region_merge", "merged", -12.5, Interval(-20.0, -5.0), 0.002),),
    segments=(
        SegmentedEffect(
            dimension="vehicle",
            metric="delivery_time",
            treatment="ranked",
            effects=(
                SegmentEffect("자전거", 200, 210, -60.5, Interval(-80.0, -41.0), None, None),
                SegmentEffect("car", 120, 110, None, None, None, None),
            ),
            more=3,
            suppressed=1,
            least_units=100,
            i_squared=0.4,
            p_value=0.02,
            p_value_adjusted=0.08,
            is_different=False,
        ),
    ),
    by_day=(
        EffectByDay(
            metric="delivery_time",
            treatment="ranked",
            n_control=200,
            n_treatment=210,
            days=(DayEffect(1, -62.0, Interval(-80.0, -44.0)), DayEffect(2, None, None)),
            slope=None,
            slope_interval=None,
            first=None,
            last=None,
            p_value=None,
            p_value_adjusted=None,
            is_trend=False,
        ),
    ),
    slack_channel="#dispatch",
    revision="abc1234+",
)
DIGEST = Digest(
    as_of_date=date(2026, 3, 8),
    news=(
        ExperimentNews(
            SCORECARD,
            Decision.keep_running,
            (
                EffectCourse(
                    "delivery_time",
                    "ranked",
                    (EffectPoint(date(2026, 3, 2), None, None), EffectPoint(date(2026, 3, 3), -0.02, Interval(-0.04, None))),
                ),
            ),
        ),
    ),
    warnings=(DataWarning("block", "deliveries", "37 % fewer rows"),),
    restatements=(Restatement("dispatch_ranking", "delivery_time", "ranked", date(2026, 3, 7), -0.02, None, "late rows"),),
    orders=12_345,
    deliveries=12_000,
    language="ko",
)
RESULTS: list[Scorecard | Digest] = [SCORECARD, DIGEST]
FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER
named = pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)


@named
@pytest.mark.parametrize("indent", [None, 2])
def test_a_result_survives_json(result: Scorecard | Digest, indent: int | None) -> None:
    back = from_json(type(result), to_json(result, indent=indent))
    assert back == result
    assert type(back) is type(result)


@given(st.floats(allow_nan=False, allow_infinity=False), st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_digit_of_a_float_survives(low: float, high: float | None) -> None:
    effect = replace(EFFECT, absolute=replace(EFFECT.absolute, estimate=low, interval=Interval(low, high)))
    back = from_json(Scorecard, to_json(replace(SCORECARD, effects=(effect,)))).effects[0].absolute
    assert back.estimate is not None
    assert math.copysign(1, back.estimate) == math.copysign(1, low)
    assert (back.estimate, back.interval) == (low, Interval(low, high))


@named
def test_the_schema_describes_what_is_written(result: Scorecard | Digest) -> None:
    schema = json_schema(type(result))
    assert schema["$schema"].endswith("2020-12/schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(to_json(result)), schema, format_checker=FORMATS)


def spoilt(**changes: Any) -> dict[str, Any]:
    return {**json.loads(to_json(SCORECARD)), **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": {"decision": "perhaps", "reasons": []}},
        {"variants": [{"variant": "current"}]},
        {"alpha": "five"},
        {"as_of_date": "the 8th of March"},
        {"effects": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_schema_and_the_reader_refuse_something_else(changes: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt(**changes), json_schema(Scorecard), format_checker=FORMATS)
    with pytest.raises(AnalysisError, match="this text is no Scorecard"):
        from_json(Scorecard, json.dumps(spoilt(**changes)))


def test_a_missing_field_is_refused() -> None:
    text = spoilt()
    del text["verdict"]
    with pytest.raises(AnalysisError, match=r"no Scorecard(.|\n)*verdict"):
        from_json(Scorecard, json.dumps(text))


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_no_json_at_all_is_refused(text: str) -> None:
    with pytest.raises(AnalysisError, match="no Digest"):
        from_json(Digest, text)


def test_the_p_value_of_the_split_is_where_readers_look() -> None:
    assert json.loads(to_json(SCORECARD))["srm"]["p_value"] == 0.97


@named
def test_another_version_is_refused_with_its_remedy(result: Scorecard | Digest) -> None:
    newer = replace(result, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(AnalysisError, match=f"schema version {SCHEMA_VERSION + 1}.*reads {SCHEMA_VERSION}.*splitmile backfill"):
        from_json(type(newer), to_json(newer))


def test_the_published_schema_is_the_one_that_is_written() -> None:
    published = json.loads((Path(__file__).parents[2] / "docs" / "scorecard.schema.json").read_text())
    assert published == json_schema(Scorecard)
