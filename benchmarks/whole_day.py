"""One business date through the whole platform in a process of its own: `python -m benchmarks.whole_day`, started by the benchmark.

It reads what to do as JSON from standard input and writes seconds by step, and the process's peak memory, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from subprocess import PIPE, run
from typing import TYPE_CHECKING, Any

from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Settings

if TYPE_CHECKING:
    from splitmile.transform import ModelCost

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class DayReport:
    """What a process found.

    Attributes:
        seconds: By step, in the order of the steps.
        costs: What the transform reported of its models, tests and hooks.
        peak_mb: Largest resident memory, imports included.
        process_seconds: From its start to its end, the interpreter's included.
    """

    seconds: dict[str, float]
    costs: tuple[ModelCost, ...]
    peak_mb: float
    process_seconds: float


def run_alone(
    settings: Settings, credentials: StoreCredentials, business_date: date, *, only_step: bool, memory_limit: str | None = None
) -> DayReport:
    """Run a date in a new process; `only_step` leaves out the gates, the analysis and the pages, `memory_limit` is DuckDB's."""
    if memory_limit:
        settings = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"memory_limit": memory_limit})})
    asked = {
        "settings": settings.model_dump(mode="json"),
        "credentials": asdict(credentials),
        "business_date": business_date.isoformat(),
        "only_step": only_step,
    }
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.whole_day"]
    ended = run(command, input=json.dumps(asked), stdout=PIPE, text=True, check=True, cwd=ROOT)  # noqa: S603 (ourselves)
    process_seconds = time.perf_counter() - began
    # The process that is started imports this module too, and measures its own imports.
    from splitmile.transform import ModelCost

    found = json.loads(ended.stdout.splitlines()[-1])
    costs = tuple(ModelCost(**cost) for cost in found["costs"])
    return DayReport(found["seconds"], costs, found["peak_mb"], process_seconds)


class _Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def _run(asked: Mapping[str, Any]) -> dict[str, Any]:
    settings = Settings(**asked["settings"])
    store = ObjectStore(settings.feeds.bucket, StoreCredentials(**asked["credentials"]))
    business_date, only_step = date.fromisoformat(asked["business_date"]), asked["only_step"]
    clock = _Clock()
    with clock.step("import of DuckDB and pandas"):
        from splitmile import ingest, transform
        from splitmile.warehouse import open_warehouse
    with clock.step("ingest"), open_warehouse(settings) as warehouse:
        for partition in ingest.find_changed_partitions(store, warehouse, settings, business_date):
            ingest.load_partition(store, warehouse, settings, partition)
    with clock.step("registry"):
        registry = transform.read_registry(settings)
        with open_warehouse(settings) as warehouse:
            transform.sync_registry(warehouse, registry, "benchmark")
    if not only_step:
        with clock.step("import of Great Expectations"):
            from splitmile import quality
            from splitmile.quality.validation import open_context

            open_context(settings)
        with clock.step("gate 1"), open_warehouse(settings) as warehouse:
            quality.check_feeds(warehouse, settings, business_date, registry)
    with clock.step("import of dbt"):
        import dbt.cli.main  # noqa: F401
    with clock.step("dbt's parsing"):
        from splitmile.transform import dbt as dbt_runs

        dbt_runs.parse(settings)
    with clock.step("dbt"):
        (report,) = transform.build_marts(settings, business_date)
    for kind, name in (("model", "SQL of models"), ("test", "SQL of tests")):
        clock.seconds[name] = sum(cost.sql_seconds for cost in report.costs if cost.resource_type == kind)
        clock.seconds["dbt"] -= clock.seconds[name]
    if not only_step:
        with clock.step("gate 2"), open_warehouse(settings) as warehouse:
            quality.check_marts(warehouse, settings, business_date)
        with clock.step("import of analysis and pages"):
            from splitmile import analysis, publish
        with clock.step("analysis"), open_warehouse(settings) as warehouse:
            for plan in registry.plans:
                if plan.start_date <= business_date <= plan.end_date:
                    analysis.analyze_experiment(warehouse, settings, plan, business_date, "benchmark")
        with clock.step("digest"), open_warehouse(settings) as warehouse:
            digest = analysis.compose_digest(warehouse, settings, registry, business_date)
        with clock.step("pages"):
            publish.write_pages(digest, settings.report_dir)
    return {"seconds": clock.seconds, "costs": [asdict(cost) for cost in report.costs], "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    # Not ru_maxrss: a process inherits that of the one that started it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    found = json.dumps(_run(json.load(sys.stdin)))
    sys.stdout.write(f"{found}\n")
