"""Both sides of a metric to comparisons: effects, intervals, p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.results.comparisons import Comparison, CovariateAdjustment, SequentialEstimate
from splitmile.results.from_arrays import estimates, intervals, number, numbers
from splitmile.workbench.questions import Kind

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What one comparison is of."""

    metric: str
    kind: Kind
    segment: str
    control: str
    treatment: str
    method: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inference:
    """The numbers of k comparisons, arrays of shape (k,).

    Attributes:
        control, treatment: The metric on each side.
        absolute, relative: Effects.
        relative_interval: Where a relative effect is undefined, Fieller's interval stands in where it is bounded.
        sequential, relative_sequential, sequential_p_value: Anytime-valid; `None` for a file that is looked at once.
        alpha: Two-sided level.
    """

    control: stats.Estimates
    treatment: stats.Estimates
    absolute: stats.Effects
    relative: stats.Effects
    relative_interval: tuple[FloatArray, FloatArray]
    sequential: tuple[FloatArray, FloatArray] | None
    relative_sequential: tuple[FloatArray, FloatArray] | None
    sequential_p_value: FloatArray | None
    alpha: float


def infer(
    control: stats.Estimates,
    treatment: stats.Estimates,
    covariance: FloatArray,
    *,
    alpha: float,
    planned_units: FloatArray | None,
) -> Inference:
    """Effects of k comparisons with their inference.

    Args:
        control: The metric on that side, k rows.
        treatment: The same.
        covariance: Of the two sides, shape (k,).
        alpha: Two-sided level.
        planned_units: Units of both sides together, shape (k,), where the experiment is looked at while it runs.

    Source:
        Welch (1947) and Fieller (1954) as in `stats`; Waudby-Smith et al. (2024), arXiv 2103.06476, for anytime-valid ones.
    """
    absolute = stats.absolute_effect(control, treatment, covariance=covariance)
    relative = stats.relative_effect(control, treatment, alpha=alpha, covariance=covariance)
    low, high = relative.interval(alpha)
    fieller = stats.fieller_interval(control, treatment, alpha, covariance=covariance)
    is_bounded = np.isnan(relative.estimate) & np.isfinite(fieller[0]) & np.isfinite(fieller[1])
    relative_interval = np.where(is_bounded, fieller[0], low), np.where(is_bounded, fieller[1], high)
    if planned_units is None:
        sequential = relative_sequential = sequential_p_value = None
    else:
        clock = (control.n + treatment.n, planned_units, alpha)
        sequential = stats.confidence_sequence(
            absolute.estimate, absolute.standard_error, *clock, degrees_of_freedom=absolute.degrees_of_freedom
        )
        relative_sequential = stats.relative_confidence_sequence(control, treatment, planned_units, alpha, covariance=covariance)
        sequential_p_value = stats.always_valid_p_value(
            absolute.estimate, absolute.standard_error, *clock, degrees_of_freedom=absolute.degrees_of_freedom
        )
    return Inference(
        control=control,
        treatment=treatment,
        absolute=absolute,
        relative=relative,
        relative_interval=relative_interval,
        sequential=sequential,
        relative_sequential=relative_sequential,
        sequential_p_value=sequential_p_value,
        alpha=alpha,
    )


def compare(
    names: Sequence[Named],
    inference: Inference,
    covariates: Sequence[CovariateAdjustment | None] | None = None,
) -> list[Comparison]:
    """One comparison a row."""
    absolute = estimates(inference.absolute, inference.absolute.interval(inference.alpha))
    relative, sequential = estimates(inference.relative, inference.relative_interval), _sequential(inference)
    return [
        Comparison(
            metric=named.metric,
            kind=named.kind,
            segment=named.segment,
            control=named.control,
            treatment=named.treatment,
            n_control=int(inference.control.n[row]),
            n_treatment=int(inference.treatment.n[row]),
            control_value=number(inference.control.value[row]),
            treatment_value=number(inference.treatment.value[row]),
            absolute=absolute[row],
            relative=relative[row],
            degrees_of_freedom=number(inference.absolute.degrees_of_freedom[row]),
            method=named.method,
            sequential=sequential[row],
            p_value_adjusted=None,
            covariate=covariates[row] if covariates else None,
        )
        for row, named in enumerate(names)
    ]


def adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction; `None` stands for no test and stays."""
    return numbers(stats.holm([np.nan if p_value is None else p_value for p_value in p_values]))


def _sequential(inference: Inference) -> list[SequentialEstimate | None]:
    if inference.sequential is None or inference.relative_sequential is None or inference.sequential_p_value is None:
        return [None] * len(inference.control)
    found = intervals(inference.sequential), intervals(inference.relative_sequential), numbers(inference.sequential_p_value)
    return [None if absolute is None else SequentialEstimate(absolute, relative, p) for absolute, relative, p in zip(*found, strict=True)]
