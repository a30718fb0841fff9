"""Trials with few and unequal clusters: every draw takes some units of the feed as its clusters and treats half of them.

Units with fewer than ten rows are no clusters: a zone or store with one delivery would not be one either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from splitmile.calibration.feeds import Feed, Floats, Integers
from splitmile.calibration.outcomes import EFFECTS
from splitmile.calibration.randomise import Bools, blocks
from splitmile.calibration.trials import Tally, Trial
from splitmile.stats import Effects, Moments, absolute_effect
from splitmile.stats.bootstrap import wild_cluster_bootstrap
from splitmile.stats.clusters import clustered_estimates

CLUSTERS = (8, 14, 28)
BOOTSTRAP_RESAMPLES = 999
UNCORRECTED = "normal reference (wrong)"
_BOOTSTRAPPED = 2_000
_STREAM = 2
_LEAST_ROWS = 10


class _Population(NamedTuple):
    """Sum of values and number of rows of all units that may be drawn as clusters."""

    numerator: Floats
    denominator: Floats


def cluster_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """CR2 with its degrees of freedom, the wild cluster bootstrap, and plain normal critical values, of the ratio."""
    tally, notes = Tally(), {}
    is_cluster = feed.denominator >= _LEAST_ROWS
    population = _Population(feed.numerator[is_cluster], feed.denominator[is_cluster])
    ratio = population.numerator.sum() / population.denominator.sum()
    numbers = [clusters for clusters in CLUSTERS if clusters <= is_cluster.sum()]
    for clusters in numbers:
        bootstrapped = min(draws, _BOOTSTRAPPED)
        notes[_name(clusters, "wild bootstrap")] = f"{bootstrapped:,} draws, each with {BOOTSTRAP_RESAMPLES} resamples"
        is_treated = np.arange(clusters) >= clusters // 2
        for numerator, denominator in _draws(population, clusters, draws, seed):
            for effect in EFFECTS:
                outcome = numerator * np.where(is_treated, 1 + effect, 1)
                tally.add_effects(_name(clusters, "CR2"), effect, _corrected(outcome, denominator, is_treated), effect * ratio)
                tally.add_effects(_name(clusters, UNCORRECTED), effect, _uncorrected(outcome, denominator, is_treated), effect * ratio)
        for numerator, denominator in _draws(population, clusters, bootstrapped, seed):
            p_values = [_bootstrapped(*rows, is_treated, seed) for rows in zip(numerator, denominator, strict=True)]
            tally.add_p_values(_name(clusters, "wild bootstrap"), np.array(p_values))
    return tally.trials(warnings=[_name(clusters, UNCORRECTED) for clusters in numbers], notes=notes)


def _name(clusters: int, method: str) -> str:
    return f"{clusters} clusters, {method}"


def _draws(population: _Population, clusters: int, draws: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Sums and rows of clusters drawn at random, shape (draws of the block, clusters), the control's half first."""
    rng = np.random.default_rng([seed, _STREAM, clusters])
    for size in blocks(draws):
        chosen = np.argpartition(rng.random((size, population.denominator.size)), clusters - 1, axis=1)[:, :clusters]
        chosen = rng.permuted(chosen, axis=1)
        yield population.numerator[chosen], population.denominator[chosen]


def _arm(is_treated: Bools, size: int) -> Integers:
    """The index of every cluster's arm, draw after draw: 2·draw for its control, 2·draw + 1 for its treatment."""
    return np.ravel(2 * np.arange(size)[:, None] + is_treated)


def _corrected(outcome: Floats, denominator: Floats, is_treated: Bools) -> Effects:
    arms = clustered_estimates(outcome.ravel(), denominator.ravel(), group=_arm(is_treated, len(outcome)), groups=2 * len(outcome))
    return absolute_effect(arms.take(np.arange(0, len(arms), 2)), arms.take(np.arange(1, len(arms), 2)))


def _uncorrected(outcome: Floats, denominator: Floats, is_treated: Bools) -> Effects:
    """The delta method as if clusters were many: no allowance for their number, the normal distribution for reference."""
    moments = Moments.from_units(outcome.ravel(), denominator.ravel(), group=_arm(is_treated, len(outcome)), groups=2 * len(outcome))
    effects = absolute_effect(moments.take(np.arange(0, len(moments), 2)), moments.take(np.arange(1, len(moments), 2)))
    return replace(effects, degrees_of_freedom=np.where(effects.reason == "", np.inf, np.nan))


def _bootstrapped(numerator: Floats, denominator: Floats, is_treated: Bools, seed: int) -> float:
    """Clusters as rows weighted by their size, which is the regression of the rows on the treatment."""
    root = np.sqrt(denominator)
    design = np.column_stack([root, root * is_treated])
    return wild_cluster_bootstrap(design, numerator / root, np.arange(root.size), coefficient=1, draws=BOOTSTRAP_RESAMPLES, seed=seed)
