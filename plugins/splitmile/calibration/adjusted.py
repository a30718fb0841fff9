"""Trials of the methods that need to know the units before the experiment, each beside the plain estimate it improves on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splitmile.calibration.feeds import Feed, Floats
from splitmile.calibration.outcomes import (
    COVARIATE_DENOMINATOR,
    COVARIATE_NUMERATOR,
    DENOMINATOR,
    EFFECTS,
    IS_KNOWN,
    NUMERATOR,
    unit_values,
)
from splitmile.calibration.randomise import CentredSums, UnitSums, splits
from splitmile.calibration.trials import Tally, Trial
from splitmile.stats import Effects, Estimates, absolute_effect, estimate, relative_effect
from splitmile.stats.cuped import Adjustment, cuped
from splitmile.stats.poststratification import post_stratify

_COLUMNS = [NUMERATOR, DENOMINATOR, COVARIATE_NUMERATOR, COVARIATE_DENOMINATOR, IS_KNOWN]
_N, _D, _XN, _XD, _KNOWN = range(5)
_PLAIN = {"CUPED, mean": "mean", "CUPED, ratio": "ratio", "post-stratified, ratio": "ratio"}
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Gain:
    """What an adjusted method brings beside the plain one on the same splits.

    Attributes:
        method: The adjusted method.
        variance_removed: Share of the plain estimate's variance between splits that it removes.
        variance_removed_reported: What the method itself says, in the mean over splits.
        effect: The small true relative effect at which the rest was counted: one standard error of the plain estimate.
        power: Share of splits with a significant result at 5 %, plain and adjusted.
        wrong_sign: Of these, the share with the wrong sign (type S), plain and adjusted.
        exaggeration: Of these, the mean of |estimate|/truth (type M), plain and adjusted.

    Source:
        Gelman, A. & Carlin, J. (2014), Beyond power calculations: assessing type S (sign) and type M (magnitude) errors,
        Perspectives on Psychological Science 9, 641-651.
    """

    method: str
    variance_removed: float
    variance_removed_reported: float
    effect: float
    power: tuple[float, float]
    wrong_sign: tuple[float, float]
    exaggeration: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Arm:
    """Sums of one arm under every split of a block, all units together and stratum by stratum."""

    overall: CentredSums
    by_stratum: CentredSums

    def scaled(self, factor: float) -> _Arm:
        return _Arm(self.overall.scaled(_N, factor), self.by_stratum.scaled(_N, factor))


def adjusted_trials(feed: Feed, draws: int, seed: int) -> tuple[tuple[Trial, ...], tuple[Gain, ...]]:
    """CUPED of means and ratios, and post-stratified ratios; nothing where nothing is known of the units before.

    Returns:
        The trials, and what each method gained.
    """
    if feed.stratum is None:
        return (), ()
    values = unit_values(feed)[:, _COLUMNS]
    all_units, strata = UnitSums(values), UnitSums(values[:, :2], feed.stratum[:, None] == np.arange(feed.stratum.max() + 1))
    totals = values.sum(axis=0)
    base = {"mean": totals[_N] / feed.units, "ratio": totals[_N] / totals[_D]}
    everyone = all_units.of(np.ones((1, feed.units), dtype=np.bool_))
    # Each half of the units has √2 times the standard error of all, and their difference √2 times that of a half.
    small = {kind: float(2 * plain.standard_error[0] / abs(base[kind])) for kind, plain in _metrics(everyone).items()}

    tally, estimates = Tally(), _Estimates()
    for treated in splits(feed.units, draws, seed=seed, stream=0):
        control, untreated = (_Arm(all_units.of(chosen), strata.of(chosen)) for chosen in (~treated, treated))
        for effect in EFFECTS:
            for method, found in _adjustments(control, untreated.scaled(1 + effect)).items():
                tally.add_effects(method, effect, _absolute(found), effect * base[_PLAIN[method]])
                relative = relative_effect(found.control, found.treatment, covariance=found.covariance)
                tally.add_effects(f"{method}, relative", effect, relative, effect)
        estimates.add("none", _plain(control, untreated), _adjustments(control, untreated))
        for kind, effect in small.items():
            treatment = untreated.scaled(1 + effect)
            estimates.add(kind, _plain(control, treatment), _adjustments(control, treatment))
    return tally.trials(), tuple(estimates.gain(method, small[kind], base[kind]) for method, kind in _PLAIN.items())


def _metrics(sums: CentredSums) -> Mapping[str, Estimates]:
    return {"mean": estimate(sums.mean_of(_N)), "ratio": estimate(sums.ratio_of(_N, _D))}


def _plain(control: _Arm, treatment: _Arm) -> Mapping[str, Effects]:
    c, t = _metrics(control.overall), _metrics(treatment.overall)
    return {kind: absolute_effect(c[kind], t[kind]) for kind in c}


def _adjustments(control: _Arm, treatment: _Arm) -> Mapping[str, Adjustment]:
    c, t = control.overall, treatment.overall
    strata = len(control.by_stratum.n) // len(c.n)
    return {
        "CUPED, mean": cuped(c.covariate_of(_N, None, _XN, _KNOWN), t.covariate_of(_N, None, _XN, _KNOWN)),
        "CUPED, ratio": cuped(c.covariate_of(_N, _D, _XN, _XD), t.covariate_of(_N, _D, _XN, _XD)),
        "post-stratified, ratio": post_stratify(
            control.by_stratum.ratio_of(_N, _D), treatment.by_stratum.ratio_of(_N, _D), np.repeat(np.arange(len(c.n)), strata)
        ),
    }


def _absolute(found: Adjustment) -> Effects:
    return absolute_effect(found.control, found.treatment, covariance=found.covariance)


class _Estimates:
    """Estimates and p-values of plain and adjusted methods, block by block, for what is compared between them."""

    def __init__(self) -> None:
        self._effects: dict[tuple[str, str], list[Effects]] = {}
        self._reported: dict[str, list[Floats]] = {}

    def add(self, injected: str, plain: Mapping[str, Effects], adjusted: Mapping[str, Adjustment]) -> None:
        for method, found in [*plain.items(), *((method, _absolute(found)) for method, found in adjusted.items())]:
            self._effects.setdefault((injected, method), []).append(found)
        if injected == "none":
            for method, adjustment in adjusted.items():
                self._reported.setdefault(method, []).append(adjustment.variance_removed)

    def gain(self, method: str, effect: float, base: float) -> Gain:
        kind = _PLAIN[method]
        both = [self._significance(kind, name, effect * base) for name in (kind, method)]
        power, wrong_sign, exaggeration = zip(*both, strict=True)
        return Gain(
            method,
            1 - float(self._estimates("none", method).var() / self._estimates("none", kind).var()),
            float(np.mean(np.concatenate(self._reported[method]))),
            effect,
            power,
            wrong_sign,
            exaggeration,
        )

    def _estimates(self, injected: str, method: str) -> Floats:
        return np.concatenate([each.estimate for each in self._effects[injected, method]])

    def _significance(self, kind: str, method: str, truth: float) -> tuple[float, float, float]:
        is_significant = np.concatenate([each.p_value() for each in self._effects[kind, method]]) < _ALPHA
        over_truth = self._estimates(kind, method)[is_significant] / truth
        if not over_truth.size:
            return 0.0, np.nan, np.nan
        return float(is_significant.mean()), float((over_truth < 0).mean()), float(np.abs(over_truth).mean())
