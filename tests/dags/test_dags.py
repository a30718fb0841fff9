"""The DAGs as Airflow parses them: which there are, how their tasks hang together, what each task promises."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_session import airflow_environment
from splitmile.errors import GateBlocked, StoreUnavailable
from splitmile.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "scipy", "great_expectations", "dbt", "duckdb", "matplotlib", "pyarrow", "boto3", "slack_sdk"}

EDGES = {
    "ingest_feeds": {
        ("wait_for_feeds", "find_changed_partitions"),
        ("find_changed_partitions", "load_partition"),
        ("load_partition", "emit_dates"),
        ("load_partition", "all_loaded"),
        ("emit_dates", "mark_emitted"),
    },
    "experiments_daily": {
        ("sync_registry", "check_feeds"),
        ("check_feeds", "build_marts"),
        ("build_marts", "check_marts"),
        ("check_marts", "list_experiments"),
        ("list_experiments", "analyze_experiment"),
        ("list_experiments", "publish"),
        ("analyze_experiment", "publish"),
        ("analyze_experiment", "all_analyzed"),
    },
}
WITHOUT_WAREHOUSE = {"wait_for_feeds", "all_loaded", "all_analyzed", "list_experiments"}


def parse(folder: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(folder)


@pytest.fixture(scope="module")
def bag() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in airflow_environment(Settings()).items():
            patch.setenv(name, value)
        yield parse(PROJECT / "dags")


def test_the_dags_are_exactly_these(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == set(EDGES)


def test_a_broken_or_missing_folder_is_no_set_of_dags(tmp_path: Path, bag: Any) -> None:
    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\nimport no_such_module\n")
    broken = parse(tmp_path)
    assert "no_such_module" in next(iter(broken.import_errors.values()))
    # Airflow says nothing about a folder that is not there, which is why the ids are compared as a whole above.
    assert (parse(tmp_path / "missing").dags, parse(tmp_path / "missing").import_errors) == ({}, {})


@pytest.mark.parametrize("dag_id", sorted(EDGES))
def test_edges(bag: Any, dag_id: str) -> None:
    tasks = bag.dags[dag_id].tasks
    assert {(task.task_id, after) for task in tasks for after in task.downstream_task_ids} == EDGES[dag_id]


@pytest.mark.parametrize("dag_id", sorted(EDGES))
def test_what_every_dag_has(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert "splitmile" in dag.tags
    assert "docs/operations.md" in dag.doc_md
    assert dag.catchup is False
    # An ingest that waits for its feeds keeps none from being run by hand.
    assert dag.max_active_runs == (2 if dag_id == "ingest_feeds" else 1)
    assert dag.params["business_date"] is None


@pytest.mark.parametrize(
    ("dag_id", "task_id"), [(dag_id, task) for dag_id, edges in EDGES.items() for task in sorted({t for e in edges for t in e})]
)
def test_what_every_task_has(bag: Any, dag_id: str, task_id: str) -> None:
    from splitmile.orchestration.notices import notify_failure

    task = bag.dags[dag_id].get_task(task_id)
    assert task.owner == "data-platform"
    assert task.retries == 3
    assert task.retry_exponential_backoff == 2
    assert timedelta() < task.execution_timeout <= timedelta(hours=2)
    assert task.pool == ("default_pool" if task_id in WITHOUT_WAREHOUSE else "warehouse")
    # The digest itself names an experiment that could not be analysed.
    assert list(task.on_failure_callback) == ([] if task_id == "analyze_experiment" else [notify_failure])


def test_only_what_may_pass_by_itself_is_tried_again(bag: Any) -> None:
    from airflow.sdk import RetryAction

    policy = bag.dags["experiments_daily"].get_task("check_feeds").retry_policy
    assert policy.evaluate(StoreUnavailable("down"), 1, 3).action is RetryAction.RETRY
    assert policy.evaluate(GateBlocked("no rows"), 1, 3).action is RetryAction.FAIL
    assert policy.evaluate(MemoryError(), 1, 3).action is RetryAction.DEFAULT


def test_the_schedules(bag: Any) -> None:
    from splitmile.orchestration.schedule import FEEDS

    ingest, experiments = bag.dags["ingest_feeds"].timetable, bag.dags["experiments_daily"].timetable
    assert (ingest.expression, str(ingest.timezone), ingest.run_immediately) == ("30 5 * * *", "Asia/Seoul", True)
    assert experiments.asset_condition == FEEDS
    assert bag.dags["ingest_feeds"].get_task("emit_dates").outlets == [FEEDS]


def fresh_python(code: str, *arguments: object, settings: Settings, **variables: str) -> str:
    """The last line that a new interpreter prints under the embedded environment."""
    environment = {**os.environ, **airflow_environment(settings), **variables}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


HEAVY_IMPORTS = """
import sys
from airflow.dag_processing.dagbag import DagBag
empty, *folders = sys.argv[1:]
DagBag(empty)  # whatever Airflow itself imports, it has now
before, imported = set(sys.modules), []
for folder in folders:
    bag = DagBag(folder)
    assert bag.dags and not bag.import_errors, bag.import_errors
    imported.append({name.partition(".")[0] for name in set(sys.modules) - before})
print(imported)
"""


def test_parsing_imports_nothing_heavy(settings: Settings, tmp_path: Path) -> None:
    """Beside a careless DAG file, of which it is seen."""
    (tmp_path / "careless.py").write_text("import scipy\nfrom airflow.sdk import DAG\nwith DAG('careless'):\n    pass\n")
    imported, with_careless = ast.literal_eval(
        fresh_python(HEAVY_IMPORTS, tmp_path / "none", PROJECT / "dags", tmp_path, settings=settings)
    )
    assert "splitmile" in imported
    assert imported & HEAVY == set()
    assert with_careless & HEAVY == {"scipy"}


LOAD_PLUGINS = "from airflow import plugins_manager; plugins_manager.ensure_plugins_loaded(); import statistics; print(statistics.__file__)"


@pytest.mark.parametrize("is_ignored", [True, False])
def test_the_package_is_kept_out_of_the_plugin_loader(tmp_path: Path, settings: Settings, is_ignored: bool) -> None:
    """Without the ignore file Airflow runs a module of ours as `statistics` and the standard library's is gone."""
    package = tmp_path / "plugins" / "splitmile" / "stats"
    package.mkdir(parents=True)
    (package / "statistics.py").write_text("mean = None\n")
    if is_ignored:
        (tmp_path / "plugins" / ".airflowignore").write_text((PROJECT / "plugins" / ".airflowignore").read_text())
    found = fresh_python(LOAD_PLUGINS, settings=settings, AIRFLOW__CORE__PLUGINS_FOLDER=str(tmp_path / "plugins"))
    assert (found == str(package / "statistics.py")) is not is_ignored
