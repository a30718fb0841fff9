"""What each unit brought along from before its exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitmile.workbench.columns import Columns
from splitmile.workbench.questions import AskedMetric
from splitmile.workbench.units import Units
from splitmile.workbench.values import sums

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CovariateValues:
    """The covariate of each unit that was randomised; arrays of shape (units,), both zero without a pre-period.

    Attributes:
        numerator: Its value, or the part above the line; summed over a cluster's units.
        denominator: 1, or the part below the line; summed likewise.
    """

    numerator: FloatArray
    denominator: FloatArray


def covariate_values(columns: Columns, metric: AskedMetric, units: Units) -> CovariateValues:
    """The covariate of one metric by unit.

    A covariate is a fact about a unit before it met its variant, so that all rows of a unit have to agree on it; rows
    without one are passed over. How many rows a unit has was decided after exposure and does not weigh.

    Raises:
        FileInvalid: The covariate differs within a unit.
    """
    parts = [columns.numbers[column] for column in metric.covariate]
    is_used = (units.member_of_row >= 0) & ~np.isnan(np.column_stack(parts)).any(axis=1)
    member = units.member_of_row[is_used]
    members = int(member.max(initial=-1)) + 1
    size = units.variant.size
    unit, is_known = np.zeros(members, dtype=np.int64), np.zeros(members)
    unit[member], is_known[member] = units.of_row[is_used], 1.0
    parts_of_unit = []
    for column, part in zip(metric.covariate, parts, strict=True):
        of_member = np.zeros(members)
        of_member[member] = part[is_used]
        differs = np.zeros(columns.rows, dtype=bool)
        differs[is_used] = part[is_used] != of_member[member]
        if differs.any():
            raise columns.refuse(
                column,
                int(np.argmax(differs)),
                f"differs from a later row of the same {units.member_level}; a covariate is one number a unit, from before its exposure",
            )
        parts_of_unit.append(sums(of_member, unit, size))
    return CovariateValues(parts_of_unit[0], parts_of_unit[1] if len(parts) == 2 else sums(is_known, unit, size))
