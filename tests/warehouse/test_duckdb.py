"""The embedded warehouse: one file, one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from splitmile.errors import WarehouseBusy, WarehouseError
from splitmile.settings import Settings, WarehouseSettings
from splitmile.warehouse import open_warehouse


def test_a_second_process_waits_for_the_first_and_then_says_who_holds_it(settings: Settings, tmp_path: Path) -> None:
    settings.warehouse_file.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()",
            settings.warehouse_file,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        impatient = settings.model_copy(update={"warehouse": WarehouseSettings(busy_timeout_seconds=0.3)})
        with (
            pytest.raises(WarehouseBusy, match=r"warehouse\.duckdb is held by another process for more than 0\.3 s"),
            open_warehouse(impatient),
        ):
            pass
    finally:
        holder.communicate("\n")
    with open_warehouse(settings) as warehouse:
        assert warehouse.fetch("select 1 as one") == [{"one": 1}]


def test_a_file_that_is_no_database_is_named(settings: Settings) -> None:
    settings.warehouse_file.parent.mkdir(parents=True)
    settings.warehouse_file.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb cannot be opened"), open_warehouse(settings):
        pass


def test_a_new_file_has_the_format_of_this_duckdb(settings: Settings) -> None:
    for _ in range(2):
        with open_warehouse(settings) as warehouse:
            warehouse.execute("create or replace table landing.word as select 'courier-' || range % 9 as word from range(200000)")
            found = warehouse.fetch("select tags['storage_version'] as version from duckdb_databases() where not internal")
            assert found == [{"version": "v1.5.0+"}]
    with open_warehouse(settings) as warehouse:
        segments = "select distinct compression from pragma_storage_info('landing.word') where segment_type = 'VARCHAR'"
        assert warehouse.fetch(segments) == [{"compression": "DICT_FSST"}]
