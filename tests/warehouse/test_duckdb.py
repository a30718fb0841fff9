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
