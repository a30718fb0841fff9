"""One feed under every method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from splitmile.calibration.adjusted import Gain, adjusted_trials
from splitmile.calibration.clusters import cluster_trials
from splitmile.calibration.contrasts import contrast_trials
from splitmile.calibration.feeds import Feed
from splitmile.calibration.fixed import fixed_trials
from splitmile.calibration.looks import sequential_trials
from splitmile.calibration.measures import Finding, Measurement, measurements
from splitmile.calibration.mismatch import mismatch_trials
from splitmile.calibration.quantiles import quantile_sequence_trials, quantile_trials
from splitmile.calibration.switchbacks import switchback_trials
from splitmile.calibration.trials import Trial
from splitmile.stats.inputs import counts

DRAWS = 4_000
SEED = 20260301


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What every method did on one feed.

    Attributes:
        feed: The feed's name.
        about: What its rows are.
        units: Number of units.
        rows: Number of rows.
        looks: Days of the run.
        draws: Random splits, fewer where a trial says so.
        seed: All of it comes from this.
        trials: What the methods answered.
        measurements: The figures, one flat table.
        gains: What adjusted methods gained.
    """

    feed: str
    about: str
    units: int
    rows: int
    looks: int
    draws: int
    seed: int
    trials: tuple[Trial, ...]
    measurements: tuple[Measurement, ...]
    gains: tuple[Gain, ...]

    @property
    def judged(self) -> tuple[Measurement, ...]:
        """The figures of methods that are meant to hold."""
        return tuple(each for each in self.measurements if not each.is_warning)

    @property
    def outside(self) -> tuple[Measurement, ...]:
        """Those of them that lie outside their band; about one in a hundred does by chance."""
        return tuple(each for each in self.judged if each.finding is not Finding.inside)


_Trials = Callable[[Feed, int, int], tuple[tuple[Trial, ...], tuple[Gain, ...]]]


def _without_gains(trials: Callable[[Feed, int, int], tuple[Trial, ...]]) -> _Trials:
    return lambda feed, draws, seed: (trials(feed, draws, seed), ())


_FAMILIES: Mapping[str, _Trials] = {
    "fixed": _without_gains(fixed_trials),
    "adjusted": adjusted_trials,
    "quantiles": _without_gains(quantile_trials),
    "clusters": _without_gains(cluster_trials),
    "switchbacks": _without_gains(switchback_trials),
    "contrasts": _without_gains(contrast_trials),
    "looks": _without_gains(sequential_trials),
    "quantile looks": _without_gains(quantile_sequence_trials),
    "mismatch": _without_gains(mismatch_trials),
}
# The longest first, so that no process is left alone with it at the end.
_ORDER = ("quantile looks", "switchbacks", "looks", *_FAMILIES)


def calibrate(feed: Feed, draws: int = DRAWS, seed: int = SEED, *, processes: int = 1) -> Calibration:
    """Split the units of a feed at random, many times, and count how often every method errs.

    Args:
        feed: Rows that no treatment has touched.
        draws: Random splits; slow methods take fewer and say so.
        seed: The same seed gives the same figures, with any number of processes.
        processes: How many to use.

    Raises:
        CountsInvalid: `draws` is below 1.
    """
    counts("draws", draws, least=1)
    found = dict(_results(feed, draws, seed, processes))
    trials = tuple(trial for family in _FAMILIES for trial in found[family][0])
    gains = tuple(gain for family in _FAMILIES for gain in found[family][1])
    return Calibration(
        feed.name, feed.about, feed.units, feed.unit.size, feed.looks, draws, seed, trials, measurements(feed.name, trials), gains
    )


def _results(feed: Feed, draws: int, seed: int, processes: int) -> Iterator[tuple[str, tuple[tuple[Trial, ...], tuple[Gain, ...]]]]:
    families = tuple(dict.fromkeys(_ORDER))
    if processes == 1:
        yield from ((family, _FAMILIES[family](feed, draws, seed)) for family in families)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {family: pool.submit(_run, family, feed, draws, seed) for family in families}
        yield from ((family, result.result()) for family, result in waiting.items())


def _run(family: str, feed: Feed, draws: int, seed: int) -> tuple[tuple[Trial, ...], tuple[Gain, ...]]:
    return _FAMILIES[family](feed, draws, seed)
