"""The dbt project: its unit tests, its documentation, its sources, and what happens when a model is broken."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from redshift_target import ENGINES
from splitmile.errors import TransformFailed
from splitmile.settings import Settings
from splitmile.transform import build_marts, dbt, read_metrics
from splitmile.warehouse import RedshiftAccess, open_warehouse

PROJECT = Path(__file__).parents[2] / "dbt_project"


def _prepare(settings: Settings, access: RedshiftAccess | None = None) -> Any:
    """The manifest, once every model stands, empty."""
    with open_warehouse(settings, access):
        pass
    manifest = dbt.parse(settings, access)
    dbt.invoke(settings, ["run", "--empty"], dbt.project_vars(settings), manifest=manifest, access=access)
    return manifest


def _broken(settings: Settings, tmp_path: Path, file: str, old: str, new: str) -> Settings:
    """The settings of a copy of the project with one line of one file changed."""
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))
    return settings.model_copy(update={"dbt_project_dir": project, "metrics_dir": project / "metrics"})


@pytest.mark.parametrize("engine", ENGINES)
def test_unit_tests_and_documentation(settings: Settings, access: RedshiftAccess | None) -> None:
    manifest = _prepare(settings, access)
    variables = dbt.project_vars(settings)
    result = dbt.invoke(settings, ["test", "--select", "test_type:unit"], variables, manifest=manifest, access=access)
    assert len([r for r in result.results if r.node.resource_type == "unit_test"]) == 12
    dbt.invoke(settings, ["docs", "generate"], variables, manifest=manifest, access=access)
    catalog = json.loads((settings.dbt_target_dir / "catalog.json").read_text())
    for node in dbt.manifest_document(settings)["nodes"].values():
        if node["resource_type"] == "model":
            there = {name.lower() for name in catalog["nodes"][node["unique_id"]]["columns"]}
            assert set(node["columns"]) <= there, node["name"]


@pytest.mark.parametrize(
    ("file", "old", "new", "failing"),
    [
        (
            "macros/unit_values.sql",
            "experiment_units.contamination_date > experiment_dates",
            "experiment_units.contamination_date >= experiment_dates",
            "a_unit_counts_from_its_exposure_until_its_contamination",
        ),
        (
            "models/marts/experiment_units.sql",
            "order by exposed_at,",
            "order by exposed_at desc,",
            "a_unit_keeps_its_first_variant",
        ),
        (
            "models/staging/stg_deliveries.sql",
            "where superseded_rows.event_id is null",
            "where superseded_rows.event_id is not null",
            "a_superseded_delivery_is_left_out",
        ),
        ("macros/business_date.sql", "offset - 60", "offset + 60", "an_event_before_the_cut_over"),
        ("models/marts/experiment_moments.sql", "cast(%s as decimal(19, 0))", "cast(%s as double)", "moments_are_exact"),
    ],
)
def test_a_broken_join_rule_fails_its_unit_test(settings: Settings, tmp_path: Path, file: str, old: str, new: str, failing: str) -> None:
    broken = _broken(settings, tmp_path, file, old, new)
    manifest = _prepare(broken)
    with pytest.raises(TransformFailed, match=failing):
        dbt.invoke(broken, ["test", "--select", "test_type:unit"], dbt.project_vars(broken), manifest=manifest)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_product_of_bigints_overflows_on_both_engines(settings: Settings, access: RedshiftAccess | None, tmp_path: Path) -> None:
    broken = _broken(settings, tmp_path, "models/marts/experiment_moments.sql", "cast(%s as decimal(19, 0))", "cast(%s as bigint)")
    manifest = _prepare(broken, access)
    with pytest.raises(TransformFailed, match=r"moments_are_exact(.|\n)*(out of range|Overflow)"):
        dbt.invoke(broken, ["test", "--select", "experiment_moments"], dbt.project_vars(broken), manifest=manifest, access=access)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_of_another_type_breaks_the_contract(settings: Settings, access: RedshiftAccess | None, tmp_path: Path) -> None:
    broken = _broken(settings, tmp_path, "models/marts/_marts.yml", "data_type: integer", "data_type: bigint")
    manifest = dbt.parse(broken, access)
    with pytest.raises(TransformFailed, match=r"calendar: (.|\n)*contract(.|\n)*weekday_number"):
        dbt.invoke(broken, ["run", "--select", "calendar"], dbt.project_vars(broken), manifest=manifest, access=access)


def test_every_model_and_column_is_described(settings: Settings) -> None:
    nodes = dbt.manifest_document(settings)["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    assert len(models) >= 12
    for model in models:
        assert model["description"].startswith("One row per"), model["name"]
        assert model["columns"], model["name"]
        for column in model["columns"].values():
            assert column["description"].endswith("."), f"{model['name']}.{column['name']}"


def test_every_mart_has_a_contract_and_a_grain_test(settings: Settings) -> None:
    nodes = dbt.manifest_document(settings)["nodes"].values()
    tested = {node["attached_node"].split(".")[-1] for node in nodes if node["name"].startswith("unique_grain")}
    marts = {node["name"]: node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"}
    # Views repeat the grain of the tables below them, and observations have no key of their own.
    tables = {name for name, node in marts.items() if node["config"]["materialized"] != "view"}
    assert tables - {"delivery_observations"} <= tested
    # These have a column for each measure of the metrics folder.
    assert {name for name, node in marts.items() if not node["contract"]["enforced"]} == {
        "unit_days",
        "unit_totals",
        "experiment_units",
        "experiment_unit_windows",
        "experiment_unit_days",
        "switchback_window_days",
    }


def test_sources_are_read_in_staging_only(settings: Settings) -> None:
    for node in dbt.manifest_document(settings)["nodes"].values():
        if node["resource_type"] == "model" and any(parent.startswith("source.") for parent in node["depends_on"]["nodes"]):
            assert node["schema"] == "staging", node["name"]


def test_a_metric_that_dbt_cannot_read_is_named(settings: Settings, tmp_path: Path) -> None:
    broken = _broken(settings, tmp_path, "metrics/deliveries.yml", "numerator: late_orders", "numerator: lateness")
    with pytest.raises(TransformFailed, match="late_rate"):
        read_metrics(broken)


def test_another_process_reads_the_manifest_that_is_there_until_a_file_changes(settings: Settings, tmp_path: Path) -> None:
    own = _broken(settings, tmp_path, "metrics/deliveries.yml", "label: Delivery time", "label: Time to the door")
    assert read_metrics(own)["delivery_time"].label == "Time to the door"
    manifest = own.dbt_target_dir / "manifest.json"
    written = manifest.stat().st_mtime_ns
    dbt._parse.cache_clear()
    assert read_metrics(own)["delivery_time"].label == "Time to the door"
    assert manifest.stat().st_mtime_ns == written
    file = own.metrics_dir / "deliveries.yml"
    file.write_text(file.read_text().replace("Time to the door", "Minutes"))
    assert read_metrics(own)["delivery_time"].label == "Minutes"
    assert len(list(own.dbt_target_dir.glob("parsed-*"))) == 1


def test_a_missing_metrics_folder_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(TransformFailed, match="metrics_dir must name a folder"):
        read_metrics(settings.model_copy(update={"metrics_dir": tmp_path / "nowhere"}))


def test_a_failed_data_test_stops_the_build_and_leaves_the_changes_pending(settings: Settings, tmp_path: Path) -> None:
    """The test looks at the rows of the run's dates, which are known only when it runs."""
    twice = "select * from final where business_date is not null union all select * from final"
    broken = _broken(settings, tmp_path, "models/marts/unit_days.sql", "select * from final", twice)
    with open_warehouse(broken) as warehouse:
        warehouse.execute(
            "insert into landing.deliveries (delivery_id, courier_id, store_id, ordered_at, status, partition_date, object_number, "
            "line_number) values ('d', 'c', 's', '2026-03-02 03:00:00', 'delivered', '2026-03-02', 1, 1)"
        )
        warehouse.execute("insert into ops.changed_dates values ('deliveries', '2026-03-02', 'l', '2026-03-03', null)")
    with pytest.raises(TransformFailed, match="unique_grain_unit_days"):
        build_marts(broken, date(2026, 3, 2))
    with open_warehouse(broken) as warehouse:
        assert warehouse.fetch("select count(*) as n from ops.changed_dates where transformed_at is null")[0]["n"] == 1
        costs = {row["model"]: row["status"] for row in warehouse.fetch("select model, status from ops.model_costs")}
    failed = "unique_grain_unit_days_unit_type__unit_id__business_date"
    assert (costs["unit_days"], costs[failed], costs["unit_totals"]) == ("success", "fail", "skipped")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_fails_leaves_the_rows_that_it_would_replace(settings: Settings, access: RedshiftAccess | None) -> None:
    """The sum of two fees is larger than any bigint, which the engine notices while it writes the rows."""
    day = date(2026, 3, 2)
    noon = datetime.combine(day, time(12))
    row = {"courier_id": "c", "store_id": "s", "ordered_at": noon, "delivered_at": noon, "status": "delivered", "fee_krw": 5 * 10**18}
    row |= {"partition_date": day, "object_number": 1}
    change = {"feed": "deliveries", "business_date": day, "load_id": "l", "changed_at": noon}
    for number in (1, 2):
        with open_warehouse(settings, access) as warehouse:
            warehouse.append("landing.deliveries", [row | {"delivery_id": f"d-{number}", "line_number": number}])
            warehouse.append("ops.changed_dates", [change])
        if number == 1:
            build_marts(settings, day, access)
            continue
        with pytest.raises(TransformFailed, match=r"unit_days(.|\n)*out of range"):
            build_marts(settings, day, access)
    with open_warehouse(settings, access) as warehouse:
        assert warehouse.fetch("select distinct orders, fee_krw from marts.unit_days") == [{"orders": 1, "fee_krw": 5 * 10**18}]
