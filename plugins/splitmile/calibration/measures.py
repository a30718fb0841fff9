"""From trials to figures, each beside the band within which chance alone would leave it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from splitmile.calibration.trials import COVERAGE_ALPHA, LEVELS, NEVER, Trial

BAND = 0.99
"""Probability with which a figure of a right method lies within its band."""


class Measure(StrEnum):
    """What a figure says."""

    false_positives = "false positive rate"
    uniformity = "uniformity of p-values"
    coverage = "coverage of 95 % intervals"
    ever_rejected = "ever rejected"


class Finding(StrEnum):
    """Where a figure lies."""

    inside = "inside"
    above = "above"
    below = "below"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of one method on one feed.

    Attributes:
        feed: The feed's name.
        method: The method's name.
        measure: What is measured.
        setting: The level for error rates, the injected relative effect for coverage; NaN for uniformity.
        value: Share of draws; for uniformity the p-value of a Kolmogorov–Smirnov test.
        low: Lower end of the band; 0 where a low figure is no fault: a sequential method that rarely rejects.
        high: Upper end; 1 where a high figure is no fault: an interval that holds the truth too often, as it must where the
            effect differs between units (Neyman 1923), is wider than needed but not wrong.
        draws: Draws with an answer, on which the band rests.
        is_warning: The method is known to be wrong.
        note: What the reader has to know of the trial.
    """

    feed: str
    method: str
    measure: Measure
    setting: float
    value: float
    low: float
    high: float
    draws: int
    is_warning: bool = False
    note: str = ""

    @property
    def finding(self) -> Finding:
        """Whether the figure lies within its band."""
        if self.value > self.high:
            return Finding.above
        return Finding.below if self.value < self.low else Finding.inside


def band(chance: float, draws: int) -> tuple[float, float]:
    """The shares of so many draws between which an event of this chance lies with 99 % probability, both ends counted.

    Source:
        The quantiles of the binomial distribution.

    Example:
        >>> band(0.05, 2000)
        (0.038, 0.063)
    """
    tail = (1 - BAND) / 2
    return float(stats.binom.ppf(tail, draws, chance)) / draws, float(stats.binom.isf(tail, draws, chance)) / draws


def measurements(feed: str, trials: Iterable[Trial]) -> tuple[Measurement, ...]:
    """All figures of all trials, as one flat table."""
    return tuple(row for trial in trials for row in _measured(feed, trial))


def ever_rejected(trial: Trial, level: float, look: int) -> float:
    """Share of draws that had rejected by this look, which counts from 0."""
    return float(np.mean(trial.first_rejection[level] <= look))


def _measured(feed: str, trial: Trial) -> Iterator[Measurement]:
    common = (trial.is_warning, trial.note)
    answered = trial.p_values[~np.isnan(trial.p_values)]
    if answered.size:
        for level in LEVELS:
            rate = float(np.mean(answered <= level))
            yield Measurement(feed, trial.method, Measure.false_positives, level, rate, *band(level, answered.size), answered.size, *common)
        even = trial.even_p_values[~np.isnan(trial.even_p_values)]
        uniform = float(stats.kstest(even, "uniform").pvalue)
        yield Measurement(feed, trial.method, Measure.uniformity, np.nan, uniform, 1 - BAND, 1.0, answered.size, *common)
    for effect, held in trial.covered.items():
        known = held[~np.isnan(held)]
        if known.size:
            low, _ = band(1 - COVERAGE_ALPHA, known.size)
            yield Measurement(feed, trial.method, Measure.coverage, effect, float(known.mean()), low, 1.0, known.size, *common)
    for level, first in trial.first_rejection.items():
        _, high = band(level, first.size)
        yield Measurement(feed, trial.method, Measure.ever_rejected, level, float(np.mean(first != NEVER)), 0.0, high, first.size, *common)
