"""Segments of a readout: which are shown, and whether the effect differs between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.results.from_arrays import number
from splitmile.results.readouts import SegmentTest
from splitmile.workbench.comparisons import Inference
from splitmile.workbench.sides import Grid

# Units in the smaller arm of a segment below which its effect is neither tested nor shown.
LEAST_UNITS = 20


def smaller_arm(inference: Inference) -> NDArray[np.int64]:
    """Units in the smaller arm of each comparison, shape (k,)."""
    return np.minimum(inference.control.n, inference.treatment.n)


def segment_tests(
    metric: str, treatments: tuple[str, ...], segments: tuple[str, ...], grid: Grid, inference: Inference
) -> tuple[SegmentTest, ...]:
    """One test a treatment; asked before any segment is named.

    Source:
        Cochran (1954) and Welch (1951), as in `stats.heterogeneity`.
    """

    def table(values: NDArray[Any]) -> NDArray[Any]:
        """Comparisons within segments, shape (treatments, segments)."""
        return values.reshape(1 + grid.segments, grid.variants - 1)[1:].T

    absolute, units = inference.absolute, table(smaller_arm(inference))
    found = stats.heterogeneity(
        table(absolute.estimate),
        table(absolute.standard_error),
        table(absolute.degrees_of_freedom),
        units,
        least_units=LEAST_UNITS,
    )
    return tuple(
        SegmentTest(
            metric=metric,
            treatment=treatment,
            segments=int(grid.segments - found.is_suppressed[row].sum()),
            q=number(found.q[row]),
            i_squared=number(found.i_squared[row]),
            p_value=number(found.p_value[row]),
            p_value_adjusted=None,
            reason=str(found.reason[row]) or None,
            suppressed=tuple(name for name, arm in zip(segments, units[row], strict=True) if arm < LEAST_UNITS),
        )
        for row, treatment in enumerate(treatments)
    )
