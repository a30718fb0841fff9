"""dbt on Redshift: how it logs in, what it leaves behind, what a DBA sees of it, and what analysts may read."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import psutil
import pytest

from redshift_target import RedshiftTarget
from splitmile.errors import TransformFailed, WarehouseError
from splitmile.settings import Settings
from splitmile.transform import build_marts, dbt, read_metrics
from splitmile.warehouse import RedshiftAccess, open_warehouse
from splitmile.warehouse.redshift import RedshiftWarehouse

pytestmark = pytest.mark.redshift

DAY = date(2026, 3, 2)


@pytest.fixture
def engine() -> str:
    return "redshift"


@pytest.fixture
def analyst(redshift: RedshiftTarget, settings: Settings, access: RedshiftAccess) -> Iterator[RedshiftAccess]:
    """A user who has the role that is named like him, with `_role` behind it, and nothing else."""
    name = f"analyst_{uuid.uuid4().hex[:8]}"
    log_in = replace(access, user=name, password=f"Aa1{uuid.uuid4().hex}")
    with open_warehouse(settings, access) as administrator:
        administrator.execute(f"create user {name} password '{log_in.password}'")
        administrator.execute(f"create role {name}_role")
        administrator.execute(f"grant role {name}_role to {name}")
        yield log_in
        administrator.execute(f"revoke select on all tables in schema marts, registry, results from role {name}_role")
        administrator.execute(f"revoke usage on schema marts, registry, results from role {name}_role")
        administrator.execute(f"drop user {name}")
        administrator.execute(f"drop role {name}_role")


def _open_sessions(access: RedshiftAccess) -> int:
    """How many this process has."""
    return sum(bool(found.raddr) and found.raddr.port == access.port for found in psutil.Process().net_connections("tcp"))


def test_the_metrics_are_read_without_any_access(settings: Settings) -> None:
    assert read_metrics(settings)["delivery_time"].label == "Delivery time"


def test_a_new_password_parses_nothing_again(settings: Settings) -> None:
    access = RedshiftAccess(host="old.example.com", database="warehouse", user="IAM:one", password="first")  # noqa: S106 (nobody's)
    manifest = dbt.parse(settings, access)
    assert {node.database for node in manifest.nodes.values()} == {"warehouse"}
    written = (settings.dbt_target_dir / "manifest.json").stat().st_mtime_ns
    rotated = replace(access, host="new.example.com", user="IAM:two", password="second")  # noqa: S106
    assert dbt.parse(settings, rotated) is manifest
    assert (settings.dbt_target_dir / "manifest.json").stat().st_mtime_ns == written


def test_a_refused_log_in_tells_no_password_and_leaves_none(settings: Settings, access: RedshiftAccess) -> None:
    with open_warehouse(settings, access):
        pass
    before = dict(os.environ)
    wrong = replace(access, password="no-such-password")  # noqa: S106
    with pytest.raises(TransformFailed) as refused:
        dbt.invoke(settings, ["run"], dbt.project_vars(settings), manifest=dbt.parse(settings, access), access=wrong)
    assert dict(os.environ) == before
    assert wrong.password not in str(refused.value)
    for file in settings.dbt_target_dir.rglob("*"):
        if file.is_file():
            assert wrong.password.encode() not in file.read_bytes(), file.name


def test_the_query_group_names_the_task(settings: Settings, access: RedshiftAccess) -> None:
    query = "select '{{ run_query('show query_group').rows[0][0] if execute }}' as query_group"
    show = ["show", "--inline", query]
    shown = dbt.invoke(settings, show, dbt.project_vars(settings), manifest=dbt.parse(settings, access), access=access)
    assert shown.results[0].agate_table.rows[0]["query_group"] == "splitmile:build_marts"


def test_a_build_is_named_limited_spread_and_granted(settings: Settings, access: RedshiftAccess, analyst: RedshiftAccess) -> None:
    role = f"{analyst.user}_role"
    redshift = settings.warehouse.redshift.model_copy(update={"analyst_role": role, "statement_timeout_seconds": 77})
    limited = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"redshift": redshift})})
    before = _open_sessions(access)
    build_marts(limited, DAY, access)

    # Every statement of dbt says at its end what it belongs to, and every model has the limit.
    log = (limited.dbt_target_dir / "dbt.log").read_text()
    said = [json.loads(found) for found in re.findall(r'^/\* (\{"app": "splitmile".*\}) \*/', log, re.MULTILINE)]
    assert {line["business_date"] for line in said} == {DAY.isoformat()}
    assert {"model.splitmile.unit_days", "model.splitmile.experiment_moments"} <= {line.get("node") for line in said}
    assert len({line["invocation_id"] for line in said}) == 1
    assert "set statement_timeout to 77000" in log
    assert _open_sessions(access) <= before

    # Tables lie where they are joined.
    with open_warehouse(limited, access) as administrator:
        keys = administrator.fetch("select table_name, column_name, distkey, sortkey from svv_redshift_columns where schema_name = 'marts'")
    spread = {row["table_name"]: row["column_name"] for row in keys if row["distkey"]}
    assert spread == dict.fromkeys(("unit_days", "unit_totals", "experiment_units", "experiment_unit_windows"), "unit_id")
    assert {(row["table_name"], row["column_name"]) for row in keys if row["sortkey"] == 1} == {
        ("calendar", "business_date"),
        ("unit_days", "business_date"),
        ("unit_totals", "business_date"),
        ("experiment_units", "assigned_at"),
        ("experiment_unit_windows", "counts_from"),
        ("delivery_observations", "business_date"),
        ("experiment_histograms", "business_date"),
        ("experiment_quantiles", "as_of_date"),
        ("switchback_exposures_daily", "experiment_id"),
        ("switchback_window_days", "experiment_id"),
        ("experiment_moments", "as_of_date"),
        ("experiment_exposures_daily", "experiment_id"),
    }

    session = RedshiftWarehouse(limited, analyst, "tests")
    try:
        for table in ("marts.experiment_units", "marts.unit_days", "registry.experiments", "results.latest_experiment_results"):
            assert session.fetch(f"select count(*) as n from {table}") == [{"n": 0}]
        for statement in ("select 1 from ops.transform_runs", "delete from marts.unit_days", "select 1 from landing.deliveries"):
            with pytest.raises(WarehouseError, match="permission denied"):
                session.execute(statement)
    finally:
        session.close()
