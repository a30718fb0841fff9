"""The gates on Redshift: what they say is what they say on DuckDB, and little leaves the warehouse, least of all a password."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from quality.a_good_week import TODAY, registry
from quality.conftest import GoodWeek
from splitmile.errors import GateBlocked, WarehouseError
from splitmile.quality import GateReport, check_feeds, check_marts
from splitmile.quality.checks import Suite
from splitmile.quality.sources import NAME, open_source
from splitmile.quality.validation import SAMPLES, open_context, validate
from splitmile.warehouse import RedshiftAccess, Row, Warehouse

pytestmark = pytest.mark.redshift

BROKEN = (
    f"update landing.deliveries set status = 'lost' where partition_date = date '{TODAY}' and line_number = 2",
    f"update landing.deliveries set distance_m = 1 where partition_date = date '{TODAY}'",
    f"delete from landing.exposures where partition_date < date '{TODAY}' - 3",
)
EMPTY = tuple(
    f"delete from {table}" for table in ("landing.deliveries", "landing.exposures", "registry.experiments", "marts.experiment_moments")
)


def _gates(week: GoodWeek, statements: tuple[str, ...] = ()) -> tuple[GateReport, GateReport, list[Row], str]:
    """Both reports, what was kept of them, and the index of the pages but for the instants."""
    with week.broken_by(statements):
        feeds = check_feeds(week.warehouse, week.settings, TODAY, registry())
        marts = check_marts(week.warehouse, week.settings, TODAY)
        kept = week.warehouse.fetch(
            "select gate, business_date, check_name, severity, is_success, observed, expected, message "
            "from ops.quality_results order by gate, business_date, check_name"
        )
        index = (week.settings.data_docs_dir / "index.html").read_text()
    return feeds, marts, kept, "\n".join(line for line in index.splitlines() if "href" not in line)


@pytest.mark.parametrize("statements", [(), BROKEN, EMPTY], ids=["good", "broken", "empty"])
def test_both_engines_report_and_keep_the_same(good_duckdb: GoodWeek, good_redshift: GoodWeek, statements: tuple[str, ...]) -> None:
    here, there = _gates(good_duckdb, statements), _gates(good_redshift, statements)
    assert there == here
    feeds, marts, kept, _ = there
    assert len(kept) == len(feeds.checks) + len(marts.checks)
    if statements == BROKEN:
        assert [check.name for check in feeds.blocking] == ["delivery_status_known", "delivered_at_fits_status"]
        assert [check.name for check in feeds.warnings] == ["distance_level_usual"]
        assert "exposures_volume_usual" in [check.name for check in feeds.skipped]
        with pytest.raises(GateBlocked, match=f"d-{TODAY}-1 "):
            feeds.raise_if_blocked()
    elif statements == EMPTY:
        assert [check.name for check in feeds.blocking] == ["deliveries_present"]
        assert "moments_present" in [check.name for check in marts.skipped]
    else:
        assert not (*feeds.blocking, *marts.blocking, *feeds.warnings, *marts.warnings, *feeds.skipped, *marts.skipped)


def test_a_batch_is_read_once_and_only_samples_leave_the_warehouse(good_redshift: GoodWeek, suites: tuple[Suite, ...]) -> None:
    (suite,) = (suite for suite in suites if suite.batch.name == "feeds_deliveries")
    sent: list[tuple[str, int]] = []

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append((statement, cursor.rowcount))

    sa.event.listen(sa.Engine, "after_cursor_execute", count)
    try:
        context = open_context(good_redshift.settings)
        with (
            good_redshift.broken_by(["update landing.deliveries set status = 'lost'"]),
            open_source(context, good_redshift.warehouse) as source,
        ):
            validate(context, source, TODAY, [suite])
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", count)
    assert [statement.split()[:3] for statement, _ in sent if "landing.deliveries" in statement] == [["CREATE", "TEMPORARY", "TABLE"]]
    assert max(rows for statement, rows in sent if "FROM gx_temp" in statement or "FROM (SELECT" in statement) == SAMPLES


def test_the_session_is_named_like_our_own_and_ends_with_the_gate(good_redshift: GoodWeek, suites: tuple[Suite, ...]) -> None:
    settings, warehouse = good_redshift.settings, good_redshift.warehouse
    context = open_context(settings)
    with open_source(context, warehouse) as source:
        engine = context.data_sources.get(NAME).get_execution_engine()
        # The pool rolls back after each query, which takes away what was set in the same transaction.
        for parameter in ("query_group", "statement_timeout"):
            ((named,),) = engine.execute_query(sa.text(f"show {parameter}")).fetchall()
            assert [named] == list(warehouse.fetch(f"show {parameter}")[0].values())
        assert validate(context, source, TODAY, suites[:1])
        assert _sessions(warehouse) == 2
    assert _sessions(warehouse, until=1) == 1
    unreadable = Suite(replace(suites[0].batch, query="select unit_type from marts.nowhere"), suites[0].checks)
    context = open_context(settings)
    refused = pytest.raises(WarehouseError, match=r'batch feeds_deliveries_day cannot be read: .*"marts.nowhere" does not exist')
    with refused, open_source(context, warehouse) as source:
        validate(context, source, TODAY, [unreadable])
    assert _sessions(warehouse, until=1) == 1


def _sessions(warehouse: Warehouse, until: int | None = None) -> int:
    """Sessions on the database; one that the client has ended takes the server a moment."""
    for _ in range(100):
        (row,) = warehouse.fetch("select count(*) as sessions from pg_stat_activity where datname = current_database()")
        if until is None or row["sessions"] == until:
            break
        time.sleep(0.05)
    return int(row["sessions"])


def test_the_password_is_nowhere(
    good_redshift: GoodWeek, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse = good_redshift.warehouse
    url = sa.make_url(warehouse.sqlalchemy_url)
    caplog.set_level(logging.DEBUG)
    settings = good_redshift.settings.model_copy(update={"state_dir": tmp_path})
    report = check_feeds(warehouse, settings, TODAY, registry())
    pages = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in pages)
    written = [path.read_text(errors="replace") for path in pages]
    assert url.password
    assert not [text for text in (*written, caplog.text, str(report), repr(report)) if url.password in text]

    # What the server refuses, and what Great Expectations itself does, whose message would show it.
    for wrong, words in ((url.password[::-1], "password authentication failed"), (f"{url.password[::-1]} !", "a character that")):
        monkeypatch.setattr(warehouse, "sqlalchemy_url", url.set(password=wrong).render_as_string(hide_password=False))
        with pytest.raises(WarehouseError, match=f"Great Expectations cannot log in to Redshift: .*{words}") as refused:
            check_feeds(warehouse, settings, TODAY, registry())
        assert url.password[::-1] not in "".join(traceback.format_exception(refused.value)) + caplog.text


def test_a_password_may_have_any_character_that_redshift_allows() -> None:
    """Great Expectations would replace `$NAME` and `${NAME}` in its configuration."""
    from great_expectations.datasource.fluent import RedshiftDatasource

    any_character = "".join(map(chr, range(33, 127))) + "$HOME${HOME}%41"
    access = RedshiftAccess(host="example.com", database="dev", user="IAM:who@example.com", password=any_character)
    engine = RedshiftDatasource(name=NAME, connection_string=access.sqlalchemy_url).get_engine()
    assert engine.url.password == any_character
    assert engine.url.username == access.user
