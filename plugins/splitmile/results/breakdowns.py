"""Primary effects broken down: by segment of units, and by day since exposure; frozen, as part of a scorecard.

Whether an effect differs between segments, or changes with the days, is tested for a single look at the data. So the tests are made at the
end of each whole week of an experiment and at its planned end, and their p-values are corrected for as many looks.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitmile.results.comparisons import Interval


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """An effect in one segment, by the inference that counts.

    Attributes:
        segment: Value of the dimension, such as `bike`.
        n_control, n_treatment: Units counted on each side.
        absolute, absolute_interval: In the metric's unit; `None` where there is no estimate.
        relative, relative_interval: As fractions; `None` where the relative effect is undefined.
    """

    segment: str
    n_control: int
    n_treatment: int
    absolute: float | None
    absolute_interval: Interval | None
    relative: float | None
    relative_interval: Interval | None


@dataclass(frozen=True, slots=True)
class SegmentedEffect:
    """A primary effect by one dimension of segments, and whether it differs between them at all.

    Attributes:
        dimension: Such as `vehicle`.
        metric, treatment: The effect.
        effects: The segments with the most units, in the order of their names.
        more: Segments with an effect that are left out here; `results.experiment_results` has all.
        suppressed: Segments whose effect is neither computed nor tested, as a variant has fewer than `least_units` in them.
        least_units: The limit.
        i_squared: Share of the spread between all segments that is beyond chance; `None` where there is no test.
        p_value: Of "the effect is the same in every segment", by Welch's F, of the absolute effect; `None` between two looks, and
            where fewer than two segments have an effect.
        p_value_adjusted: Holm over dimensions × primary metrics × treatments, times the planned looks.
        is_different: It is below the experiment's level.
    """

    dimension: str
    metric: str
    treatment: str
    effects: tuple[SegmentEffect, ...]
    more: int
    suppressed: int
    least_units: int
    i_squared: float | None
    p_value: float | None
    p_value_adjusted: float | None
    is_different: bool


@dataclass(frozen=True, slots=True)
class DayEffect:
    """An absolute effect on one day since exposure, fixed-horizon.

    Attributes:
        day: From 1; the day of the exposure itself is not a whole one.
        estimate, interval: `None` where there is no estimate.
    """

    day: int
    estimate: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class EffectByDay:
    """A primary effect by day since exposure, and whether it fades or grows.

    Attributes:
        metric, treatment: The effect.
        n_control, n_treatment: Units that were watched on all these days; the others are left out on each of them.
        days: In order, without a gap.
        slope: Change of the absolute effect a day; `None` where there is no trend to be told.
        slope_interval: Fixed-horizon, at the experiment's level.
        first, last: The effect on the first and on the last of these days by the straight line; `None` where there is no slope.
        p_value: Of "the effect is the same on every day".
        p_value_adjusted: Holm over primary metrics × treatments, times the planned looks.
        is_trend: It is below the experiment's level.
    """

    metric: str
    treatment: str
    n_control: int
    n_treatment: int
    days: tuple[DayEffect, ...]
    slope: float | None
    slope_interval: Interval | None
    first: float | None
    last: float | None
    p_value: float | None
    p_value_adjusted: float | None
    is_trend: bool

    @property
    def fades(self) -> bool:
        """By the straight line the effect is smaller on the last day than on the first."""
        return self.first is not None and self.last is not None and abs(self.last) < abs(self.first)
