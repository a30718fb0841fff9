from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from splitmile.orchestration.embedded import Ports, embedded_environment
from splitmile.settings import BusinessDay, Publishing, Settings, load_settings


def test_every_setting_reaches_the_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        state_dir=tmp_path / "state",
        experiments_dir=tmp_path / "experiments",
        business_day=BusinessDay(timezone="America/New_York", cutover_hour=3),
        publishing=Publishing(slack_channel="#flights", report_url="http://127.0.0.1/reports"),
    )
    for name, value in embedded_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_airflow_and_s3_are_on_this_machine_and_nobody_is_told(settings: Settings) -> None:
    environment = embedded_environment(settings, Ports(airflow=9001, s3=9002))
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9001/execution/"
    assert "http://127.0.0.1:9002" in environment["AIRFLOW_CONN_AWS_DEFAULT"]
    assert Path(environment["AIRFLOW_HOME"]).is_relative_to(settings.state)
    switches = ("GX_ANALYTICS_ENABLED", "DBT_SEND_ANONYMOUS_USAGE_STATS", "SCARF_ANALYTICS")
    assert {environment[switch] for switch in switches} == {"False"}


def test_free_ports_differ() -> None:
    assert len(set(asdict(Ports.free()).values())) == 4


def test_importing_the_embedded_installation_imports_no_airflow() -> None:
    code = "import sys, splitmile.orchestration.embedded, splitmile.orchestration.standalone; print('airflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout.strip() == "False"


CHATTER = """
import os, sys
from pathlib import Path
from splitmile.orchestration.embedded import output_to
print("before", flush=True)
with output_to(Path(sys.argv[1])):
    print("printed")
    os.write(2, b"written\\n")
    os.system("echo from a child")
print("after")
"""


def test_chatter_goes_to_the_log_and_the_terminal_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "runs.log"
    done = subprocess.run([sys.executable, "-c", CHATTER, log], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["before", "after"], "")
    assert sorted(log.read_text().splitlines()) == ["from a child", "printed", "written"]
