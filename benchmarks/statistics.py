"""What statistics cost: all effects of a thousand experiments at once, beside the peers that compute one at a time."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import tea_tasting as tt
from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import RatioStatistic, SampleMeanStatistic
from numpy.typing import NDArray

from benchmarks.figures import Figure
from splitmile import stats

ALPHA = 0.05
PLANNED_UNITS = 2000


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact sums of k ratio metrics, as the warehouse keeps them; each array has shape (k,)."""

    n: list[int]
    numerator: list[int]
    denominator: list[int]
    numerator_squared: list[int]
    numerator_denominator: list[int]
    denominator_squared: list[int]

    def moments(self) -> stats.Moments:
        """Centred in exact integers."""
        return stats.Moments.from_sums(
            self.n, self.numerator, self.denominator, self.numerator_squared, self.numerator_denominator, self.denominator_squared
        )


def random_sums(rows: int, seed: int = 1) -> Sums:
    """Variants of a thousand couriers each, seconds over deliveries; after some hundred they come again."""
    rng = np.random.default_rng(seed)
    n, different = 1000, min(rows, 600)
    deliveries = rng.poisson(30, (different, n)).astype(np.int64) + 1
    seconds = np.rint(deliveries * rng.lognormal(7.5, 0.3, (different, n))).astype(np.int64)

    def total(values: NDArray[np.int64]) -> list[int]:
        return [int(value) for value in np.resize(values.sum(axis=1), rows)]

    return Sums(
        [n] * rows, total(seconds), total(deliveries), total(seconds * seconds), total(seconds * deliveries), total(deliveries * deliveries)
    )


def effects_of(control: stats.Moments, treatment: stats.Moments) -> list[NDArray[np.float64]]:
    """All that a scorecard says of each comparison: both effects, their intervals and p-values, and those valid at every look."""
    absolute = stats.absolute_effect(control, treatment)
    relative = stats.relative_effect(control, treatment, alpha=ALPHA)
    n = control.n + treatment.n
    said = [absolute.p_value(), relative.p_value(), *absolute.interval(ALPHA), *relative.interval(ALPHA)]
    looks = (absolute.estimate, absolute.standard_error, n, PLANNED_UNITS, ALPHA)
    said += stats.confidence_sequence(*looks, degrees_of_freedom=absolute.degrees_of_freedom)
    said.append(stats.always_valid_p_value(*looks, degrees_of_freedom=absolute.degrees_of_freedom))
    return said


def moments_to_effects(experiments: int = 1000, metrics: int = 20, treatments: int = 2) -> Figure:
    """Exact sums to effects with intervals, everything in one call."""
    variants = treatments + 1
    sums = random_sums(experiments * metrics * variants)
    row = np.arange(experiments * metrics * variants).reshape(-1, variants)

    def work() -> None:
        moments = sums.moments()
        effects_of(moments.take(np.repeat(row[:, 0], treatments)), moments.take(row[:, 1:].ravel()))

    seconds = _median_seconds(work, runs=3)
    return Figure("moments_to_effects", seconds, per_second=experiments * metrics * treatments / seconds)


def stats_vs_peers(comparisons: int = 40_000, peer_comparisons: int = 200) -> list[Figure]:
    """The same results, ready moments in, by us at once and by each peer one after another."""
    sums = random_sums(2 * peer_comparisons)
    both = sums.moments()
    repeated = np.arange(comparisons) % peer_comparisons
    control, treatment = both.take(repeated), both.take(peer_comparisons + repeated)
    ours = _median_seconds(lambda: effects_of(control, treatment), runs=5) / comparisons

    def ratio_statistic(at: int) -> RatioStatistic:
        n = sums.n[at]
        return RatioStatistic(
            n=n,
            m_statistic=SampleMeanStatistic(n=n, sum=sums.numerator[at], sum_squares=sums.numerator_squared[at]),
            d_statistic=SampleMeanStatistic(n=n, sum=sums.denominator[at], sum_squares=sums.denominator_squared[at]),
            m_d_sum_of_products=sums.numerator_denominator[at],
        )

    def by_gbstats() -> None:
        for at in range(peer_comparisons):
            sides = ratio_statistic(at), ratio_statistic(peer_comparisons + at)
            for kind in ("absolute", "relative"):
                TwoSidedTTest(*sides, FrequentistConfig(difference_type=kind)).compute_result()
            sequential = SequentialConfig(difference_type="absolute", sequential_tuning_parameter=PLANNED_UNITS)
            SequentialTwoSidedTTest(*sides, sequential).compute_result()

    aggregates = [
        tt.aggr.Aggregates(
            count_=int(both.n[at]),
            mean_={"seconds": both.mean_numerator[at], "deliveries": both.mean_denominator[at]},
            var_={
                "seconds": both.m2_numerator[at] / (both.n[at] - 1),
                "deliveries": both.m2_denominator[at] / (both.n[at] - 1),
            },
            cov_={("deliveries", "seconds"): both.c2[at] / (both.n[at] - 1)},
        )
        for at in range(2 * peer_comparisons)
    ]
    metric = tt.RatioOfMeans("seconds", "deliveries")

    def by_tea_tasting() -> None:
        for at in range(peer_comparisons):
            metric.analyze_aggregates(aggregates[at], aggregates[peer_comparisons + at])

    gbstats = _median_seconds(by_gbstats, runs=3) / peer_comparisons
    tea_tasting = _median_seconds(by_tea_tasting, runs=3) / peer_comparisons
    return [
        Figure("comparisons", ours * comparisons, per_second=1 / ours),
        Figure("stats_vs_gbstats", gbstats * peer_comparisons, per_second=1 / gbstats, ratio=gbstats / ours),
        Figure("stats_vs_tea_tasting", tea_tasting * peer_comparisons, per_second=1 / tea_tasting, ratio=tea_tasting / ours),
    ]


def randomization_test(zones: int = 50, days: int = 28, windows: int = 12, draws: int = 2000) -> Figure:
    """A switchback's exact p-value, by redrawing its design."""
    design = stats.SwitchbackDesign(
        zones=tuple(f"z{zone}" for zone in range(zones)), start="2026-03-02T00:00:00Z", window_minutes=120, windows=days * windows, seed=1
    )
    rng = np.random.default_rng(2)
    outcome = stats.SwitchbackWindows.of_means(design.draw(), rng.normal(1800, 200, (zones, days * windows)))
    seconds = _median_seconds(lambda: stats.randomization_p_value(outcome, design, draws=draws, seed=3), runs=1)
    return Figure("randomization_test", seconds, per_second=draws / seconds)


def alone(measure: Callable[[], Figure]) -> Figure:
    """A figure measured in a process of its own, with that process's peak memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        figure, peak = pool.apply(_with_peak, (measure,))
    return replace(figure, peak_mb=peak)


def _with_peak(measure: Callable[[], Figure]) -> tuple[Figure, float]:
    figure = measure()
    return figure, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _median_seconds(work: Callable[[], object], *, runs: int) -> float:
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return median(found)


def measure() -> list[Figure]:
    """Every figure of the statistics."""
    return [alone(moments_to_effects), *stats_vs_peers(), alone(randomization_test)]
