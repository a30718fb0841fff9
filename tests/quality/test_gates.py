"""The gates as a run sees them: report, storage, pages."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from quality.a_good_week import DATES, TODAY, build_marts, load_feeds, registry
from redshift_target import ENGINES
from splitmile.errors import GateBlocked, WarehouseError
from splitmile.quality import LIMITS, GateReport, check_feeds, check_marts
from splitmile.quality.data_docs import DATES_SHOWN
from splitmile.quality.limits import Severity
from splitmile.quality.report import CheckResult, keep_report
from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse

BREAK_STATUS = f"update landing.deliveries set status = 'lost' where partition_date = date '{TODAY}' and line_number = 2"
BREAK_DISTANCE = f"update landing.deliveries set distance_m = distance_m / 1000 where partition_date = date '{TODAY}'"


def _kept(warehouse: Warehouse) -> list[Row]:
    return warehouse.fetch("select * exclude (checked_at) from ops.quality_results order by gate, business_date, check_name")


def test_gates_pass_on_a_good_week_and_keep_every_check(warehouse: Warehouse, settings: Settings) -> None:
    load_feeds(warehouse, settings)
    build_marts(warehouse)
    feeds = check_feeds(warehouse, settings, TODAY, registry())
    marts = check_marts(warehouse, settings, TODAY)
    for report in (feeds, marts):
        assert report.blocking == report.warnings == report.skipped == ()
        report.raise_if_blocked()
    rows = _kept(warehouse)
    assert sorted(row["check_name"] for row in rows) == sorted(LIMITS)
    assert all(row["is_success"] for row in rows)
    index = (settings.data_docs_dir / "index.html").read_text()
    assert "exposed units" in index
    assert "unit days" in index


def test_blocked_gate_names_each_failure_and_is_replaced_when_the_date_runs_again(warehouse: Warehouse, settings: Settings) -> None:
    load_feeds(warehouse, settings)
    warehouse.execute(BREAK_STATUS)
    warehouse.execute(BREAK_DISTANCE)
    broken = check_feeds(warehouse, settings, TODAY, registry())
    assert [check.name for check in broken.blocking] == ["delivery_status_known", "delivered_at_fits_status"]
    assert [check.name for check in broken.warnings] == ["distance_level_usual"]
    with pytest.raises(GateBlocked) as blocked:
        broken.raise_if_blocked()
    for part in ("feeds", str(TODAY), "delivery_status_known", "status lost", "one of delivered, cancelled", "Map the new status"):
        assert part in str(blocked.value)
    assert "distance_level_usual" not in str(blocked.value)

    index = (settings.data_docs_dir / "index.html").read_text()
    assert "delivery_status_known" in index
    assert "distance_level_usual" in index
    assert "http" not in index
    page = settings.data_docs_dir / "validations/feeds_deliveries" / str(TODAY)
    assert f'href="{next(page.glob("*/*.html")).relative_to(settings.data_docs_dir)}"' in index
    assert "delivery_status_known" in next(page.glob("*/*.html")).read_text()

    first = _kept(warehouse)
    check_feeds(warehouse, settings, TODAY, registry())
    assert _kept(warehouse) == first
    warehouse.execute("delete from landing.deliveries")
    warehouse.execute("delete from landing.exposures")
    load_feeds(warehouse, settings)
    assert check_feeds(warehouse, settings, TODAY, registry()).blocking == ()
    assert len(_kept(warehouse)) == len(first)
    assert len(list(page.glob("*/*.html"))) == 1
    assert "delivery_status_known" not in (settings.data_docs_dir / "index.html").read_text()


def test_the_first_day_passes_and_says_what_was_skipped(warehouse: Warehouse, settings: Settings) -> None:
    load_feeds(warehouse, settings, DATES[:1])
    report = check_feeds(warehouse, settings, DATES[0], registry())
    report.raise_if_blocked()
    assert report.warnings == ()
    assert {"deliveries_volume_kept", "deliveries_fresh", "exposures_volume_usual"} <= {check.name for check in report.skipped}


def test_an_empty_warehouse_blocks_and_does_not_fall_over(warehouse: Warehouse, settings: Settings) -> None:
    report = check_feeds(warehouse, settings, TODAY, registry())
    assert [check.name for check in report.blocking] == ["deliveries_present"]
    assert [check.name for check in report.warnings] == ["exposures_present"]


def test_marts_that_were_not_built_are_an_error_and_not_a_pass(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="experiment_units"):
        check_marts(warehouse, settings, TODAY)


def test_marts_without_a_running_experiment_pass(warehouse: Warehouse, settings: Settings) -> None:
    load_feeds(warehouse, settings)
    build_marts(warehouse)
    for table in ("registry.experiments", "marts.experiment_moments"):
        warehouse.execute(f"delete from {table}")
    report = check_marts(warehouse, settings, TODAY)
    assert report.blocking == ()
    assert {check.name for check in report.skipped} >= {"moments_present", "moments_units_agree", "moments_spread_possible"}


def test_pages_of_old_dates_are_dropped(warehouse: Warehouse, settings: Settings) -> None:
    load_feeds(warehouse, settings)
    old, kept = TODAY - timedelta(days=400), TODAY - timedelta(days=1)
    result = CheckResult("deliveries_present", "feeds_deliveries_day", Severity.warn, True, False, "row_count 3", "at least 1", "Fine.")
    for back in range(DATES_SHOWN):
        keep_report(warehouse, GateReport("feeds", TODAY - timedelta(days=back), (result,)))
    keep_report(warehouse, GateReport("feeds", old, (result,)))
    for day in (old, kept):
        (settings.data_docs_dir / "validations/feeds_deliveries_day" / str(day)).mkdir(parents=True)
    check_feeds(warehouse, settings, TODAY, registry())
    pages = {path.name for path in (settings.data_docs_dir / "validations/feeds_deliveries_day").iterdir()}
    assert pages == {str(TODAY), str(kept)}
    assert str(old) not in (settings.data_docs_dir / "index.html").read_text()


@pytest.mark.parametrize("engine", ENGINES)
def test_long_messages_fit_their_column(warehouse: Warehouse) -> None:
    """Redshift counts bytes and refuses what is longer."""
    result = CheckResult("deliveries_present", "b", Severity.warn, False, False, "é" * 3000, "x" * 1024, "a" + "배" * 3000)
    keep_report(warehouse, GateReport("feeds", TODAY, (result,)))
    (row,) = warehouse.fetch("select observed, expected, message from ops.quality_results")
    assert row["observed"] == "é" * 510 + " …"
    assert row["expected"] == "x" * 1024
    assert row["message"] == "a" + "배" * 681 + " …"


def test_importing_the_gates_does_not_import_great_expectations() -> None:
    """A DAG file may import the package; only a gate that runs pays for the library."""
    program = "import sys, splitmile.quality; sys.exit('great_expectations' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ})
