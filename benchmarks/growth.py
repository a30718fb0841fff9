"""How the cost of a day grows: with the age of the experiments, their number, the rows of the day and the units."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.figures import Figure, middle_pair, slower
from benchmarks.installation import DayCost, Installation
from benchmarks.scales import AGES, GROWTH_DAYS, aging_workload, grown_workloads
from benchmarks.whole_day import run_alone
from benchmarks.workload import Workload
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.object_store import ObjectStore

Say = Callable[[str], None]

_MEMORY = "512MB"

# Of all that is compared a step each in turn, since a machine's speed may be another one a minute later; so many times.
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
    with ExitStack() as stack:
        installations, alone = {}, GROWTH_DAYS - _STEPS
        for name, grown in grown_workloads(workload).items():
            place = folder / name.replace(" ", "-").replace("_", "-")
            installations[name] = installation = stack.enter_context(installed(place, server, grown, GROWTH_DAYS))
            installation.put_history(range(1, alone))
            installation.build(alone - 1)
            if name != "units_x15":
                installation.step(alone)
                continue
            installation.put_objects(alone)
            report = run_alone(installation.settings, server.credentials, grown.date(alone), only_step=True, memory_limit=_MEMORY)
            yield Figure("step_peak_units_x15", report.process_seconds, peak_mb=report.peak_mb)
        steps = _in_turn({name: (installation, GROWTH_DAYS) for name, installation in installations.items()}, say)
    bases = steps.pop("as it is")
    for name, costs in steps.items():
        if name == "refresh_50_over_10_experiments":
            yield slower(name, *middle_pair([(_moments(cost), _moments(base)) for cost, base in zip(costs, bases, strict=True)]))
            name = "step_50_over_10_experiments"
        yield slower(name, *middle_pair([(cost.seconds, base.seconds) for cost, base in zip(costs, bases, strict=True)]))


def _age_ratio(folder: Path, server: EmbeddedS3, workload: Workload, say: Say) -> Figure:
    aging = aging_workload(workload)
    with ExitStack() as stack:
        installations = {}
        for age in AGES:
            installation = stack.enter_context(installed(folder / f"aging-{age}", server, aging, age))
            warm_up = age - _STEPS
            installation.put_history(range(1, warm_up))
            installation.build(warm_up - 1)
            installation.step(warm_up)
            installations[f"day {age}"] = (installation, age)
        young, old = _in_turn(installations, say).values()
    pairs = [(_moments(cost), _moments(base)) for cost, base in zip(old, young, strict=True)]
    return slower("refresh_age_ratio_day70_over_day40", *middle_pair(pairs))


def _in_turn(installations: Mapping[str, tuple[Installation, int]], say: Say) -> dict[str, list[DayCost]]:
    """The steps of the last days of each installation up to its day, one of each after the other."""
    costs: dict[str, list[DayCost]] = {name: [] for name in installations}
    for back in reversed(range(_STEPS)):
        for name, (installation, last_day) in installations.items():
            cost = installation.step(last_day - back)
            costs[name].append(cost)
            say(f"{name}: load {cost.load_seconds:.2f} s, SQL {cost.build.models:.2f} s, moments {_moments(cost):.3f} s")
    return costs


def _moments(cost: DayCost) -> float:
    return cost.build.of("experiment_moments")
