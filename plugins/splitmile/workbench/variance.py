"""The spread of a metric, from the units in a file."""

from __future__ import annotations

from pathlib import Path

from splitmile.workbench.columns import read_columns
from splitmile.workbench.planning import Spread
from splitmile.workbench.questions import Question
from splitmile.workbench.refusals import FileInvalid
from splitmile.workbench.sides import Grid, both_sides
from splitmile.workbench.units import gather_units


def spread_of_file(path: Path, question: Question) -> Spread:
    """Baseline and variance per unit of the question's first metric, in its control or, without variants, in all rows.

    The variance per unit is n times that of the estimate, whatever the kind of metric: it is clustered by unit.

    Raises:
        FileInvalid: The file cannot be read, or has no estimate of the metric.
        OptionInvalid: The question names a column or variant that is not there.
    """
    columns = read_columns(path, labels=question.labels, numbers=question.numbers)
    units = gather_units(columns, question)
    metric = question.metrics[0]
    control = both_sides(columns, metric, units, Grid.of_control(len(units.variants))).control
    if control.reason[0]:
        raise FileInvalid(f"{path}: there is no estimate of {metric.name!r}: {control.reason[0]}")
    return Spread(
        baseline=float(control.value[0]), variance=float(control.variance[0] * control.n[0]), source=str(path), metric=metric.name
    )
