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
from splitmile.registry import Direction, Metric, MetricKind, read_metrics

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
    assert len(lines) == 17
    assert any("its denominator 'filtered' cannot be used: it has a filter" in line for line in lines)


@pytest.mark.parametrize("aggregation", ["max", "median", "percentile", "count_distinct", "average"])
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


def test_something_else_than_a_manifest_is_refused() -> None:
    with pytest.raises(RegistryInvalid, match="dbt parse"):
        read_metrics({"nodes": {}})
