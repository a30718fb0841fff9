"""How large the benchmark is: W itself, or a tenth of it that fits into a gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.workload import Trial, Workload, staggered_trials

ScaleName = Literal["small", "full"]


@dataclass(frozen=True, slots=True)
class Scale:
    """What is measured at one scale; days are counted from 1.

    Attributes:
        name: As on the command line.
        workload: The company.
        history_days: Put in at once; the daily steps are those after them.
        steps: How many daily steps are measured.
        backfill_days: As-of dates of the backfill.
        late_days: How many days late the corrected partition comes.
        is_grown: Whether what grows with age, experiments, rows and units is measured as well.
        disk_gb: What the scratch folder needs.
    """

    name: ScaleName
    workload: Workload
    history_days: int
    steps: int
    backfill_days: int
    late_days: int
    is_grown: bool
    disk_gb: float

    @property
    def last_day(self) -> int:
        """The newest day once all daily steps have been measured."""
        return self.history_days + self.steps


SCALES: dict[ScaleName, Scale] = {
    "small": Scale(
        name="small",
        workload=Workload(30, 22_000, 2_000, 1_000, 20, staggered_trials(10, 30, 15, 24)),
        history_days=25,
        steps=3,
        backfill_days=7,
        late_days=2,
        is_grown=False,
        disk_gb=0.5,
    ),
    "full": Scale(
        name="full",
        workload=Workload(90, 220_000, 20_000, 10_000, 50, staggered_trials(10, 90, 15, 70)),
        history_days=78,
        steps=5,
        backfill_days=30,
        late_days=4,
        is_grown=True,
        disk_gb=12,
    ),
}

GROWTH_DAYS = 22
_GROWTH_TRIALS = staggered_trials(10, GROWTH_DAYS, 15, 19)


def grown_workloads(workload: Workload) -> dict[str, Workload]:
    """W over three weeks, and the same with one thing larger each."""
    short = replace(workload, days=GROWTH_DAYS, trials=_GROWTH_TRIALS)
    return {
        "as it is": short,
        "refresh_50_over_10_experiments": replace(short, trials=staggered_trials(50, GROWTH_DAYS, 15, 19)),
        "rows_x5": replace(short, deliveries=5 * short.deliveries),
        "units_x15": replace(short, couriers=15 * short.couriers),
    }


AGES = (40, 70)


def aging_workload(workload: Workload) -> Workload:
    """Experiments that all begin on one day, so that their units are the same at every age; a quarter of the deliveries will do."""
    trials = tuple(replace(trial, first_day=15, last_day=AGES[1] + 1) for trial in _GROWTH_TRIALS)
    return replace(workload, days=AGES[1] + 1, deliveries=workload.deliveries // 4, trials=trials)


__all__ = ["AGES", "GROWTH_DAYS", "SCALES", "Scale", "ScaleName", "Trial", "aging_workload", "grown_workloads"]
