"""Trials of quantiles, whose histograms under many splits come from one table of units × values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np

from splitmile.calibration.feeds import Feed, Floats, Integers
from splitmile.calibration.outcomes import EFFECTS
from splitmile.calibration.randomise import Bools, splits
from splitmile.calibration.trials import LEVELS, Tally, Trial, first_look
from splitmile.stats import Estimates, Moments, absolute_effect, confidence_sequence
from splitmile.stats.histograms import Histogram, quantile
from splitmile.stats.quantiles import quantile_estimates

QUANTILES = (0.5, 0.9, 0.95)
SEQUENCE_QUANTILES = (0.5, 0.9)
_ENOUGH_ROWS = 100_000
_COARSE, _PARTS = 0.2, 20
_NEARBY = (-0.01, -0.005, 0.0, 0.005, 0.01)
_STREAM = 4
_SEQUENCE_UNITS, _SEQUENCE_DRAWS = 400, 500


class QuantileTable:
    """How often each unit shows each value, cumulated over values."""

    def __init__(self, values: Floats, unit: Integers, units: int) -> None:
        """Count rows.

        Args:
            values: Of each row.
            unit: Index of each row's unit.
            units: Their number.
        """
        self.values, place = np.unique(values, return_inverse=True)
        counts = np.zeros((self.values.size, units), dtype=np.float32)  # whole numbers, far below where float32 loses them
        np.add.at(counts, (place, unit), 1)
        self._counts = counts
        self._cumulative = counts.cumsum(axis=0, dtype=np.float32)

    def histograms(self, chosen: Bools) -> list[Histogram]:
        """One histogram a split, of the rows of its chosen units."""
        counts = (chosen.astype(np.float32) @ self._counts.T).astype(np.int64)
        return [Histogram(self.values[row > 0], row[row > 0]) for row in counts]

    def at_most(self, chosen: Bools, thresholds: Floats) -> Moments:
        """Moments of (rows at or below the threshold, rows) of the chosen units, one row a split."""
        place = np.searchsorted(self.values, thresholds, side="right") - 1
        below, rows = self._cumulative[place].astype(np.float64), self._cumulative[-1].astype(np.float64)
        n, total_below, total = chosen.sum(axis=1), (chosen * below).sum(axis=1), chosen @ rows
        mean_below, mean = total_below / n, total / n
        return Moments(
            n,
            mean_below,
            mean,
            (chosen * below**2).sum(axis=1) - n * mean_below**2,
            chosen @ rows**2 - n * mean**2,
            (chosen * below * rows).sum(axis=1) - n * mean_below * mean,
        )

    def estimates(self, chosen: Bools, histograms: list[Histogram], q: float) -> Estimates:
        """The quantile of the chosen units' rows, one row a split."""
        thresholds = np.array([quantile(histogram, q) for histogram in histograms])
        return quantile_estimates(histograms, self.at_most(chosen, thresholds), q)

    def everything(self) -> Histogram:
        """All rows."""
        return self.histograms(np.ones((1, self._counts.shape[1]), dtype=np.bool_))[0]

    def step(self, q: float) -> float:
        """From the quantile of all rows to the nearest other value."""
        place = int(np.searchsorted(self.values, quantile(self.everything(), q)))
        near = self.values[max(place - 1, 0) : place + 2]
        return float(np.diff(near).min())

    def standard_error(self, q: float) -> float:
        """Of the difference between two halves of the units."""
        everyone = np.ones((1, self._counts.shape[1]), dtype=np.bool_)
        return 2 * float(self.estimates(everyone, [self.everything()], q).standard_error[0])


def quantile_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """The median, the 90th and the 95th percentile of the first rows, with the variance clustered by unit.

    Where values come in steps that are wide against the standard error, as whole minutes do, the quantile jumps by whole
    steps and no test of it can be exact. Then the values as they are make one trial, and the values spread over their
    steps another one, which shows the method itself. That one goes through quantiles nearby, block by block: a feed so
    small has lumps, and at any single place its own distribution shows more than the method does.
    """
    is_used = feed.day < _days(feed)
    values, unit = feed.value[is_used], feed.unit[is_used]
    rows = f"{values.size:,} rows of the first {_days(feed)} days"
    table = QuantileTable(values, unit, feed.units)
    coarse = [q for q in QUANTILES if table.step(q) > _COARSE * table.standard_error(q)]
    names = {q: f"quantile, p{100 * q:g}" + (" in steps" if q in coarse else "") for q in QUANTILES}
    as_recorded = _tally(table, names, feed.units, draws, seed).trials(notes=dict.fromkeys(names.values(), rows))
    if not coarse:
        return as_recorded
    part = table.step(min(coarse)) / _PARTS
    # In whole parts, so that equal sums are equal numbers.
    parts = np.rint(values / part) + np.random.default_rng([seed, _STREAM]).integers(0, _PARTS, values.size)
    spread = QuantileTable(np.asarray(parts * part, dtype=np.float64), unit, feed.units)
    names = {q: f"quantile, near p{100 * q:g}, spread" for q in coarse}
    note = f"{rows}, each value spread over its step; quantiles within {_NEARBY[-1]:.0%}"
    return (*as_recorded, *_tally(spread, names, feed.units, draws, seed, _NEARBY).trials(notes=dict.fromkeys(names.values(), note)))


def _tally(table: QuantileTable, names: Mapping[float, str], units: int, draws: int, seed: int, offsets: Sequence[float] = (0.0,)) -> Tally:
    """The quantiles with these names, each moved by one of the offsets, another one from block to block."""
    tally, everything, steps = Tally(seed), table.everything(), {q: table.step(q) for q in names}
    for treated, offset in zip(splits(units, draws, seed=seed, stream=0), cycle(offsets), strict=False):
        control, treatment = table.histograms(~treated), table.histograms(treated)
        for named, name in names.items():
            q = named + offset
            c, t = table.estimates(~treated, control, q), table.estimates(treated, treatment, q)
            for effect in EFFECTS:
                # Multiplying every value multiplies the quantile and its standard error.
                scaled = Estimates(t.n, t.value * (1 + effect), t.variance * (1 + effect) ** 2, t.degrees_of_freedom, t.reason)
                tally.add_effects(name, effect, absolute_effect(c, scaled), effect * quantile(everything, q), step=steps[named])
    return tally


def quantile_sequence_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """The median and the 90th percentile at every look of the run, of some of the units."""
    units, runs = min(feed.units, _SEQUENCE_UNITS), min(draws, _SEQUENCE_DRAWS)
    alarms = {(q, level): np.zeros((runs, feed.looks), dtype=np.bool_) for q in SEQUENCE_QUANTILES for level in LEVELS}
    is_followed = feed.unit < units
    for look in range(feed.looks):
        is_used = is_followed & (feed.day <= look)
        if not is_used.any():
            continue
        table = QuantileTable(feed.value[is_used], feed.unit[is_used], units)
        present = np.bincount(feed.unit[is_used], minlength=units) > 0
        done = 0
        for treated in splits(units, runs, seed=seed, stream=0):
            arms = [chosen & present for chosen in (~treated, treated)]
            histograms = [table.histograms(arm) for arm in arms]
            for q in SEQUENCE_QUANTILES:
                effects = absolute_effect(*(table.estimates(arm, found, q) for arm, found in zip(arms, histograms, strict=True)))
                for level in LEVELS:
                    low, high = confidence_sequence(
                        effects.estimate,
                        effects.standard_error,
                        np.full(len(treated), present.sum()),
                        units,
                        level,
                        degrees_of_freedom=effects.degrees_of_freedom,
                    )
                    alarms[q, level][done : done + len(treated), look] = (low > 0) | (high < 0)
            done += len(treated)
    return tuple(
        Trial(
            f"confidence sequence, p{100 * q:g}",
            first_rejection={level: first_look(alarms[q, level]) for level in LEVELS},
            looks=feed.looks,
            note=f"{runs:,} draws of {units:,} units",
        )
        for q in SEQUENCE_QUANTILES
    )


def _days(feed: Feed) -> int:
    """Whole days, as many as hold enough rows: quantiles need no more, and the table stays small."""
    rows = np.bincount(feed.day, minlength=feed.looks).cumsum()
    return min(int(np.searchsorted(rows, _ENOUGH_ROWS)) + 1, feed.looks)
