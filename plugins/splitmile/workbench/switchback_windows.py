"""Rows of a switchback experiment to windows: which variant each had, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitmile.results.readouts import Cause, LeftOut
from splitmile.stats.switchback_rows import after_burn_in
from splitmile.stats.switchback_windows import SwitchbackWindows
from splitmile.workbench.columns import Columns
from splitmile.workbench.frames import Frame
from splitmile.workbench.questions import AskedMetric
from splitmile.workbench.refusals import FileInvalid, OptionInvalid, listed
from splitmile.workbench.values import has_values, refuse_values, sums

# Two names say by themselves which one is the control.
_CONTROLS = ("0", "false", "False", "FALSE", "control", "off")

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Which variant each window had.

    Attributes:
        control, treatment: Names.
        arms: Shape (zones, windows), 0 control and 1 treatment; 0 where it is not known.
        is_known: Shape (zones, windows); all with a design.
        cell: Index of each row's window, zone by zone, shape (rows,); −1 where the row does not count.
        contaminated, judged: Windows with rows of both variants, of all windows with rows; with a design, rows whose
            variant is not the scheduled one, of all rows in the schedule.
        left_out: What does not count.
    """

    control: str
    treatment: str
    arms: NDArray[np.int8]
    is_known: BoolArray
    cell: IntArray
    contaminated: int
    judged: int
    left_out: tuple[LeftOut, ...]


def assign_windows(columns: Columns, frame: Frame, treatment: str, control: str | None, burn_in_minutes: float) -> Assignment:
    """The variant of every window, from the design or from the rows.

    Raises:
        FileInvalid: There are not two variants.
        OptionInvalid: The control is not there, rows contradict the design, or a burn-in has no instants.
    """
    names = _two_names(columns, treatment, control)
    labels = columns.labels[treatment]
    met = np.array([*(names.index(name) for name in labels.names), -1], dtype=np.int64)[labels.codes]
    windows = frame.design.windows
    counts = frame.zone >= 0
    left_out = [LeftOut(Cause.outside_schedule if frame.is_given else Cause.no_place, None, int(np.count_nonzero(~counts)), None)]
    left_out.append(LeftOut(Cause.no_variant, None, int(np.count_nonzero(counts & (met < 0))), None))
    counts &= met >= 0
    cell = np.where(counts, frame.zone * windows + frame.window, -1)
    if frame.is_given:
        arms = frame.design.draw()
        is_known = np.ones(arms.shape, dtype=bool)
        contaminated = int(np.count_nonzero(met[counts] != arms.ravel()[cell[counts]]))
        judged = int(np.count_nonzero(counts))
        if 2 * contaminated > judged:
            raise OptionInvalid(
                f"{columns.name}: {contaminated:,} of {judged:,} rows met another variant than the design says; is it the design of this "
                f"experiment, and {names[0]!r} its control?"
            )
    else:
        arms, is_known, is_mixed = _realised(met[counts], cell[counts], frame.design.shape)
        contaminated = int(np.count_nonzero(is_mixed))
        judged = int(np.count_nonzero(is_known)) + contaminated
        is_out = counts & is_mixed.ravel()[cell]
        left_out.append(LeftOut(Cause.several_variants, None, int(np.count_nonzero(is_out)), contaminated))
        counts &= ~is_out
    if burn_in_minutes > 0:
        if frame.instants is None:
            raise OptionInvalid("--burn-in needs instants; the period column holds numbers of windows")
        is_settled = after_burn_in(frame.design, arms, frame.zone_names, frame.instants, burn_in_minutes)
        left_out.append(LeftOut(Cause.burn_in, None, int(np.count_nonzero(counts & ~is_settled)), None))
        counts &= is_settled
    return Assignment(
        control=names[0],
        treatment=names[1],
        arms=arms,
        is_known=is_known,
        cell=np.where(counts, cell, -1),
        contaminated=contaminated,
        judged=judged,
        left_out=tuple(entry for entry in left_out if entry.rows),
    )


def window_outcomes(columns: Columns, outcome: AskedMetric, assignment: Assignment) -> tuple[SwitchbackWindows, int]:
    """The outcome of every window, and how many rows lack a value.

    A mean counts every window the same, however many rows it has; a ratio is ΣN/ΣD, weighted by ΣD.

    Raises:
        FileInvalid: A denominator is negative.
    """
    refuse_values(columns, outcome)
    has_value = has_values(columns, outcome)
    used = (assignment.cell >= 0) & has_value
    cell, size, shape = assignment.cell[used], assignment.arms.size, assignment.arms.shape
    rows = np.bincount(cell, minlength=size)
    above = sums(columns.numbers[outcome.numerator][used], cell, size)
    missing = int(np.count_nonzero((assignment.cell >= 0) & ~has_value))
    if outcome.denominator is None:
        mean = np.divide(above, rows, out=np.full(size, np.nan), where=rows > 0)
        return SwitchbackWindows.of_means(assignment.arms, mean.reshape(shape)), missing
    below = sums(columns.numbers[outcome.denominator][used], cell, size)
    above = np.where(rows > 0, above, np.nan)
    return SwitchbackWindows.from_sums(assignment.arms, above.reshape(shape), below.reshape(shape)), missing


def with_known_past(windows: SwitchbackWindows, is_known: BoolArray, order: int) -> SwitchbackWindows:
    """Without the windows that follow, within the order, one whose variant is not known."""
    has_past = is_known.copy()
    for back in range(1, order + 1):
        has_past[:, back:] &= is_known[:, :-back]
    return SwitchbackWindows(windows.treatment, np.where(has_past, windows.outcome, np.nan), windows.weight)


def window_clusters(columns: Columns, cluster: str | None, frame: Frame, assignment: Assignment) -> IntArray:
    """What was assigned independently, shape (zones, windows): the column, else the design's blocks, else each window.

    Raises:
        FileInvalid: A window has rows of several clusters.
    """
    if cluster is None:
        return frame.design.independent_units()
    codes = columns.labels[cluster].codes
    used = (assignment.cell >= 0) & (codes >= 0)
    of_cell = np.full(assignment.arms.size, -1, dtype=np.int64)
    of_cell[assignment.cell[used]] = codes[used]
    strays = np.flatnonzero(used)[of_cell[assignment.cell[used]] != codes[used]]
    if strays.size:
        raise FileInvalid(
            f"{columns.name}: column {cluster!r}, row {strays[0] + 1} below the header: its zone and window has rows of another cluster as "
            "well; a cluster has to hold whole windows"
        )
    return of_cell.reshape(assignment.arms.shape)


def _two_names(columns: Columns, treatment: str, control: str | None) -> tuple[str, str]:
    """Control and treatment."""
    names = sorted(columns.labels[treatment].names)
    if len(names) != 2:
        raise FileInvalid(f"{columns.name}: column {treatment!r} holds {listed(names, 'variant')}; a switchback needs two variants")
    first = control if control is not None else next((name for name in names if name in _CONTROLS), None)
    if first is None:
        raise OptionInvalid(
            f"{columns.name}: column {treatment!r} holds {listed(names, 'variant')}; say with --control which is the control"
        )
    if first not in names:
        raise OptionInvalid(f"{columns.name}: --control is {first!r}, and column {treatment!r} holds {listed(names, 'variant')}")
    return first, next(name for name in names if name != first)


def _realised(met: IntArray, cell: IntArray, shape: tuple[int, int]) -> tuple[NDArray[np.int8], BoolArray, BoolArray]:
    """Arms as the rows met them, where that is known, and where rows met both."""
    size = shape[0] * shape[1]
    per_arm = np.stack([np.bincount(cell[met == arm], minlength=size) for arm in (0, 1)]).reshape(2, *shape)
    is_control, is_treatment = per_arm > 0
    is_mixed: BoolArray = is_control & is_treatment
    is_known: BoolArray = is_control ^ is_treatment
    return (is_known & is_treatment).astype(np.int8), is_known, is_mixed
