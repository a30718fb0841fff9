"""The JSON Schema of experiment files and the documentation of their keys."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from splitmile.registry import json_schema
from splitmile.registry.spec import (
    ExcludedUnitsSpec,
    ExperimentSpec,
    GuardrailSpec,
    LayerSpec,
    MetricsSpec,
    PrimaryMetricSpec,
    SecondaryMetricSpec,
    SwitchbackSpec,
)
from splitmile.stats import SwitchbackDesign

ROOT = Path(__file__).resolve().parents[2]
PARTS = (ExperimentSpec, MetricsSpec, PrimaryMetricSpec, SecondaryMetricSpec, GuardrailSpec, LayerSpec, SwitchbackSpec)

VALID: dict[str, Any] = {
    "id": "dispatch_ranking",
    "title": "t",
    "owner": "o",
    "service": "s",
    "hypothesis": "h",
    "unit": "courier",
    "control": "a",
    "variants": {"a": "1/3", "b": "2/3"},
    "start": "2026-03-02",
    "end": "2026-03-29",
    "planned_units": 900,
    "metrics": {"primary": [{"metric": "delivery_time"}]},
}


def test_the_file_for_editors_is_current() -> None:
    written = json.loads((ROOT / "experiments" / "experiment.schema.json").read_text())
    assert written == json_schema(), "run: python -m splitmile.registry > experiments/experiment.schema.json"


def test_the_documented_command_prints_the_schema() -> None:
    done = subprocess.run([sys.executable, "-m", "splitmile.registry"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json_schema()
    assert done.stderr == ""


def test_the_schema_is_one_and_accepts_what_the_spec_accepts() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(VALID, json_schema())
    ExperimentSpec.model_validate(VALID)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"unit": "rider"},
        {"variants": {"a": 1}},
        {"variants": {"a": -0.5, "b": 1.5}},
        {"variants": {"a": "half", "b": 0.5}},
        {"planned_units": "900"},
        {"planned_units": 0},
        {"alpha": 0.9},
        {"slack_channel": None},
        {"slack_channel": "dispatch"},
        {"id": "Dispatch"},
        {"id": "unit_metrics"},
        {"segments": ["a", "b", "c", "d"]},
        {"segments": ["vehicle", "vehicle"]},
        {"activation": None},
        {"denied_units": [17]},
        {"allowed_units": []},
        {"layer": {"name": "Pay", "share": 0.5}},
        {"holdout_of": ""},
        {"switchback": {"zones": ["mapo"], "window_minutes": 60, "windows": 24, "seed": 1}},
        {"metrics": {"primary": []}},
        {"metrics": {"primary": [{"metric": "m", "minimum_effect": 0}]}},
        {"metrics": {"primary": [{"metric": "m", "minimum_effect": None}]}},
        {"metrics": {"primary": [{"metric": "m"}], "guardrails": [{"metric": "n"}]}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_spec_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**VALID, **change}, json_schema())
    with pytest.raises(ValueError, match="validation error"):
        ExperimentSpec.model_validate({**VALID, **change})


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_key_has_a_description_and_a_valid_example(part: type[ExperimentSpec]) -> None:
    schema = json_schema()
    properties = (schema if part is ExperimentSpec else schema["$defs"][part.__name__])["properties"]
    for key, field in part.model_fields.items():
        assert field.description, key
        (example,) = field.examples or ()
        jsonschema.validate(example, {**properties[key], "$defs": schema["$defs"]})


def undocumented(text: str) -> Iterator[str]:
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    for part in (*PARTS, ExcludedUnitsSpec):
        yield from (key for key in part.model_fields if key not in documented)


def test_every_key_is_documented() -> None:
    docs = (ROOT / "docs" / "experiments.md").read_text()
    assert list(undocumented(docs)) == []
    assert list(undocumented(re.sub(r"(?m)^\| `margin` .*\n", "", docs))) == ["margin"]


def test_the_switchback_key_has_the_fields_of_the_design() -> None:
    design = {field.name: field.default for field in dataclasses.fields(SwitchbackDesign)}
    written = dict(SwitchbackSpec.model_fields)
    del written["burn_in_minutes"]
    assert list(written) == list(design)
    assert [field.is_required() for field in written.values()] == [default is dataclasses.MISSING for default in design.values()]
    assert all(field.is_required() or field.default == design[name] for name, field in written.items())


def test_no_experiment_takes_the_name_of_a_table() -> None:
    marts = {path.stem for path in (ROOT / "dbt_project" / "models" / "marts").glob("experiment_*.sql")}
    for table in marts:
        with pytest.raises(ValueError, match=f"the table marts.{table}"):
            ExperimentSpec.model_validate({**VALID, "id": table.removeprefix("experiment_")})
