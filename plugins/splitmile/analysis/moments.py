"""What the warehouse keeps of an experiment's units: exact sums a variant and metric, and for small experiments the units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.warehouse import Row

Sum = int | Decimal


@dataclass(frozen=True, slots=True)
class MomentSums:
    """One row of `experiment_moments`: units and exact sums of one variant and metric, of all units or of one segment.

    N is the numerator, D the denominator, XN and XD the same before exposure. `None` or 0 in the sums of XN and XD: the
    metric has no covariate.
    """

    variant: str
    metric: str
    units: int
    sum_numerator: Sum = 0
    sum_denominator: Sum = 0
    sum_numerator_squared: Sum = 0
    sum_numerator_denominator: Sum = 0
    sum_denominator_squared: Sum = 0
    sum_covariate_numerator: Sum | None = None
    sum_covariate_denominator: Sum | None = None
    sum_covariate_numerator_squared: Sum | None = None
    sum_covariate_numerator_denominator: Sum | None = None
    sum_covariate_denominator_squared: Sum | None = None
    sum_numerator_covariate_numerator: Sum | None = None
    sum_numerator_covariate_denominator: Sum | None = None
    sum_denominator_covariate_numerator: Sum | None = None
    sum_denominator_covariate_denominator: Sum | None = None
    segment: str = "all"

    @classmethod
    def from_row(cls, row: Row) -> MomentSums:
        """From a row of the table, whose other columns are left."""
        return cls(**{name: row[name] for name in _COLUMNS if name in row})

    @property
    def has_covariate(self) -> bool:
        """At least one unit was seen before its exposure."""
        return bool(self.sum_covariate_denominator)


_COLUMNS = tuple(field.name for field in fields(MomentSums))
_SUMS = tuple(name for name in _COLUMNS if name.startswith("sum_"))
_METRIC_SUMS = tuple(name for name in _SUMS if "covariate" not in name)

UnitValues = Mapping[tuple[str, str], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Numerators and denominators of all units, by variant and metric."""


def moments_of(rows: Sequence[MomentSums]) -> stats.Moments:
    """Moments of the metric, a row each; an impossible row has no estimate and says why."""
    return stats.Moments.from_sums([row.units for row in rows], *(_column(rows, name) for name in _METRIC_SUMS), keep_faulty=True)


def covariate_moments_of(rows: Sequence[MomentSums]) -> stats.CovariateMoments:
    """Moments of the metric and its covariate, likewise."""
    return stats.CovariateMoments.from_sums([row.units for row in rows], **{name: _column(rows, name) for name in _SUMS}, keep_faulty=True)


def _column(rows: Sequence[MomentSums], name: str) -> list[Any]:
    return [getattr(row, name) or 0 for row in rows]
