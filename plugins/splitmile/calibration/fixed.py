"""Trials of the methods that are read once, at the planned end, and need nothing but moments of units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from splitmile.calibration.feeds import Feed, Floats
from splitmile.calibration.outcomes import (
    DENOMINATOR,
    EFFECTS,
    EVENT,
    NUMERATOR,
    SQUARES,
    unit_values,
)
from splitmile.calibration.randomise import CentredSums, UnitSums, splits
from splitmile.calibration.trials import COVERAGE_ALPHA, Tally, Trial
from splitmile.stats import Moments, absolute_effect, chi_squared_srm, fieller_interval, relative_effect

NAIVE = "row-level t test (wrong)"
_KINDS = {"mean": (NUMERATOR, None), "proportion": (EVENT, None), "ratio": (NUMERATOR, DENOMINATOR)}


def fixed_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """Means, proportions and ratios, absolute and relative, the χ² test of the split, and the test that must not be used."""
    tally = Tally(seed)
    values = {effect: unit_values(feed, effect) for effect in EFFECTS}
    truths = {effect: _truths(values[0.0], values[effect]) for effect in EFFECTS}
    sums = {effect: UnitSums(values[effect]) for effect in EFFECTS}
    for treated in splits(feed.units, draws, seed=seed, stream=0):
        control = sums[0.0].of(~treated)
        for effect in EFFECTS:
            treatment = sums[effect].of(treated)
            for kind in _KINDS:
                c, t = _moments(control, kind), _moments(treatment, kind)
                base, change = truths[effect][kind]
                # One unit with the event more in one arm and less in the other.
                step = 4 / feed.units if kind == "proportion" else 0.0
                tally.add_effects(kind, effect, absolute_effect(c, t), change, step=step)
                tally.add_effects(f"{kind}, relative", effect, relative_effect(c, t), change / base, step=step / base)
                if kind == "ratio":
                    tally.add_coverage("ratio, relative by Fieller", effect, fieller_interval(c, t, COVERAGE_ALPHA), change / base)
            tally.add_effects(NAIVE, effect, absolute_effect(of_rows(control), of_rows(treatment)), truths[effect]["ratio"][1])
        counts = np.stack([(~treated).sum(axis=1), treated.sum(axis=1)], axis=1)
        # One unit more in one arm and less in the other moves χ by 2/√n.
        off = np.diff(counts, axis=1)[:, 0] / feed.units**0.5 + tally.lots(2 / feed.units**0.5, len(counts))
        tally.add_p_values("SRM, χ²", chi_squared_srm(counts, [0.5, 0.5]).p_value, 2 * stats.norm.sf(np.abs(off)))
    return tally.trials(warnings=[NAIVE])


def of_rows(sums: CentredSums) -> Moments:
    """Rows taken for units, as a naive test does."""
    rows = sums.n * sums.mean[:, DENOMINATOR]
    total = sums.n * sums.mean[:, NUMERATOR]
    mean = total / rows
    spread = sums.n * sums.mean[:, SQUARES] - total * mean
    none = np.zeros(rows.size)
    return Moments(np.rint(rows), mean, np.ones(rows.size), spread, none, none)


def _moments(sums: CentredSums, kind: str) -> Moments:
    numerator, denominator = _KINDS[kind]
    return sums.mean_of(numerator) if denominator is None else sums.ratio_of(numerator, denominator)


def _truths(control: Floats, treatment: Floats) -> Mapping[str, tuple[float, float]]:
    """By kind, the metric of all units under control, and what the treatment adds to it."""
    found = {}
    for kind, (numerator, denominator) in _KINDS.items():
        below = float(len(control)) if denominator is None else control[:, denominator].sum()
        base = control[:, numerator].sum() / below
        found[kind] = (base, treatment[:, numerator].sum() / below - base)
    return found
