"""dbt's metrics, read from the manifest of a real `dbt parse`."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from splitmile.errors import RegistryInvalid
from splitmile.registry import Cap, Direction, Metric, MetricKind, Window, read_measures, read_metrics

ROOT = Path(__file__).resolve().parents[2]
OWN = "metrics/deliveries.yml"

PROJECT = {
    "dbt_project.yml": """\
name: small
version: "1.0"
profile: small
model-paths: [models, metrics]
flags: {send_anonymous_usage_stats: false}
""",
    "profiles.yml": """\
small:
  target: dev
  outputs: {dev: {type: duckdb, path: ":memory:"}}
""",
    "models/int_deliveries_timed.sql": "select 1 as delivery_id, date '2026-03-02' as business_date",
    "models/calendar.sql": "select date '2026-03-02' as business_date",
    "models/calendar.yml": """\
models:
  - name: calendar
    time_spine: {standard_granularity_column: business_date}
    columns: [{name: business_date, granularity: day}]
""",
    # Everything here is good dbt and no metric for an experiment.
    "metrics/broken.yml": """\
semantic_models:
  - name: shifts
    model: ref('int_deliveries_timed')
    defaults: {agg_time_dimension: business_date}
    entities: [{name: shift, type: primary, expr: delivery_id}]
    dimensions: [{name: business_date, type: time, type_params: {time_granularity: day}}]
    measures:
      - {name: shift_hours, agg: sum, expr: "1"}
      - {name: shift_p90, agg: percentile, expr: "1", agg_params: {percentile: 0.9, use_discrete_percentile: true}}
metrics:
  - {name: no_direction, label: L1, type: simple, type_params: {measure: orders}, config: {meta: {display_unit: s}}}
  - {name: misspelt, label: L2, type: simple, type_params: {measure: orders}, config: {meta: {directon: increase, display_unit: s}}}
  - {name: no_unit, label: L3, type: simple, type_params: {measure: orders}, config: {meta: {direction: increase}}}
  - {name: sideways, label: L4, type: simple, type_params: {measure: orders}, config: {meta: {direction: up, display_unit: s}}}
  - {name: numeric_unit, label: L5, type: simple, type_params: {measure: orders}, config: {meta: {direction: increase, display_unit: 3}}}
  - name: odd_kind
    label: L6
    type: simple
    type_params: {measure: orders}
    config: {meta: {direction: increase, display_unit: s, kind: median}}
  - name: share_of_ratio
    label: L7
    type: ratio
    type_params: {numerator: late_orders, denominator: orders}
    config: {meta: {direction: decrease, display_unit: "%", kind: proportion}}
  - name: half_a_day
    label: L18
    type: simple
    type_params: {measure: orders}
    config: {meta: {direction: increase, display_unit: "", covariate_days: 0.5}}
  - name: early_orders
    label: L19
    type: simple
    type_params: {measure: orders}
    config: {meta: {direction: increase, display_unit: "", window: {first_day: 0, last_day: 6}, cap: {percentile: 0.99}}}
  - {name: slow_shifts, label: L20, type: simple, type_params: {measure: shift_p90}, config: {meta: {direction: decrease, display_unit: h}}}
  - name: running_total
    label: L8
    type: cumulative
    type_params: {measure: orders}
    config: {meta: {direction: increase, display_unit: ""}}
  - name: difference
    label: L9
    type: derived
    type_params: {expr: orders - late_orders, metrics: [orders, late_orders]}
    config: {meta: {direction: increase, display_unit: ""}}
  - name: filtered
    label: L10
    type: simple
    type_params: {measure: orders}
    filter: "{{ TimeDimension('delivery__business_date') }} > '2026-01-01'"
    config: {meta: {direction: increase, display_unit: ""}}
  - name: filtered_measure
    label: L11
    type: simple
    type_params: {measure: {name: orders, filter: "{{ TimeDimension('delivery__business_date') }} > '2026-01-01'"}}
    config: {meta: {direction: increase, display_unit: ""}}
  - name: filtered_numerator
    label: L12
    type: ratio
    type_params:
      numerator: {name: late_orders, filter: "{{ TimeDimension('delivery__business_date') }} > '2026-01-01'"}
      denominator: orders
    config: {meta: {direction: decrease, display_unit: "%"}}
  - name: ratio_of_filtered
    label: L13
    type: ratio
    type_params: {numerator: late_orders, denominator: filtered}
    config: {meta: {direction: decrease, display_unit: "%"}}
  - name: shifted
    label: L14
    type: ratio
    type_params: {numerator: late_orders, denominator: {name: orders, offset_window: 7 days}}
    config: {meta: {direction: decrease, display_unit: "%"}}
  - name: ratio_of_ratio
    label: L15
    type: ratio
    type_params: {numerator: late_orders, denominator: late_rate}
    config: {meta: {direction: decrease, display_unit: "%"}}
  - name: other_model
    label: L16
    type: simple
    type_params: {measure: shift_hours}
    config: {meta: {direction: increase, display_unit: h}}
  - {name: dashboard_total, label: L17, type: cumulative, type_params: {measure: orders}}
""",
}


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of the project's own metrics and the broken ones, as dbt writes it."""
    folder = tmp_path_factory.mktemp("dbt")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    shutil.copy(ROOT / "dbt_project" / "metrics" / "deliveries.yml", folder / "metrics")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "parse", "--project-dir", folder, "--profiles-dir", folder, "--no-partial-parse"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stdout
    manifest: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text())
    return manifest


def only(parsed: dict[str, Any], *names: str) -> dict[str, Any]:
    """The manifest with the project's own metrics and the named ones, to change at will."""
    manifest = copy.deepcopy(parsed)
    manifest["metrics"] = {
        key: node for key, node in manifest["metrics"].items() if node["original_file_path"] == OWN or node["name"] in names
    }
    return manifest


def measure(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(m for model in manifest["semantic_models"].values() for m in model["measures"] if m["name"] == name)


def refusal(manifest: dict[str, Any]) -> str:
    with pytest.raises(RegistryInvalid) as refused:
        read_metrics(manifest)
    return str(refused.value)


def test_the_projects_own_metrics_are_read(parsed: dict[str, Any]) -> None:
    metrics = read_metrics(only(parsed))
    assert list(metrics) == sorted(metrics)
    assert metrics["late_rate"] == Metric(
        name="late_rate",
        label=metrics["late_rate"].label,
        description=metrics["late_rate"].description,
        kind=MetricKind.ratio,
        numerator="late_orders",
        denominator="promised_orders",
        direction=Direction.decrease,
        display_unit="%",
        covariate_days=14,
    )
    assert metrics["late_rate"].label
    assert metrics["late_rate"].description.endswith(".")
    kinds = {name: (m.kind.value, m.numerator, m.denominator, m.direction.value, m.display_unit) for name, m in metrics.items()}
    assert kinds["delivery_time"] == ("ratio", "delivery_seconds", "delivered_orders", "decrease", "s")
    assert kinds["revenue_per_unit"] == ("mean", "fee_krw", None, "increase", "KRW")
    assert kinds["active_units"] == ("proportion", "delivered_orders", None, "increase", "%")


def test_a_dashboards_metric_is_passed_over(parsed: dict[str, Any]) -> None:
    assert read_metrics(only(parsed, "dashboard_total")) == read_metrics(only(parsed))


def test_a_metric_without_description_is_described_by_its_label(parsed: dict[str, Any]) -> None:
    manifest = only(parsed)
    manifest["metrics"]["metric.small.orders"]["description"] = ""
    assert read_metrics(manifest)["orders"].description == read_metrics(manifest)["orders"].label


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("no_direction", ["config.meta.direction is missing", "increase or decrease"]),
        ("misspelt", ["config.meta.direction is missing (found 'directon'"]),
        ("no_unit", ["config.meta.display_unit is missing"]),
        ("sideways", ["config.meta.direction is 'up'"]),
        ("numeric_unit", ["config.meta.display_unit is 3"]),
        ("odd_kind", ["config.meta.kind is 'median'", "mean or proportion"]),
        ("share_of_ratio", ["config.meta.kind is 'proportion'", "a ratio metric can be ratio"]),
        ("half_a_day", ["config.meta.covariate_days is 0.5", "1 to 365"]),
        ("running_total", ["its type is cumulative", "`simple`", "`ratio`"]),
        ("difference", ["its type is derived", "`simple`", "`ratio`"]),
        ("filtered", ["it has a filter", "measure's expr"]),
        ("filtered_measure", ["its measure 'orders' has a filter"]),
        ("filtered_numerator", ["its numerator has a filter"]),
        ("shifted", ["its denominator has offset_window"]),
        ("ratio_of_ratio", ["its denominator 'late_rate' is of type ratio", "expected a simple metric"]),
        ("slow_shifts", ["'shift_p90' is of the semantic model 'shifts'"]),
        ("other_model", ["'shift_hours' is of the semantic model 'shifts'", "'deliveries'"]),
    ],
)
def test_a_metric_that_cannot_be_used_is_named_with_its_file(parsed: dict[str, Any], name: str, parts: list[str]) -> None:
    message = refusal(only(parsed, name))
    assert message.startswith(f"metrics/broken.yml: metric '{name}': ")
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_all_refused_metrics_are_named_at_once(parsed: dict[str, Any]) -> None:
    lines = refusal(parsed).splitlines()
    assert len(lines) == 18
    assert any("its denominator 'filtered' cannot be used: it has a filter" in line for line in lines)


@pytest.mark.parametrize("aggregation", ["max", "median", "count_distinct", "average"])
def test_a_measure_that_does_not_add_up_is_refused(parsed: dict[str, Any], aggregation: str) -> None:
    manifest = only(parsed)
    measure(manifest, "fee_krw")["agg"] = aggregation
    message = refusal(manifest)
    assert message.startswith(f"{OWN}: metric 'revenue_per_unit': its measure 'fee_krw' is aggregated by {aggregation}")
    assert "supported are sum and count" in message


def test_a_measure_that_may_not_be_summed_over_days_is_refused(parsed: dict[str, Any]) -> None:
    manifest = only(parsed)
    measure(manifest, "fee_krw")["non_additive_dimension"] = {"name": "business_date", "window_choice": "max"}
    assert "has a non_additive_dimension" in refusal(manifest)


def test_an_unknown_measure_is_refused(parsed: dict[str, Any]) -> None:
    manifest = only(parsed)
    manifest["metrics"]["metric.small.revenue_per_unit"]["type_params"]["measure"]["name"] = "fe_krw"
    assert "its measure is 'fe_krw', which no semantic model has; did you mean `fee_krw`?" in refusal(manifest)


def test_an_unknown_input_metric_is_refused(parsed: dict[str, Any]) -> None:
    manifest = only(parsed)
    manifest["metrics"]["metric.small.late_rate"]["type_params"]["numerator"]["name"] = "late_order"
    assert "its numerator is 'late_order', which is no metric; did you mean `late_orders`?" in refusal(manifest)


def with_meta(parsed: dict[str, Any], name: str, **meta: object) -> dict[str, Any]:
    """The project's own metrics, one of them with other settings; those given as None are taken out."""
    manifest = only(parsed)
    settings = manifest["metrics"][f"metric.small.{name}"]["config"]["meta"]
    settings |= meta
    for key in [key for key, value in settings.items() if value is None]:
        del settings[key]
    return manifest


def as_quantile(parsed: dict[str, Any], agg_params: dict[str, Any] | None = None, **meta: object) -> dict[str, Any]:
    """The project's own metrics, `revenue_per_unit` being a quantile as the parsed `slow_shifts` is one."""
    manifest = with_meta(parsed, "revenue_per_unit", **{"covariate_days": None, **meta})
    percentile = copy.deepcopy(measure(manifest, "shift_p90")) | {"name": "fee_p90", "expr": "fee_krw"}
    percentile["agg_params"] |= agg_params or {}
    next(model for model in manifest["semantic_models"].values() if model["name"] == "deliveries")["measures"].append(percentile)
    manifest["metrics"]["metric.small.revenue_per_unit"]["type_params"]["measure"]["name"] = "fee_p90"
    return manifest


def test_windows_and_caps_are_read(parsed: dict[str, Any]) -> None:
    early = read_metrics(only(parsed, "early_orders"))["early_orders"]
    assert (early.kind, early.window, early.cap) == (MetricKind.mean, Window(0, 6), Cap(percentile=0.99))
    retained = read_metrics(with_meta(parsed, "active_units", window={"first_day": 8, "last_day": 14}))["active_units"]
    assert (retained.kind, retained.window, retained.cap) == (MetricKind.proportion, Window(8, 14), None)
    delayed = read_metrics(with_meta(parsed, "delivery_time", window={"first_day": 1}))["delivery_time"]
    assert (delayed.kind, delayed.window) == (MetricKind.ratio, Window(1, None))
    assert read_metrics(with_meta(parsed, "orders", cap={"value": 40}))["orders"].cap == Cap(value=40)


def test_a_percentile_is_a_quantile_metric(parsed: dict[str, Any]) -> None:
    metric = read_metrics(as_quantile(parsed, near=2400))["revenue_per_unit"]
    assert (metric.kind, metric.quantile, metric.numerator, metric.denominator) == (MetricKind.quantile, 0.9, "fee_p90", None)
    assert read_metrics(as_quantile(parsed, kind="quantile"))["revenue_per_unit"] == metric


@pytest.mark.parametrize(
    ("name", "meta", "parts"),
    [
        ("orders", {"window": {"first_day": 0}}, ["all days since exposure", "take the window out"]),
        ("orders", {"window": {"last_day": 6}}, ["config.meta.window.first_day is missing", "{first_day: 0, last_day: 6}"]),
        ("orders", {"window": {"first_day": 8, "last_day": 7}}, ["config.meta.window.last_day is 7"]),
        ("orders", {"window": {"first_day": 0, "last_day": 366}}, ["config.meta.window.last_day is 366", "at most 365"]),
        ("orders", {"window": {"first_day": -1, "last_day": 6}}, ["config.meta.window.first_day is -1"]),
        ("orders", {"window": {"first_day": True, "last_day": 6}}, ["config.meta.window.first_day is True"]),
        ("orders", {"window": {"first_day": 0, "lastday": 6}}, ["config.meta.window.lastday is no known key", "did you mean `last_day`?"]),
        ("orders", {"window": 7}, ["config.meta.window is 7"]),
        ("orders", {"cap": 40}, ["config.meta.cap is 40", "{value: 40}"]),
        ("orders", {"cap": {"value": 0}}, ["config.meta.cap.value is 0"]),
        ("orders", {"cap": {"value": 0.5}}, ["config.meta.cap.value is 0.5", "whole number"]),
        ("orders", {"cap": {"percentile": 1}}, ["config.meta.cap.percentile is 1", "strictly between 0 and 1"]),
        ("orders", {"cap": {"percentile": 99.0}}, ["config.meta.cap.percentile is 99.0"]),
        ("orders", {"cap": {"value": 40, "percentile": 0.99}}, ["exactly one of the two"]),
        ("orders", {"cap": {}}, ["exactly one of the two"]),
        ("active_units", {"cap": {"value": 40}}, ["on a proportion", "0 or 1 already"]),
        ("delivery_time", {"cap": {"value": 40}}, ["on a ratio", "the expr of the measures"]),
        ("orders", {"near": 40}, ["config.meta.near is 40 on a mean", "only a quantile"]),
    ],
    ids=str,
)
def test_a_window_or_cap_that_cannot_be_is_refused(parsed: dict[str, Any], name: str, meta: dict[str, Any], parts: list[str]) -> None:
    message = refusal(with_meta(parsed, name, **meta))
    assert message.startswith(f"{OWN}: metric '{name}': ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("agg_params", "meta", "parts"),
    [
        ({"percentile": 90.0}, {}, ["agg_params.percentile 90.0", "strictly between 0 and 1"]),
        ({"percentile": None}, {}, ["agg_params.percentile None"]),
        ({"use_discrete_percentile": False}, {}, ["interpolated or approximate", "use_discrete_percentile: true"]),
        ({"use_approximate_percentile": True}, {}, ["interpolated or approximate"]),
        ({}, {"near": 0.5}, ["config.meta.near is 0.5", "whole number near the quantile"]),
        ({}, {"covariate_days": 14}, ["config.meta.covariate_days is 14", "no sum per unit"]),
        ({}, {"window": {"first_day": 0, "last_day": 6}}, ["config.meta.window", "by business date"]),
        ({}, {"cap": {"value": 3}}, ["config.meta.cap", "outliers"]),
        ({}, {"kind": "mean"}, ["config.meta.kind is 'mean'", "over a percentile can be quantile"]),
    ],
    ids=str,
)
def test_a_quantile_that_cannot_be_had_is_refused(
    parsed: dict[str, Any], agg_params: dict[str, Any], meta: dict[str, Any], parts: list[str]
) -> None:
    message = refusal(as_quantile(parsed, agg_params, **meta))
    for part in parts:
        assert part in message


def test_a_side_of_a_ratio_is_no_percentile(parsed: dict[str, Any]) -> None:
    manifest = as_quantile(parsed)
    manifest["metrics"]["metric.small.late_rate"]["type_params"]["numerator"]["name"] = "revenue_per_unit"
    assert "its numerator 'revenue_per_unit' cannot be used: its measure 'fee_p90' is aggregated by percentile" in refusal(manifest)


def test_the_measures_that_a_quantile_makes_have_names_of_their_own(parsed: dict[str, Any]) -> None:
    manifest = as_quantile(parsed)
    measure(manifest, "distance_m")["name"] = "revenue_per_unit_near"
    assert "it makes a measure 'revenue_per_unit_near' of its own" in refusal(manifest)


def test_measures_that_add_up_can_activate_a_unit(parsed: dict[str, Any]) -> None:
    manifest = as_quantile(parsed)
    measure(manifest, "distance_m")["non_additive_dimension"] = {"name": "business_date", "window_choice": "max"}
    measures = read_measures(manifest)
    assert {"orders", "delivered_orders", "picked_up_orders"} <= set(measures)
    assert not {"fee_p90", "distance_m", "shift_hours"} & set(measures)


def test_something_else_than_a_manifest_is_refused() -> None:
    with pytest.raises(RegistryInvalid, match="dbt parse"):
        read_metrics({"nodes": {}})
