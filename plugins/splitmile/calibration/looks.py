"""Trials of the methods that may be read every day, and of a fixed-horizon test that is read every day although it must not be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from splitmile.calibration.feeds import Feed, Floats, Integers
from splitmile.calibration.outcomes import EFFECTS
from splitmile.calibration.randomise import Bools, CentredSums, UnitSums, splits
from splitmile.calibration.trials import COVERAGE_ALPHA, LEVELS, Trial, first_look
from splitmile.stats import Effects, absolute_effect, confidence_sequence, relative_confidence_sequence
from splitmile.stats.cuped import cuped

PEEKING = "ratio, fixed horizon read daily (wrong)"

_NUMERATOR, _DENOMINATOR, _COVARIATE_NUMERATOR, _COVARIATE_DENOMINATOR = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """The units' values so far at each look.

    Attributes:
        present: Who has arrived, shape (units, looks).
        values: Sum of values and number of rows so far, then the same of before, shape (units, looks, 4).
    """

    present: Bools
    values: Floats


def arrivals(feed: Feed) -> Arrivals:
    """What is known of each unit at the end of each day."""
    cell = feed.unit * feed.looks + feed.day
    shape = (feed.units, feed.looks)
    numerator = np.bincount(cell, feed.value, minlength=feed.units * feed.looks).reshape(shape).cumsum(axis=1)
    denominator = np.bincount(cell, minlength=feed.units * feed.looks).reshape(shape).cumsum(axis=1).astype(np.float64)
    before = (np.zeros(feed.units),) * 2 if feed.covariates is None else (feed.covariates.numerator, feed.covariates.denominator)
    values = np.stack([numerator, denominator, *(np.broadcast_to(column[:, None], shape) for column in before)], axis=2)
    return Arrivals(denominator > 0, values)


Interval = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class _Method:
    """How the arms become the interval at every look, given its level and the plan, and the truth at each look, shape (looks,)."""

    interval: Callable[[CentredSums, CentredSums, float, int], Interval]
    truth: Callable[[Arrivals, float], Floats]


def _change_of_mean(so_far: Arrivals, effect: float) -> Floats:
    mean: Floats = so_far.values[:, :, _NUMERATOR].sum(axis=0) / so_far.present.sum(axis=0)
    return effect * mean


def _change_of_ratio(so_far: Arrivals, effect: float) -> Floats:
    ratio: Floats = so_far.values[:, :, _NUMERATOR].sum(axis=0) / so_far.values[:, :, _DENOMINATOR].sum(axis=0)
    return effect * ratio


def _relative_change(so_far: Arrivals, effect: float) -> Floats:
    return np.full(so_far.present.shape[1], effect)


def _mean(control: CentredSums, treatment: CentredSums) -> Effects:
    return absolute_effect(control.mean_of(_NUMERATOR), treatment.mean_of(_NUMERATOR))


def _ratio(control: CentredSums, treatment: CentredSums) -> Effects:
    return absolute_effect(control.ratio_of(_NUMERATOR, _DENOMINATOR), treatment.ratio_of(_NUMERATOR, _DENOMINATOR))


def _cuped(control: CentredSums, treatment: CentredSums) -> Effects:
    columns = (_NUMERATOR, _DENOMINATOR, _COVARIATE_NUMERATOR, _COVARIATE_DENOMINATOR)
    found = cuped(control.covariate_of(*columns), treatment.covariate_of(*columns))
    return absolute_effect(found.control, found.treatment, covariance=found.covariance)


def _sequence(effects: Callable[[CentredSums, CentredSums], Effects]) -> Callable[[CentredSums, CentredSums, float, int], Interval]:
    def interval(control: CentredSums, treatment: CentredSums, alpha: float, planned_n: int) -> Interval:
        found = effects(control, treatment)
        n, freedom = control.n + treatment.n, found.degrees_of_freedom
        return confidence_sequence(found.estimate, found.standard_error, n, planned_n, alpha, degrees_of_freedom=freedom)

    return interval


def _methods(feed: Feed) -> Mapping[str, _Method]:
    methods = {
        "confidence sequence, mean": _Method(_sequence(_mean), _change_of_mean),
        "confidence sequence, ratio": _Method(_sequence(_ratio), _change_of_ratio),
        "confidence sequence, ratio, relative": _Method(_relative_sequence, _relative_change),
    }
    if feed.covariates is not None:
        methods["confidence sequence, CUPED ratio"] = _Method(_sequence(_cuped), _change_of_ratio)
    return methods


def _relative_sequence(control: CentredSums, treatment: CentredSums, alpha: float, planned_n: int) -> Interval:
    c, t = (arm.ratio_of(_NUMERATOR, _DENOMINATOR) for arm in (control, treatment))
    return relative_confidence_sequence(c, t, planned_n, alpha)


def sequential_trials(feed: Feed, draws: int, seed: int) -> tuple[Trial, ...]:
    """Means, ratios and adjusted ratios at every look of the run, with the units that have arrived and what they did so far."""
    so_far, methods = arrivals(feed), _methods(feed)
    rejections: dict[str, dict[float, list[Integers]]] = {name: {level: [] for level in LEVELS} for name in [*methods, PEEKING]}
    covered: dict[str, dict[float, list[Floats]]] = {name: {effect: [] for effect in EFFECTS} for name in methods}
    sums = UnitSums(so_far.values, so_far.present)
    for treated in splits(feed.units, draws, seed=seed, stream=0):
        shape = (len(treated), feed.looks)
        control, untreated = sums.of(~treated), sums.of(treated)
        for name, method in methods.items():
            for effect in EFFECTS:
                low, high = method.interval(control, untreated.scaled(_NUMERATOR, 1 + effect), COVERAGE_ALPHA, feed.units)
                truth = np.tile(method.truth(so_far, effect), len(treated))
                is_missed = ((low > truth) | (high < truth)).reshape(shape)
                covered[name][effect].append(np.asarray(~is_missed.any(axis=1), dtype=np.float64))
            for level in LEVELS:
                low, high = method.interval(control, untreated, level, feed.units)
                rejections[name][level].append(first_look(((low > 0) | (high < 0)).reshape(shape)))
        p_values = _ratio(control, untreated).p_value().reshape(shape)
        for level in LEVELS:
            rejections[PEEKING][level].append(first_look(p_values < level))
    return tuple(
        Trial(
            name,
            covered={effect: np.concatenate(parts) for effect, parts in covered.get(name, {}).items()},
            first_rejection={level: np.concatenate(parts) for level, parts in by_level.items()},
            looks=feed.looks,
            is_warning=name == PEEKING,
        )
        for name, by_level in rejections.items()
    )
