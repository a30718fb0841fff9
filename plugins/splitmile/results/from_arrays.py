"""What the statistics compute, arrays with NaN, as what results hold: plain numbers, and `None` where there is none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from splitmile.results.comparisons import Estimate, Interval
from splitmile.stats import ClusterEffect, Effects

FloatArray = NDArray[np.float64]


def number(value: float | np.floating | NDArray[np.float64]) -> float | None:
    """A number, or `None` for one that is not finite."""
    plain = float(value)
    return plain if math.isfinite(plain) else None


def numbers(values: FloatArray) -> list[float | None]:
    """Numbers of shape (k,)."""
    return [number(value) for value in values.tolist()]


def interval(low: float, high: float) -> Interval | None:
    """An interval, whose end is `None` where it is not bounded; no interval where an end is NaN."""
    return None if math.isnan(low) or math.isnan(high) else Interval(number(low), number(high))


def intervals(ends: tuple[FloatArray, FloatArray]) -> list[Interval | None]:
    """Intervals, low and high of shape (k,)."""
    return [interval(low, high) for low, high in zip(ends[0].tolist(), ends[1].tolist(), strict=True)]


def estimates(effects: Effects, ends: tuple[FloatArray, FloatArray]) -> list[Estimate]:
    """Effects of k comparisons with their intervals."""
    columns = (
        numbers(effects.estimate),
        numbers(effects.standard_error),
        intervals(ends),
        numbers(effects.p_value()),
        [reason or None for reason in effects.reason.tolist()],
    )
    return [Estimate(*row) for row in zip(*columns, strict=True)]


def cluster_estimate(effect: ClusterEffect, alpha: float) -> Estimate:
    """One effect with its interval by Student's t."""
    return Estimate(
        estimate=number(effect.estimate),
        standard_error=number(effect.standard_error),
        interval=interval(*effect.interval(alpha)),
        p_value=number(effect.p_value()),
        reason=effect.reason or None,
    )
