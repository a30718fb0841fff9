"""Trials of the questions beyond "is there an effect": does it differ between segments, fade, or depend on another experiment?"""

from __future__ import annotations

import numpy as np

from splitmile.calibration.feeds import Feed, Floats
from splitmile.calibration.outcomes import DENOMINATOR, NUMERATOR, unit_values
from splitmile.calibration.randomise import Bools, UnitSums, splits
from splitmile.calibration.trials import Tally, Trial
from splitmile.stats import absolute_effect, estimate
from splitmile.stats.heterogeneity import heterogeneity
from splitmile.stats.interaction import interaction
from splitmile.stats.novelty import DailyEstimates, novelty

_LEAST_UNITS = 20
_NOVELTY_DAYS = 14
_SECOND_EXPERIMENT = 1


def contrast_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """Heterogeneity over strata, the trend over days since exposure, and the interaction of two experiments, all of the ratio."""
    tally = Tally()
    values = unit_values(feed)[:, [NUMERATOR, DENOMINATOR]]
    overall = UnitSums(values)
    by_stratum = None if feed.stratum is None else UnitSums(values, feed.stratum[:, None] == np.arange(feed.stratum.max() + 1))
    by_day = days_since_arrival(feed)
    second = splits(feed.units, draws, seed=seed, stream=_SECOND_EXPERIMENT)
    for treated, other in zip(splits(feed.units, draws, seed=seed, stream=0), second, strict=True):
        if by_stratum is not None:
            tally.add_p_values("heterogeneity (Cochran's Q)", _heterogeneity(by_stratum, treated))
        cells = (overall.of(chosen).ratio_of(0, 1) for chosen in (~treated & ~other, treated & ~other, ~treated & other, treated & other))
        tally.add_p_values("interaction of two experiments", interaction(*map(estimate, cells)).p_value())
        tally.add_p_values("novelty trend", _novelty(*by_day, treated))
    return tally.trials()


def days_since_arrival(feed: Feed) -> tuple[Floats, Floats, Bools]:
    """Sum of values and number of rows on each of the first days since the unit's arrival, and which units were watched for all of them.

    Returns:
        Two tables of shape (watched units, days), and shape (units,).
    """
    days = max(min(_NOVELTY_DAYS, feed.looks // 2), 2)
    arrival = np.full(feed.units, feed.looks)
    np.minimum.at(arrival, feed.unit, feed.day)
    since = feed.day - arrival[feed.unit]
    is_used = since < days
    cell = feed.unit[is_used] * days + since[is_used]
    numerator = np.bincount(cell, feed.value[is_used], minlength=feed.units * days).reshape(-1, days)
    denominator = np.bincount(cell, minlength=feed.units * days).reshape(-1, days).astype(np.float64)
    is_watched = arrival + days <= feed.looks
    return numerator[is_watched].astype(np.float64), denominator[is_watched], is_watched


def _heterogeneity(sums: UnitSums, treated: Bools) -> Floats:
    control, treatment = sums.of(~treated).ratio_of(0, 1), sums.of(treated).ratio_of(0, 1)
    effects = absolute_effect(control, treatment)
    shape = (len(treated), -1)
    smaller_arm = np.minimum(control.n, treatment.n).reshape(shape)
    change, error, freedom = (part.reshape(shape) for part in (effects.estimate, effects.standard_error, effects.degrees_of_freedom))
    return heterogeneity(change, error, freedom, smaller_arm, least_units=_LEAST_UNITS).p_value


def _novelty(numerator: Floats, denominator: Floats, is_watched: Bools, treated: Bools) -> Floats:
    p_values = np.empty(len(treated))
    for draw, arm in enumerate(treated[:, is_watched].astype(np.int64)):
        days = DailyEstimates.from_units(numerator, denominator, group=arm, groups=2)
        p_values[draw] = novelty(days.take([0]), days.take([1])).slope.p_value()[0]
    return p_values
