"""Redshift's own ways: who runs what, how long, what a lost or refused session says, and no secret in any of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from splitmile.errors import SettingsInvalid, WarehouseConflict, WarehouseError
from splitmile.settings import RedshiftSettings, Settings
from splitmile.warehouse import RedshiftAccess, open_warehouse
from splitmile.warehouse.redshift import RedshiftWarehouse
from splitmile.warehouse.tables import REDSHIFT_KEYS, TABLES

if TYPE_CHECKING:
    from redshift_standin.faults import Faults

pytestmark = pytest.mark.redshift


@pytest.fixture
def engine() -> str:
    return "redshift"


def test_a_dba_sees_who_runs_what(settings: Settings, access: RedshiftAccess) -> None:
    with open_warehouse(settings, access, "load_partition") as warehouse:
        assert list(warehouse.fetch("show query_group")[0].values()) == ["splitmile:load_partition"]
    with open_warehouse(settings, access, "it's \u2014 odd") as warehouse:
        assert list(warehouse.fetch("show query_group")[0].values()) == ["splitmile:it_s___odd"]


def test_a_statement_that_takes_too_long_is_ended_and_the_setting_named(settings: Settings, access: RedshiftAccess) -> None:
    redshift = RedshiftSettings(iam_role=settings.warehouse.redshift.iam_role, statement_timeout_seconds=1)
    short = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"redshift": redshift})})
    digits = " union all ".join(f"select {digit} as digit" for digit in range(10))
    crowd = " cross join ".join(f"({digits}) as d{number}" for number in range(10))
    with (
        open_warehouse(short, access) as warehouse,
        pytest.raises(WarehouseError, match=r"`warehouse\.redshift.statement_timeout_seconds`"),
    ):
        warehouse.fetch(f"select sum(d0.digit * d9.digit) from {crowd}")


def test_the_tables_are_spread_and_sorted_as_planned(settings: Settings, access: RedshiftAccess) -> None:
    assert REDSHIFT_KEYS.keys() <= TABLES.keys()
    variant = {"experiment_id": "e", "variant": "v", "planned_share": 0.5, "is_control": True}
    warning = {"load_id": "l", "feed": "f", "partition_date": date(2026, 3, 2), "message": "m", "warned_at": date(2026, 3, 2)}
    with open_warehouse(settings, access) as warehouse:
        # The view has no row of an empty table.
        warehouse.append("registry.variants", [variant])
        warehouse.append("ops.feed_warnings", [warning])
        warehouse.execute(
            "insert into landing.exposures (exposure_id, experiment_id, variant, unit_type, unit_id, exposed_at, partition_date, "
            "object_number, line_number) select 'x', 'e', 'v', 'courier', 'c', getdate(), partition_date, 1, 1 "
            "from ops.feed_warnings"
        )
        rows = warehouse.fetch('select "schema", "table", diststyle, sortkey1 from svv_table_info')
    keys = {f"{row['schema']}.{row['table']}": (row["diststyle"], row["sortkey1"]) for row in rows}
    assert keys["landing.exposures"] == ("KEY(exposure_id)", "partition_date")
    assert keys["registry.variants"][0] == "ALL"
    assert keys["ops.feed_warnings"][0].startswith("AUTO")


def test_without_a_connection_the_setting_is_named(settings: Settings) -> None:
    with pytest.raises(SettingsInvalid, match="no connection redshift_default"), open_warehouse(settings):
        pass


@pytest.mark.parametrize("change", [{"password": "wrong-pass"}, {"port": 1}, {"database": "nowhere"}])
def test_a_refused_log_in_names_the_place_and_no_password(settings: Settings, access: RedshiftAccess, change: dict[str, object]) -> None:
    wrong = replace(access, **change)  # type: ignore[arg-type]
    with pytest.raises(WarehouseError, match=rf"Redshift at {access.host}:{wrong.port}/{wrong.database} cannot be reached") as refused:
        RedshiftWarehouse(settings, wrong, "tests")
    for secret in (wrong.password, repr(wrong.password)):
        assert secret not in str(refused.value)
    assert access.password not in repr(access)


def test_a_certificate_of_strangers_is_not_trusted(settings: Settings, access: RedshiftAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(WarehouseError, match=r"(?i)certificate.*SSL_CERT_FILE"):
        RedshiftWarehouse(settings, access, "tests")


def test_a_serialisation_failure_is_a_conflict(settings: Settings, access: RedshiftAccess, faults: Faults) -> None:
    with open_warehouse(settings, access) as warehouse:
        faults.fail_next_commit()
        with pytest.raises(WarehouseConflict, match="1023"), warehouse.transaction():
            warehouse.execute("delete from ops.feed_warnings")
        # The session goes on.
        with warehouse.transaction(locked=("ops.feed_warnings",)):
            warehouse.execute("delete from ops.feed_warnings")
