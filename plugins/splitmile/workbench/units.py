"""Rows to units: which unit a row belongs to, and its one variant and segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitmile.results.readouts import Cause, LeftOut
from splitmile.workbench.cells import Labels
from splitmile.workbench.columns import Columns
from splitmile.workbench.questions import Question
from splitmile.workbench.refusals import FileInvalid, OptionInvalid, listed, suggestion

_MOST_VARIANTS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units that were randomised: clusters where there are some, else units, else rows.

    Attributes:
        level: Their column, or `row`.
        variants: Names, the control first; one without units where it is planned and nobody got it.
        of_row: Index of each row's unit, shape (rows,); −1 where the row does not count.
        member_level: Column of the units below the clusters, or `row`; without clusters the same as `level`.
        member_of_row: Index of each row's unit below the clusters, shape (rows,); −1 where the row does not count.
        variant: Index of each unit's variant, shape (units,).
        segments: Names, sorted.
        segment: Index of each unit's segment, shape (units,); −1 where it has none or several.
        contaminated: Units with rows in several variants; they are not among the units.
        left_out: What else does not count.
    """

    level: str
    variants: tuple[str, ...]
    of_row: NDArray[np.int64]
    member_level: str
    member_of_row: NDArray[np.int64]
    variant: NDArray[np.int64]
    segments: tuple[str, ...]
    segment: NDArray[np.int64]
    contaminated: int
    left_out: tuple[LeftOut, ...]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Units of each variant, shape (variants,)."""
        return np.bincount(self.variant, minlength=len(self.variants))


def gather_units(columns: Columns, question: Question) -> Units:
    """The units of a file.

    A row without a variant, unit or cluster is left out. So is a unit, or a cluster, with rows in several variants:
    nobody knows which one made its numbers.

    Raises:
        OptionInvalid: The control is not there, the shares do not name every variant, or every unit has several variants.
        FileInvalid: No row has a variant and a unit, or all have the same variant.
    """
    variants, variant_of_row = _variants(columns, question)
    counts = variant_of_row >= 0
    left_out = [_rows_left_out(Cause.no_variant, int(np.count_nonzero(~counts)))]
    levels = [(question.unit, Cause.no_unit), (question.cluster, Cause.no_cluster)]
    contaminated = 0
    level, ids = "row", np.arange(columns.rows)
    for column, cause in levels:
        if column is None:
            continue
        level, ids = column, columns.labels[column].codes
        left_out.append(_rows_left_out(cause, int(np.count_nonzero(counts & (ids < 0)))))
        counts &= ids >= 0
        is_mixed = _spans(ids, variant_of_row, counts, len(columns.labels[column].names))
        is_out = counts & is_mixed[ids]
        contaminated = int(np.count_nonzero(is_mixed))
        if contaminated:
            left_out.append(LeftOut(Cause.several_variants, None, int(np.count_nonzero(is_out)), contaminated))
        counts &= ~is_out
        if contaminated and not counts.any():
            raise OptionInvalid(
                f"{columns.name}: every value of {column!r} has rows in several variants, so it is not what was assigned; name the column "
                "of what was (--unit alone where units were assigned within clusters), or use `splitmile switchback` for variants that "
                "changed over time"
            )
    if not counts.any():
        raise FileInvalid(f"{columns.name}: no row has both a variant and a unit; nothing can be computed from it")
    of_row, units = _renumbered(ids, counts)
    members = np.arange(columns.rows) if question.unit is None else columns.labels[question.unit].codes
    variant = np.zeros(units, dtype=np.int64)
    variant[of_row[counts]] = variant_of_row[counts]
    segments, segment, of_segments = _segments(columns, question, of_row, units)
    return Units(
        level=level,
        variants=variants,
        of_row=of_row,
        member_level=question.unit or "row",
        member_of_row=_renumbered(members, counts)[0],
        variant=variant,
        segments=segments,
        segment=segment,
        contaminated=contaminated,
        left_out=tuple(entry for entry in [*left_out, *of_segments] if entry.rows),
    )


def _variants(columns: Columns, question: Question) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names, the control first, and the index of each row's; without a column of variants all rows are the control's."""
    if question.variant is None:
        return (question.control,), np.zeros(columns.rows, dtype=np.int64)
    labels = columns.labels[question.variant]
    if not labels.names:
        raise FileInvalid(f"{columns.name}: column {question.variant!r} is empty in every row; it has to hold the variants")
    if len(labels.names) > _MOST_VARIANTS:
        raise OptionInvalid(
            f"{columns.name}: column {question.variant!r} has {len(labels.names):,} different values; --variant has to name the column of "
            f"the variants, {_MOST_VARIANTS} at most"
        )
    if question.control not in labels.names:
        raise OptionInvalid(
            f"{columns.name}: --control is {question.control!r}, and column {question.variant!r} has no such variant; "
            f"{suggestion(question.control, sorted(labels.names), 'variant')}"
        )
    known = set(labels.names)
    if question.shares is not None:
        unplanned = sorted(known - question.shares.keys())
        if unplanned:
            raise OptionInvalid(
                f"--shares names no share for {listed(unplanned, 'variant')} of column {question.variant!r}; "
                "give every variant its share, 0 to one that nobody planned"
            )
        known |= question.shares.keys()
    elif len(known) == 1:
        raise FileInvalid(f"{columns.name}: column {question.variant!r} holds {question.control!r} only; a comparison needs two variants")
    ordered = (question.control, *sorted(known - {question.control}))
    return ordered, _recoded(labels, ordered)


def _recoded(labels: Labels, ordered: tuple[str, ...]) -> NDArray[np.int64]:
    """The codes of a column as indices into other names; −1 stays."""
    place = {name: index for index, name in enumerate(ordered)}
    return np.array([*(place[name] for name in labels.names), -1], dtype=np.int64)[labels.codes]


def _spans(ids: NDArray[np.int64], values: NDArray[np.int64], counts: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Which identifiers have more than one value in the rows that count, shape (size,)."""
    lowest, highest = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(lowest, ids[counts], values[counts])
    np.maximum.at(highest, ids[counts], values[counts])
    spans: NDArray[np.bool_] = highest > lowest
    return spans


def _renumbered(ids: NDArray[np.int64], counts: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Each row's unit, numbered from 0 without gaps, and how many units there are."""
    is_there = np.zeros(int(ids.max(initial=-1)) + 1, dtype=bool)
    is_there[ids[counts]] = True
    number = np.cumsum(is_there) - 1
    return np.where(counts, number[ids], -1), int(np.count_nonzero(is_there))


def _segments(
    columns: Columns, question: Question, of_row: NDArray[np.int64], units: int
) -> tuple[tuple[str, ...], NDArray[np.int64], list[LeftOut]]:
    segment = np.full(units, -1, dtype=np.int64)
    if question.segment is None:
        return (), segment, []
    labels = columns.labels[question.segment]
    names = tuple(sorted(labels.names))
    of_rows = _recoded(labels, names)
    has_segment = (of_row >= 0) & (of_rows >= 0)
    spans = _spans(of_row, of_rows, has_segment, units)
    segment[of_row[has_segment]] = of_rows[has_segment]
    is_without = segment < 0
    segment[spans] = -1
    rows_of_unit = np.bincount(of_row[of_row >= 0], minlength=units)
    left_out = [
        LeftOut(cause, None, int(rows_of_unit[is_out].sum()), int(np.count_nonzero(is_out)))
        for cause, is_out in ((Cause.no_segment, is_without), (Cause.several_segments, spans))
    ]
    return names, segment, left_out


def _rows_left_out(cause: Cause, rows: int) -> LeftOut:
    return LeftOut(cause, None, rows, None)
