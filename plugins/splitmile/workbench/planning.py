"""How many units an experiment needs, from numbers or from the variance in a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from splitmile import stats
from splitmile.results.readouts import PowerReadout
from splitmile.workbench.refusals import OptionInvalid

# A proportion's spread depends on the effect, and the smallest effect on the spread: a fixed point, met in a few rounds.
_ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What is known of a metric before the experiment.

    Attributes:
        baseline: The metric without a treatment; `None` where nobody knows it.
        variance: Per unit.
        is_proportion: Each unit is 0 or 1, so that the variance follows from the share.
        source, metric: Where it comes from; `None` where it was given.
    """

    baseline: float | None
    variance: float
    is_proportion: bool = False
    source: str | None = None
    metric: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked: of units, effect and power, one is left open.

    Attributes:
        effect: Absolute, as a fraction of the baseline where `is_relative`; `None` if open.
        units: Of the whole experiment; `None` if open.
        power: Open only where both others are given; then it is not looked at.
        alpha: Two-sided level.
        shares: Planned shares, the control's first.
        is_sequential: Looked at again and again.
        units_per_day: `None` where nobody knows.
    """

    effect: float | None
    is_relative: bool
    units: int | None
    power: float
    alpha: float
    shares: tuple[float, ...]
    is_sequential: bool
    units_per_day: float | None

    def __post_init__(self) -> None:
        """Refuse what cannot be computed."""
        if self.effect is None and self.units is None:
            raise OptionInvalid("neither --effect nor --units is given; give one for the other, or both for the power")
        if not 0 < self.alpha < self.power < 1:
            raise OptionInvalid(
                f"--alpha is {self.alpha:g} and --power {self.power:g}; expected 0 < alpha < power < 1, such as 0.05 and 0.8"
            )
        if self.effect is not None and (not math.isfinite(self.effect) or self.effect == 0):
            raise OptionInvalid(f"--effect is {self.effect:g}; expected the difference to find, such as 0.5 or 2%")
        if len(self.shares) < 2 or min(self.shares) <= 0:
            raise OptionInvalid(f"--shares has {len(self.shares)} shares; expected two or more above 0, the control's first")
        if self.units is not None and self.units * min(self.shares) < 2:
            raise OptionInvalid(f"--units is {self.units}; every variant needs two units at least")
        if self.units_per_day is not None and not 0 < self.units_per_day < math.inf:
            raise OptionInvalid(f"--units-per-day is {self.units_per_day:g}; expected a number above 0")


def spread_of_numbers(baseline: float | None, standard_deviation: float | None, proportion: float | None) -> Spread:
    """The spread that was given in numbers.

    Raises:
        OptionInvalid: Neither or both of standard deviation and proportion are given, or one is out of range.
    """
    if (standard_deviation is None) == (proportion is None):
        raise OptionInvalid("give --sd for a mean or --proportion for a share, one of the two, or a file with --metric")
    if proportion is not None:
        if not 0 < proportion < 1:
            raise OptionInvalid(f"--proportion is {proportion:g}; expected a share strictly between 0 and 1, such as 0.2")
        if baseline is not None:
            raise OptionInvalid("--baseline is given beside --proportion, which is the baseline itself; leave it out")
        return Spread(baseline=proportion, variance=proportion * (1 - proportion), is_proportion=True)
    if standard_deviation is None or not 0 < standard_deviation < math.inf:
        raise OptionInvalid(f"--sd is {standard_deviation:g}; expected the standard deviation between units, above 0")
    return Spread(baseline=baseline, variance=standard_deviation**2)


def plan(spread: Spread, wish: Wish) -> PowerReadout:
    """The one of units, effect and power that is open.

    Raises:
        OptionInvalid: A relative effect has no baseline, or a proportion leaves 0 to 1.

    Source:
        As in `stats.power`; Fleiss, Levin & Paik (2003), section 4.2, for the common formula.

    Example:
        >>> wish = Wish(effect=0.5, is_relative=False, units=None, power=0.8, alpha=0.05, shares=(0.5, 0.5), is_sequential=False,
        ...             units_per_day=100)
        >>> answer = plan(Spread(baseline=None, variance=4.0), wish)
        >>> answer.units, answer.days
        (506, 6)
    """
    effect = _absolute(spread, wish)
    asked: Literal["units", "effect", "power"]
    power, units = wish.power, wish.units
    if effect is None:
        asked, effect = "effect", _detectable(spread, wish, units or 0)
    elif units is None:
        asked, units = "units", _needed(spread, wish, effect)
    else:
        asked, power = "power", float(stats.power(_test(spread, wish, effect), effect, units)[0])
    units = units or 0
    return PowerReadout(
        source=spread.source,
        metric=spread.metric,
        baseline=spread.baseline,
        standard_deviation=math.sqrt(spread.variance),
        alpha=wish.alpha,
        shares=wish.shares,
        is_sequential=wish.is_sequential,
        asked=asked,
        units=units,
        effect=effect,
        relative_effect=effect / spread.baseline if spread.baseline else None,
        power=power,
        units_by_common_formula=_by_common_formula(spread, wish, effect) if asked == "units" else None,
        days=None if wish.units_per_day is None else math.ceil(units / wish.units_per_day),
    )


def _absolute(spread: Spread, wish: Wish) -> float | None:
    if wish.effect is None or not wish.is_relative:
        return wish.effect
    if not spread.baseline:
        raise OptionInvalid("--effect is relative and there is no baseline; give --baseline, or the effect in the metric's own unit")
    return wish.effect * spread.baseline


def _test(spread: Spread, wish: Wish, effect: float) -> stats.PlannedTest:
    """The comparison of the control with the smallest treatment, at this true effect."""
    variance_treatment = spread.variance
    if spread.is_proportion and spread.baseline is not None:
        share = spread.baseline + effect
        if not 0 < share < 1:
            raise OptionInvalid(f"--effect makes the proportion {spread.baseline:g} {share:g}; it has to stay between 0 and 1")
        variance_treatment = share * (1 - share)
    return stats.PlannedTest.of(
        spread.variance,
        variance_treatment=variance_treatment,
        control_share=wish.shares[0],
        treatment_share=min(wish.shares[1:]),
        alpha=wish.alpha,
        is_sequential=wish.is_sequential,
    )


def _needed(spread: Spread, wish: Wish, effect: float) -> int:
    size = stats.sample_size(_test(spread, wish, effect), effect, power=wish.power)
    if size.reason[0]:
        raise OptionInvalid(f"no number of units can be named: {size.reason[0]}")
    return int(size.n[0])


def _detectable(spread: Spread, wish: Wish, units: int) -> float:
    effect = 0.0
    for _ in range(_ROUNDS):
        found = stats.minimum_detectable_effect(_test(spread, wish, effect), units, power=wish.power)
        if found.reason[0]:
            raise OptionInvalid(f"no effect can be named: {found.reason[0]}")
        if not spread.is_proportion:
            return float(found.effect[0])
        effect = float(found.effect[0])
    return effect


def _by_common_formula(spread: Spread, wish: Wish, effect: float) -> int | None:
    if not spread.is_proportion or spread.baseline is None or wish.is_sequential or wish.shares != (0.5, 0.5):
        return None
    return 2 * int(stats.sample_size_proportions(spread.baseline, effect, alpha=wish.alpha, power=wish.power))
