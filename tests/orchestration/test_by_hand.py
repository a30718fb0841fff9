"""`splitmile run` and `splitmile demo` in processes of their own, told of S3 and Redshift by the environment alone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from airflow_session import aws_connection, redshift_connection
from redshift_target import RedshiftTarget
from small_city import put_feeds, write_experiment
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.orchestration.embedded import embedded_environment
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, open_warehouse

DAY = date(2026, 3, 2)


@pytest.mark.slow
@pytest.mark.redshift
def test_a_date_and_a_demo_that_keeps_away_from_it(
    settings: Settings, store: ObjectStore, s3: StoreCredentials, redshift: RedshiftTarget, redshift_access: RedshiftAccess, tmp_path: Path
) -> None:
    settings = redshift.settings(settings.model_copy(update={"experiments_dir": tmp_path / "experiments"}))
    write_experiment(settings.experiments_dir, DAY)
    put_feeds(store, settings, DAY)

    def splitmile(*arguments: object, **variables: str) -> tuple[int, str, str]:
        own = {name: value for name, value in embedded_environment(settings).items() if name.startswith("SPLITMILE_")}
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SPLITMILE_"))}
        done = subprocess.run(
            [sys.executable, "-m", "splitmile.cli", *map(str, arguments)],
            env={**outside, **own, **aws_connection(s3), **redshift_connection(redshift_access), "HOME": str(tmp_path), **variables},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    code, out, err = splitmile("run", "--date", DAY)
    assert (code, err) == (0, "")
    assert "Dispatch recommendation" in out
    assert "[info" not in out
    with open_warehouse(settings, redshift_access) as warehouse:
        assert warehouse.fetch("select as_of_date from results.scorecards") == [{"as_of_date": DAY}]
        # Marked as emitted, so that no scheduler runs the date again.
        assert warehouse.fetch("select business_date from ops.emitted_dates") == [{"business_date": DAY}]
        warehouse.execute("update ops.load_ledger set partition_date = '2020-01-01'")
    assert not (settings.state / "s3").exists()
    assert not (tmp_path / "airflow").exists()

    code, _, err = splitmile("demo", "--days", 1, SPLITMILE_FEEDS__PREFIX="demo")
    assert (code, "Redshift holds feeds of 2020-01-01" in err) == (1, True)
    store.put(f"{settings.feeds.prefix}/deliveries/date=2020-01-01/part-0.csv", b"")
    code, _, err = splitmile("demo", "--days", 1)
    assert (code, "date=2020-01-01/part-0.csv is not of the demo city" in err) == (1, True)
