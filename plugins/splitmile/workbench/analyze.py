"""A file of an experiment to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.results.comparisons import Comparison, CovariateAdjustment
from splitmile.results.from_arrays import estimates, numbers
from splitmile.results.readouts import Cause, LeftOut, Readout, SegmentTest
from splitmile.results.scorecards import Contamination
from splitmile.settings import Trust
from splitmile.workbench.columns import Columns, read_columns
from splitmile.workbench.comparisons import Named, adjusted, compare, infer
from splitmile.workbench.questions import AskedMetric, Question
from splitmile.workbench.segments import LEAST_UNITS, segment_tests, smaller_arm
from splitmile.workbench.sides import Grid, Sides, both_sides
from splitmile.workbench.splits import check_split
from splitmile.workbench.units import Units, gather_units

ALL = "all"

FloatArray = NDArray[np.float64]


def analyze_file(path: Path, question: Question) -> Readout:
    """Answer a question about a CSV or Parquet file.

    Raises:
        FileInvalid: The file cannot be read, or holds a value from which nothing can be computed.
        OptionInvalid: The question names a column or variant that is not there.
    """
    columns = read_columns(path, labels=question.labels, numbers=question.numbers)
    units = gather_units(columns, question)
    shares = question.shares or dict.fromkeys(units.variants, 1 / len(units.variants))
    planned = np.array([shares[variant] for variant in units.variants])
    split = check_split(units.variants, units.counts.tolist(), planned.tolist(), is_sequential=question.planned_units is not None)
    grid = Grid.of(len(units.variants), len(units.segments))
    answers = [_answer(columns, metric, units, grid, planned, question) for metric in question.metrics]
    return Readout(
        source=str(path),
        rows=columns.rows,
        unit=units.level,
        control=question.control,
        alpha=question.alpha,
        planned_units=question.planned_units,
        variants=split.variants,
        srm=split.srm,
        contamination=_contamination(units),
        left_out=(*units.left_out, *(answer.missing for answer in answers if answer.missing.rows)),
        effects=_adjusted([effect for answer in answers for effect in answer.effects], is_fixed=question.planned_units is None),
        segment_tests=_adjusted_tests([test for answer in answers for test in answer.tests]),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one metric adds to the readout."""

    effects: list[Comparison]
    tests: tuple[SegmentTest, ...]
    missing: LeftOut


def _answer(columns: Columns, metric: AskedMetric, units: Units, grid: Grid, planned: FloatArray, question: Question) -> _Answer:
    sides = both_sides(columns, metric, units, grid)
    inference = infer(
        sides.control,
        sides.treatment,
        sides.covariance,
        alpha=question.alpha,
        planned_units=_clock(planned, grid, question),
    )
    segments = (ALL, *units.segments)
    names = [
        Named(
            metric=metric.name,
            kind=metric.kind,
            segment=segments[control // grid.variants],
            control=units.variants[0],
            treatment=units.variants[treatment % grid.variants],
            method=method,
        )
        for control, treatment, method in zip(grid.control, grid.treatment, sides.method, strict=True)
    ]
    compared = compare(names, inference, _covariates(sides, question.alpha))
    shown = [
        effect for effect, arm in zip(compared, smaller_arm(inference), strict=True) if effect.segment == ALL or int(arm) >= LEAST_UNITS
    ]
    tests = segment_tests(metric.name, units.variants[1:], units.segments, grid, inference) if units.segments else ()
    # By treatment, each with `all` before its segments: the sort is stable.
    shown.sort(key=lambda effect: units.variants.index(effect.treatment))
    return _Answer(shown, tests, LeftOut(Cause.missing_value, metric.name, sides.missing_rows, sides.missing_units))


def _clock(planned: FloatArray, grid: Grid, question: Question) -> FloatArray | None:
    """Planned units of both sides of each comparison together."""
    if question.planned_units is None:
        return None
    shares = planned[grid.control % grid.variants] + planned[grid.treatment % grid.variants]
    return np.maximum(np.round(question.planned_units * shares), 1.0)


def _covariates(sides: Sides, alpha: float) -> list[CovariateAdjustment] | None:
    if sides.covariate is None:
        return None
    plain = stats.relative_effect(sides.covariate.control, sides.covariate.treatment, alpha=alpha)
    columns = numbers(sides.covariate.theta), numbers(sides.covariate.variance_removed), estimates(plain, plain.interval(alpha))
    return [CovariateAdjustment(*row) for row in zip(*columns, strict=True)]


def _contamination(units: Units) -> Contamination:
    share = units.contaminated / (units.contaminated + units.variant.size)
    limit = Trust().contamination_limit
    return Contamination(units.contaminated, share, share > limit, limit)


def _adjusted(effects: Sequence[Comparison], *, is_fixed: bool) -> tuple[Comparison, ...]:
    """Holm over the metrics and treatments of `all`, by the p-values that count; segments have their own test."""
    family = [place for place, effect in enumerate(effects) if effect.segment == ALL]
    p_values = [effects[place].counting(has_ended=is_fixed).p_value for place in family]
    corrected = dict(zip(family, adjusted(p_values), strict=True))
    return tuple(replace(effect, p_value_adjusted=corrected.get(place)) for place, effect in enumerate(effects))


def _adjusted_tests(tests: Sequence[SegmentTest]) -> tuple[SegmentTest, ...]:
    corrected = adjusted([test.p_value for test in tests])
    return tuple(replace(test, p_value_adjusted=p_value) for test, p_value in zip(tests, corrected, strict=True))
