"""A file of a switchback experiment to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from splitmile.results.comparisons import Comparison
from splitmile.results.from_arrays import cluster_estimate, number
from splitmile.results.readouts import Cause, LeftOut, SwitchbackReadout
from splitmile.results.scorecards import Contamination
from splitmile.results.switchbacks import CarryoverTest, RandomizationTest
from splitmile.settings import Trust
from splitmile.stats.switchback import hajek, horvitz_thompson, switchback_regression
from splitmile.stats.switchback_carryover import carryover_test
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_randomization import randomization_p_value
from splitmile.stats.switchback_windows import SwitchbackEffect
from splitmile.workbench.columns import Columns, read_columns
from splitmile.workbench.comparisons import adjusted
from splitmile.workbench.frames import Frame, frame_rows
from splitmile.workbench.questions import AskedMetric, require_level
from splitmile.workbench.refusals import OptionInvalid
from splitmile.workbench.splits import check_split
from splitmile.workbench.switchback_windows import Assignment, assign_windows, window_clusters, window_outcomes, with_known_past


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchbackQuestion:
    """All that is asked of a file of a switchback experiment.

    Attributes:
        period: Column of instants, or of numbers of windows.
        treatment: Column of the two variants.
        outcomes: Means and ratios.
        zone: Column of the zones; `None` where there is one.
        cluster: Column of what was assigned independently; `None` for what the design says, or each window.
        control: The variant that the other is compared with; `None` where the names say it, as 0 and 1 do.
        order: Windows of carry-over to allow for.
        burn_in_minutes: To leave out after every switch.
        window_minutes: Length of a window, where neither design nor column says it.
        design: `None` where it is not known.
        draws, seed: Schedules to draw for the randomisation test.
        alpha: Two-sided level of every interval.
    """

    period: str
    treatment: str
    outcomes: tuple[AskedMetric, ...]
    zone: str | None = None
    cluster: str | None = None
    control: str | None = None
    order: int = 0
    burn_in_minutes: float = 0.0
    window_minutes: int | None = None
    design: SwitchbackDesign | None = None
    draws: int = 2000
    seed: int = 1
    alpha: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what no file could answer."""
        require_level("--alpha", self.alpha)
        names = [outcome.name for outcome in self.outcomes]
        for name in names:
            if names.count(name) > 1:
                raise OptionInvalid(f"--outcome: {names.count(name)} outcomes are named {name!r}; give each a name of its own")


def analyze_switchback(path: Path, question: SwitchbackQuestion) -> SwitchbackReadout:
    """Answer a question about a CSV or Parquet file of a switchback experiment.

    Raises:
        FileInvalid: The file cannot be read, or holds a value from which nothing can be computed.
        OptionInvalid: The question does not fit the file, or the file not the design.
        OrderInvalid: The carry-over is longer than the schedule has room for.
    """
    labels = [column for column in (question.treatment, question.zone, question.cluster) if column is not None]
    numbers = [column for outcome in question.outcomes for column in outcome.columns]
    columns = read_columns(path, labels=labels, numbers=numbers, periods=[question.period])
    frame = frame_rows(columns, zone=question.zone, period=question.period, design=question.design, window_minutes=question.window_minutes)
    assignment = assign_windows(columns, frame, question.treatment, question.control, question.burn_in_minutes)
    clusters = window_clusters(columns, question.cluster, frame, assignment)
    answers = [_answer(columns, outcome, frame, assignment, clusters, question) for outcome in question.outcomes]
    has_rows = np.bincount(assignment.cell[assignment.cell >= 0], minlength=assignment.arms.size).reshape(assignment.arms.shape) > 0
    planned = float(assignment.arms.mean()) if frame.is_given else frame.design.treatment_share
    counts = [int(np.count_nonzero(has_rows & (assignment.arms == arm))) for arm in (0, 1)]
    split = check_split((assignment.control, assignment.treatment), counts, [1 - planned, planned])
    share = assignment.contaminated / assignment.judged if assignment.judged else None
    limit = Trust().contamination_limit
    return SwitchbackReadout(
        source=str(path),
        rows=columns.rows,
        zones=len(frame.design.zones),
        windows=frame.design.windows,
        window_minutes=None if frame.instants is None and not frame.is_given else frame.design.window_minutes,
        is_design_given=frame.is_given,
        order=question.order,
        burn_in_minutes=question.burn_in_minutes,
        alpha=question.alpha,
        control=assignment.control,
        treatment=assignment.treatment,
        variants=split.variants,
        srm=split.srm,
        contamination=Contamination(assignment.contaminated, share, (share or 0.0) > limit, limit),
        left_out=(*assignment.left_out, *(answer.missing for answer in answers if answer.missing.rows)),
        effects=_corrected([effect for answer in answers for effect in answer.effects]),
        randomization_tests=tuple(test for answer in answers for test in answer.randomization),
        carryover_tests=tuple(answer.carryover for answer in answers),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one outcome adds to the readout."""

    effects: tuple[Comparison, ...]
    randomization: tuple[RandomizationTest, ...]
    carryover: CarryoverTest
    missing: LeftOut


def _answer(
    columns: Columns, outcome: AskedMetric, frame: Frame, assignment: Assignment, clusters: np.ndarray, question: SwitchbackQuestion
) -> _Answer:
    windows, missing = window_outcomes(columns, outcome, assignment)
    design, order = frame.design, question.order
    exposed = with_known_past(windows, assignment.is_known, order)
    further = with_known_past(windows, assignment.is_known, order + 1)
    effects = {
        "cr2": switchback_regression(windows, hour=frame.hours, cluster=clusters),
        "hajek": hajek(exposed, design, order=order),
        "horvitz_thompson": horvitz_thompson(exposed, design, order=order),
    }
    p_values = {
        "cr2": randomization_p_value(windows, design, statistic="regression", hour=frame.hours, draws=question.draws, seed=question.seed),
        "hajek": randomization_p_value(exposed, design, statistic="hajek", order=order, draws=question.draws, seed=question.seed),
    }
    return _Answer(
        effects=tuple(_comparison(outcome, method, effect, assignment, question.alpha) for method, effect in effects.items()),
        randomization=tuple(
            RandomizationTest(outcome.name, method, number(p_value), question.draws) for method, p_value in p_values.items()
        ),
        carryover=CarryoverTest(outcome.name, order, cluster_estimate(carryover_test(further, design, order=order), question.alpha)),
        missing=LeftOut(Cause.missing_value, outcome.name, missing, None),
    )


def _comparison(outcome: AskedMetric, method: str, effect: SwitchbackEffect, assignment: Assignment, alpha: float) -> Comparison:
    return Comparison(
        metric=outcome.name,
        kind=outcome.kind,
        segment="all",
        control=assignment.control,
        treatment=assignment.treatment,
        n_control=effect.windows_control,
        n_treatment=effect.windows_treatment,
        control_value=number(effect.control_mean),
        treatment_value=number(effect.treatment_mean),
        absolute=cluster_estimate(effect.absolute, alpha),
        relative=cluster_estimate(effect.relative, alpha),
        degrees_of_freedom=number(effect.absolute.degrees_of_freedom),
        method=method,
        sequential=None,
        p_value_adjusted=None,
    )


def _corrected(effects: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Holm over the outcomes of each method: the methods ask the same question."""
    by_place: dict[int, float | None] = {}
    for method in {effect.method for effect in effects}:
        places = [place for place, effect in enumerate(effects) if effect.method == method]
        by_place |= dict(zip(places, adjusted([effects[place].absolute.p_value for place in places]), strict=True))
    return tuple(replace(effect, p_value_adjusted=by_place[place]) for place, effect in enumerate(effects))
