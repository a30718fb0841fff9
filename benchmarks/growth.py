"""How the cost of a day grows: with the age of the experiments, their number, the rows of the day and the units."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, slower
from benchmarks.installation import DayCost, Installation, middle
from benchmarks.scales import AGES, GROWTH_DAYS, aging_workload, grown_workloads
from benchmarks.whole_day import run_alone
from benchmarks.workload import Workload
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.object_store import ObjectStore

Say = Callable[[str], None]

_MEMORY = "512MB"

# One step tells little on a machine whose speed is not steady, so of each thing that is compared the middle one of these counts.
_STEPS = 3


@contextmanager
def installed(folder: Path, server: EmbeddedS3, workload: Workload, days: int) -> Iterator[Installation]:
    """An installation with the files of some days and nothing loaded; all of it is removed at the end."""
    store = ObjectStore(f"benchmark-{folder.name}", server.credentials)
    store.ensure_bucket()
    try:
        workload.write_days(folder / "files", range(1, days + 1))
        yield Installation(folder, workload, store, folder / "files")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(server.folder / store.bucket, ignore_errors=True)


def measure_growth(folder: Path, server: EmbeddedS3, workload: Workload, say: Say) -> Iterator[Figure]:
    """The figures of everything that grows."""
    yield _age_ratio(folder, server, workload, say)
    costs = {}
    for name, grown in grown_workloads(workload).items():
        costs[name], peak_mb = _day_of(folder, server, name, grown)
        cost = costs[name]
        say(f"{name}: load {cost.load_seconds:.2f} s, SQL {cost.build.models:.2f} s, moments {cost.build.of('experiment_moments'):.3f} s")
        base = costs["as it is"]
        if name == "units_x15":
            yield Figure("step_peak_units_x15", cost.seconds, peak_mb=peak_mb)
        if name == "refresh_50_over_10_experiments":
            yield slower(name, cost.build.of("experiment_moments"), base.build.of("experiment_moments"))
            yield slower("step_50_over_10_experiments", cost.seconds, base.seconds)
        elif name != "as it is":
            yield slower(name, cost.seconds, base.seconds)


def _age_ratio(folder: Path, server: EmbeddedS3, workload: Workload, say: Say) -> Figure:
    young, old = AGES
    aging = aging_workload(workload)
    with installed(folder / "aging", server, aging, old) as installation:
        refreshes = []
        done = 0
        for age in AGES:
            warm_up = age - _STEPS
            installation.put_history(range(done + 1, warm_up))
            installation.build(warm_up - 1)
            installation.step(warm_up)
            steps = [installation.step(day) for day in range(warm_up + 1, age + 1)]
            refreshes.append(median(step.build.of("experiment_moments") for step in steps))
            done = age
    say(f"moments on day {young}: {refreshes[0]:.4f} s, on day {old}: {refreshes[1]:.4f} s")
    return slower("refresh_age_ratio_day70_over_day40", refreshes[1], refreshes[0])


def _day_of(folder: Path, server: EmbeddedS3, name: str, workload: Workload) -> tuple[DayCost, float]:
    """A day at the end of three weeks, and the peak memory of a process that runs a day before it."""
    with installed(folder / name.replace(" ", "-").replace("_", "-"), server, workload, GROWTH_DAYS) as installation:
        alone = GROWTH_DAYS - _STEPS
        installation.put_history(range(1, alone))
        installation.build(alone - 1)
        installation.put_objects(alone)
        report = run_alone(installation.settings, server.credentials, workload.date(alone), only_step=True, memory_limit=_MEMORY)
        return middle([installation.step(day) for day in range(alone + 1, GROWTH_DAYS + 1)]), report.peak_mb
