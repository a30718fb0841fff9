"""Trials of the daily check of the split, and of the χ² test read daily although it must not be."""

from __future__ import annotations

import numpy as np

from splitmile.calibration.feeds import Feed, Integers
from splitmile.calibration.randomise import splits
from splitmile.calibration.trials import LEVELS, Trial, first_look
from splitmile.stats import chi_squared_srm
from splitmile.stats.srm import sequential_srm

SEQUENTIAL, PEEKING = "SRM, sequential", "SRM, χ² read daily (wrong)"
_SHARES = [0.5, 0.5]


def mismatch_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """Both checks on the units that arrive day by day."""
    arrival = np.full(feed.units, feed.looks)
    np.minimum.at(arrival, feed.unit, feed.day)
    arrives = (arrival[:, None] == np.arange(feed.looks)).astype(np.float64)
    first: dict[str, dict[float, list[Integers]]] = {name: {level: [] for level in LEVELS} for name in (SEQUENTIAL, PEEKING)}
    for treated in splits(feed.units, draws, seed=seed, stream=0):
        counts = np.stack([~treated @ arrives, treated @ arrives], axis=2)
        p_values = {
            SEQUENTIAL: sequential_srm(counts, _SHARES).p_value,
            PEEKING: chi_squared_srm(counts.cumsum(axis=1).reshape(-1, 2), _SHARES).p_value.reshape(counts.shape[:2]),
        }
        for name, of_look in p_values.items():
            for level in LEVELS:
                first[name][level].append(first_look(of_look < level))
    return tuple(
        Trial(
            name,
            first_rejection={level: np.concatenate(parts) for level, parts in by_level.items()},
            looks=feed.looks,
            is_warning=name == PEEKING,
        )
        for name, by_level in first.items()
    )
