"""What a method said under many random splits: p-values, whether intervals held the truth, and when it first raised an alarm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from splitmile.calibration.feeds import Floats, Integers
from splitmile.calibration.randomise import Bools
from splitmile.stats import Effects

LEVELS = (0.01, 0.05, 0.10)
"""Levels at which false positives are counted."""

COVERAGE_ALPHA = 0.05
"""One less the confidence of the intervals whose coverage is counted."""

_STREAM = 5

NEVER = np.iinfo(np.int64).max
"""The look of a first rejection that never came."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One method under many random splits of one feed.

    Attributes:
        method: What was tried.
        p_values: Where no treatment does anything, shape (draws,); NaN where the method gave no p-value.
        even_p_values: The same with estimates that come in steps, as counts and whole seconds do, spread over their step by lot. Only
            these can be uniform; without steps they are the p-values.
        covered: By injected relative effect, whether the 95 % interval held the truth, shape (draws,); NaN where there was none.
        first_rejection: By level, the first look at which a method that is read daily rejected, shape (draws,); NEVER where none.
        is_warning: A method known to be wrong, tried to show why.
        note: What the reader has to know, such as fewer draws.
    """

    method: str
    p_values: Floats = field(default_factory=lambda: np.empty(0))
    even_p_values: Floats = field(default_factory=lambda: np.empty(0))
    covered: Mapping[float, Floats] = field(default_factory=dict)
    first_rejection: Mapping[float, Integers] = field(default_factory=dict)
    looks: int = 0
    is_warning: bool = False
    note: str = ""


class Tally:
    """Trials that grow block by block."""

    def __init__(self, seed: int = 0) -> None:
        """Start empty; the seed is that of the lots by which steps are spread."""
        self._lots = np.random.default_rng([seed, _STREAM])
        self._p_values: dict[str, list[Floats]] = {}
        self._even: dict[str, list[Floats]] = {}
        self._covered: dict[str, dict[float, list[Floats]]] = {}

    def add_p_values(self, method: str, p_values: Floats, even: Floats | None = None) -> None:
        """Add a block's p-values under no effect, and those with steps spread, where there are steps."""
        self._p_values.setdefault(method, []).append(np.asarray(p_values, dtype=np.float64))
        self._even.setdefault(method, []).append(np.asarray(p_values if even is None else even, dtype=np.float64))

    def lots(self, step: float, n: int) -> Floats:
        """Numbers spread evenly over a step around zero, shape (n,)."""
        return step * (self._lots.random(n) - 0.5)

    def add_coverage(self, method: str, effect: float, interval: tuple[Floats, Floats], truth: float | Floats) -> None:
        """Add whether a block's intervals held the truth."""
        low, high = interval
        held = np.where(np.isnan(low) | np.isnan(high), np.nan, (low <= truth) & (truth <= high))
        self._covered.setdefault(method, {}).setdefault(effect, []).append(held)

    def add_effects(self, method: str, effect: float, effects: Effects, truth: float | Floats, *, step: float = 0.0) -> None:
        """Add a block of effects, which come in steps of a width: their coverage, and their p-values where nothing was injected."""
        self.add_coverage(method, effect, effects.interval(COVERAGE_ALPHA), truth)
        if effect == 0:
            even = replace(effects, estimate=effects.estimate + self.lots(step, effects.estimate.size)) if step else effects
            self.add_p_values(method, effects.p_value(), even.p_value())

    @property
    def methods(self) -> tuple[str, ...]:
        """Names, in the order in which they came up first."""
        return tuple(dict.fromkeys([*self._covered, *self._p_values]))

    def trials(self, *, warnings: Iterable[str] = (), notes: Mapping[str, str] | None = None) -> tuple[Trial, ...]:
        """The trials, in the order in which methods came up first."""
        return tuple(
            Trial(
                method,
                np.concatenate(self._p_values.get(method, [np.empty(0)])),
                np.concatenate(self._even.get(method, [np.empty(0)])),
                {effect: np.concatenate(parts) for effect, parts in self._covered.get(method, {}).items()},
                is_warning=method in set(warnings),
                note=(notes or {}).get(method, ""),
            )
            for method in self.methods
        )


def first_look(rejected: Bools) -> Integers:
    """The first look of each draw that rejected, shape (draws,); NEVER where none did.

    Args:
        rejected: Shape (draws, looks).
    """
    return np.where(rejected.any(axis=1), rejected.argmax(axis=1), NEVER)
