"""A short calibration on a small city: right methods stay inside their bands, and wrong ones are caught by the same check."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from splitmile.calibration import Feed, Finding, Measure, Measurement, clusters, fixed, looks, mismatch
from splitmile.calibration.adjusted import adjusted_trials
from splitmile.calibration.clusters import cluster_trials
from splitmile.calibration.contrasts import contrast_trials
from splitmile.calibration.fixed import fixed_trials
from splitmile.calibration.looks import sequential_trials
from splitmile.calibration.measures import measurements
from splitmile.calibration.mismatch import mismatch_trials
from splitmile.calibration.quantiles import quantile_sequence_trials, quantile_trials
from splitmile.calibration.switchbacks import switchback_trials
from splitmile.calibration.trials import Trial

DRAWS, SEED = 300, 11

# Some 150 figures are judged here; a band of 99 % leaves one or two of them outside by chance.
FURTHER = 1.3


Trials = Callable[[Feed, int, int], tuple[Trial, ...]]


@pytest.fixture(scope="module")
def tried(small_feed: Feed) -> Callable[[Trials, int], tuple[Trial, ...]]:
    """The trials of a family, each made once."""
    return cache(lambda trials, draws: trials(small_feed, draws, SEED))


def judged(trials: tuple[Trial, ...]) -> dict[bool, list[Measurement]]:
    """The figures of right (False) and of wrong methods (True)."""
    rows = measurements("small", trials)
    return {wrong: [row for row in rows if row.is_warning is wrong] for wrong in (False, True)}


def far_outside(rows: list[Measurement]) -> list[tuple[str, Measure, float, float]]:
    """What lies beyond its band by more than a third of the band's own half-width."""

    def is_far(row: Measurement) -> bool:
        if row.measure is Measure.uniformity:
            return row.value < 1e-4
        target = 0.95 if row.measure is Measure.coverage else row.setting
        low, high = target + FURTHER * (row.low - target), target + FURTHER * (row.high - target)
        return not low <= row.value <= high

    return [(row.method, row.measure, row.setting, row.value) for row in rows if is_far(row)]


@pytest.mark.parametrize(
    ("trials", "draws", "methods"),
    [
        (fixed_trials, DRAWS, 8),
        (lambda feed, draws, seed: adjusted_trials(feed, draws, seed)[0], DRAWS, 6),
        (quantile_trials, DRAWS, 3),
        (cluster_trials, DRAWS, 6),
        (contrast_trials, DRAWS, 3),
        (switchback_trials, 40, 5),
        (sequential_trials, DRAWS, 4),
        (mismatch_trials, DRAWS, 1),
    ],
    ids=["fixed", "adjusted", "quantiles", "clusters", "contrasts", "switchbacks", "looks", "mismatch"],
)
def test_right_methods_hold(tried: Callable[[Trials, int], tuple[Trial, ...]], trials: Trials, draws: int, methods: int) -> None:
    rows = judged(tried(trials, draws))[False]
    assert len({row.method for row in rows}) == methods
    assert far_outside(rows) == []


def test_quantiles_hold_at_every_look(short_feed: Feed) -> None:
    rows = judged(quantile_sequence_trials(short_feed, 100, SEED))[False]
    assert {row.method for row in rows} == {"confidence sequence, p50", "confidence sequence, p90"}
    assert far_outside(rows) == []


@pytest.mark.parametrize(
    ("trials", "method", "measure"),
    [
        (fixed_trials, fixed.NAIVE, Measure.false_positives),
        (fixed_trials, fixed.NAIVE, Measure.coverage),
        (cluster_trials, f"8 clusters, {clusters.UNCORRECTED}", Measure.false_positives),
        (cluster_trials, f"8 clusters, {clusters.UNCORRECTED}", Measure.coverage),
        (sequential_trials, looks.PEEKING, Measure.ever_rejected),
        (mismatch_trials, mismatch.PEEKING, Measure.ever_rejected),
    ],
)
def test_wrong_methods_are_caught(tried: Callable[[Trials, int], tuple[Trial, ...]], trials: Trials, method: str, measure: Measure) -> None:
    rows = [row for row in judged(tried(trials, DRAWS))[True] if (row.method, row.measure) == (method, measure)]
    expected = Finding.below if measure is Measure.coverage else Finding.above
    assert rows
    assert far_outside(rows)
    assert expected in {row.finding for row in rows}


def test_cuped_removes_what_it_says(small_feed: Feed) -> None:
    _, gains = adjusted_trials(small_feed, DRAWS, SEED)
    by_method = {gain.method: gain for gain in gains}
    cuped = by_method["CUPED, ratio"]
    assert cuped.variance_removed == pytest.approx(cuped.variance_removed_reported, abs=0.12)
    assert cuped.variance_removed > by_method["post-stratified, ratio"].variance_removed > 0.1
    assert cuped.power[1] > cuped.power[0] > 0.05
    assert cuped.exaggeration[0] > cuped.exaggeration[1] > 1


def test_without_covariates_and_places_their_methods_are_left_out(small_feed: Feed) -> None:
    bare = dataclasses.replace(small_feed, covariates=None, stratum=None, places=None)
    assert adjusted_trials(bare, 10, SEED) == ((), ())
    assert switchback_trials(bare, 10, SEED) == ()
    assert not any("CUPED" in trial.method for trial in sequential_trials(bare, 10, SEED))
    assert not any("Cochran" in trial.method for trial in contrast_trials(bare, 10, SEED))


def test_values_in_wide_steps_are_tried_as_they_are_and_spread(small_feed: Feed) -> None:
    coarse = dataclasses.replace(small_feed, value=np.floor(small_feed.value / 900))
    names = [trial.method for trial in quantile_trials(coarse, 10, SEED)]
    assert {"quantile, p50 in steps", "quantile, near p50, spread"} <= set(names)
    assert [trial.method for trial in quantile_trials(small_feed, 10, SEED)] == ["quantile, p50", "quantile, p90", "quantile, p95"]
