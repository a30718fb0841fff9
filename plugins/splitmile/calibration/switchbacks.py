"""Trials of switchback experiments: the same zones and windows under schedules drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from splitmile.calibration.feeds import Feed, Floats, Places
from splitmile.calibration.outcomes import EFFECTS
from splitmile.calibration.trials import COVERAGE_ALPHA, Tally, Trial
from splitmile.stats.switchback import hajek, switchback_regression
from splitmile.stats.switchback_carryover import carryover_test
from splitmile.stats.switchback_design import ArmArray, SwitchbackDesign
from splitmile.stats.switchback_randomization import Statistic, randomization_p_value
from splitmile.stats.switchback_windows import SwitchbackWindows

REDRAWS = 199
"""Schedules of a randomisation test; one more is a multiple of 100, so that the test can have every level exactly."""

_MOST_DRAWS = 2_000
_MOST_ZONES, _DAYS = 10, 14
_WINDOW_MINUTES, _WINDOWS_PER_BLOCK = 180, 2
_STATISTICS: Mapping[Statistic, str] = {"regression": "regression", "hajek": "Hájek"}


def switchback_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """Regression with CR2, Hájek's estimator, both by randomisation, and the test of carry-over.

    The ten busiest zones over two weeks, in windows of three hours of which two share a draw.

    Returns:
        Nothing where the feed has no zones and times.
    """
    if feed.places is None:
        return ()
    numerator, denominator = window_sums(feed.places, feed.value, min(_DAYS, feed.looks))
    zones, windows = numerator.shape
    design = SwitchbackDesign(
        tuple(f"zone {zone + 1}" for zone in range(zones)),
        datetime(2026, 1, 1, tzinfo=UTC),  # any start: hours are counted from the feed's own midnight
        _WINDOW_MINUTES,
        windows,
        seed=seed,
        windows_per_block=_WINDOWS_PER_BLOCK,
    )
    tally, runs = Tally(), min(draws, _MOST_DRAWS)
    for draw, arms in enumerate(design.redraw(runs, seed)):
        _try(tally, design, arms, (numerator, denominator), seed=(seed + 1) * 1_000_000 + draw)
    note = f"{runs:,} draws; {zones} zones, {windows} windows; {REDRAWS} schedules a randomisation test"
    return tally.trials(notes=dict.fromkeys(tally.methods, note))


def window_sums(places: Places, value: Floats, days: int) -> tuple[Floats, Floats]:
    """Sum of values and number of rows of the busiest zones in each window, shape (zones, windows)."""
    windows = days * 1440 // _WINDOW_MINUTES
    rows_of_zone = np.bincount(places.zone)
    busiest = np.argsort(-rows_of_zone, kind="stable")[:_MOST_ZONES]
    row = np.full(rows_of_zone.size, -1)
    row[busiest] = np.arange(busiest.size)
    zone, window = row[places.zone], places.minute // _WINDOW_MINUTES
    is_used = (zone >= 0) & (window < windows)
    cell = zone[is_used] * windows + window[is_used]
    shape = (busiest.size, windows)
    cells = shape[0] * shape[1]
    numerator, rows = np.bincount(cell, value[is_used], minlength=cells), np.bincount(cell, minlength=cells)
    return numerator.reshape(shape).astype(np.float64), rows.reshape(shape).astype(np.float64)


def _try(tally: Tally, design: SwitchbackDesign, arms: ArmArray, sums: tuple[Floats, Floats], *, seed: int) -> None:
    numerator, denominator = sums
    level = numerator.sum() / denominator.sum()
    for effect in EFFECTS:
        windows = SwitchbackWindows.from_sums(arms, numerator * (1 + effect * arms), denominator)
        found = {
            "switchback, regression": switchback_regression(windows, hour=design.hours(), cluster=design.independent_units()).absolute,
            "switchback, Hájek": hajek(windows, design).absolute,
        }
        for method, one in found.items():
            low, high = one.interval(COVERAGE_ALPHA)
            tally.add_coverage(method, effect, (np.array([low]), np.array([high])), effect * level)
            if effect == 0:
                tally.add_p_values(method, np.array([one.p_value()]))
        if effect == 0:
            for statistic, name in _STATISTICS.items():
                p_value = randomization_p_value(windows, design, statistic=statistic, draws=REDRAWS, seed=seed)
                tally.add_p_values(f"switchback, {name} by randomisation", np.array([p_value]))
            tally.add_p_values("switchback, carry-over", np.array([carryover_test(windows, design, order=1).p_value()]))
