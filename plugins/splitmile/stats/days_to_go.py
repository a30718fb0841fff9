"""Days to go until an experiment has the units it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from splitmile.stats.inputs import FloatArray, RowsMismatch, TextArray, counts, frozen, require_same_rows

_WEEK = 7
# Counts as a decline what chance alone would bring in one week of twenty.
_DECLINE = stats.norm.isf(0.05)

_UNKNOWN_NEED = "the number of units needed is not known"
_NO_HISTORY = "no day of new units yet"
_NO_NEW_UNITS = "no new units in the last days"
_DRYING_UP = "new units are drying up: at this decline about %.0f more will come"


@dataclass(frozen=True, slots=True, eq=False)
class DaysToGo:
    """Forecasts for k experiments; arrays of shape (k,), read-only.

    Attributes:
        days: Whole days from now; 0 where the units are there, infinite where they will never be, NaN without a forecast.
        units_per_day: New units a day over the last week; NaN without a day.
        weekly_factor: New units of a week over those of the week before, at most 1; NaN without a day.
        reason: Why it will never be, or why there is no forecast; `''` otherwise.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    days: FloatArray
    units_per_day: FloatArray
    weekly_factor: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        for name in ("days", "units_per_day", "weekly_factor"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(days=self.days, units_per_day=self.units_per_day, weekly_factor=self.weekly_factor, reason=self.reason)


def days_to_go(needed_n: ArrayLike, units_so_far: ArrayLike, units_per_day: ArrayLike) -> DaysToGo:
    """Forecast from the recent daily numbers of new units.

    New units usually decline: the regulars come on the first days, and most of those who come later have been there
    before. So where the last week brought fewer than the week before, beyond what chance explains, the decline goes on by the same
    factor a week; otherwise the last week's number stays. A rise is not extrapolated. Whole weeks are compared, so that
    weekends do not look like a trend; with less than two weeks of days no decline can be seen, and the
    forecast is optimistic.

    Args:
        needed_n: Independent units needed in all, as of `SampleSize.n`; NaN where that has no answer; one, or one a row.
        units_so_far: Units exposed so far, one or one a row.
        units_per_day: New units of each of the last days, oldest first, shape (days,) or (k, days); the last two weeks are used.

    Raises:
        CountsInvalid: A number of units is no count.
        RowsMismatch: The arguments do not describe the same experiments.

    Source:
        A geometric decline from two weeks' totals, tested with their Poisson standard error; the sum of the geometric
        series solved for its length.

    Example:
        >>> forecast = days_to_go(2000, 1400, [100] * 7 + [50] * 7)
        >>> forecast.days.tolist(), forecast.weekly_factor.tolist(), str(forecast.reason[0])
        ([inf], [0.5], 'new units are drying up: at this decline about 350 more will come')
        >>> days_to_go(1700, 1400, [100] * 7 + [50] * 7).days.tolist(), days_to_go(1700, 1400, [50] * 5).days.tolist()
        ([20.0], [6.0])
    """
    daily = np.atleast_2d(counts("units_per_day", units_per_day))
    needed, so_far = np.asarray(needed_n, dtype=np.float64), counts("units_so_far", units_so_far)
    rows = max(needed.size, so_far.size, len(daily))
    if daily.ndim != 2 or any(a.shape not in ((), (1,), (rows,)) for a in (needed, so_far)) or len(daily) not in (1, rows):
        raise RowsMismatch(
            f"expected needed_n and units_so_far of one experiment or (k,), and units_per_day (days,) or (k, days), found "
            f"{needed.shape}, {so_far.shape} and {daily.shape}"
        )
    daily = np.broadcast_to(daily, (rows, daily.shape[1]))
    last, before = daily[:, -_WEEK:], daily[:, -2 * _WEEK : -_WEEK]
    rate = last.mean(axis=1) if last.size else np.full(rows, np.nan)
    this_week, week_before = last.sum(axis=1), before.sum(axis=1)
    has_declined = week_before - this_week > _DECLINE * np.sqrt(this_week + week_before)
    has_declined &= before.shape[1] == _WEEK
    factor = np.where(has_declined, this_week / np.where(has_declined, week_before, 1.0), np.where(np.isnan(rate), np.nan, 1.0))
    missing = np.broadcast_to(needed - so_far, (rows,))
    at_constant_rate = np.divide(missing, rate, out=np.full(rows, np.inf), where=rate > 0)
    # After w weeks a decline has brought factor + factor² + … + factor^w of the last week's units.
    declines = (factor > 0) & (factor < 1)
    to_come = np.divide(_WEEK * rate * factor, 1 - factor, out=np.full(rows, np.inf), where=declines)
    left = np.where(declines & (missing < to_come), 1 - missing / to_come, 1.0)
    weeks = np.divide(np.log(np.maximum(left, np.finfo(np.float64).tiny)), np.log(np.where(declines, factor, 0.5)))
    days = np.where(declines, np.where(missing < to_come, _WEEK * weeks, np.inf), at_constant_rate)
    days = np.where(missing <= 0, 0.0, np.where(np.isnan(missing) | np.isnan(rate), np.nan, np.ceil(days)))
    reason = np.where(np.isnan(rate), _NO_HISTORY, np.where(rate == 0, _NO_NEW_UNITS, np.char.mod(_DRYING_UP, to_come)))
    reason = np.where(np.isnan(missing), _UNKNOWN_NEED, np.where(np.isfinite(days), "", reason))
    return DaysToGo(days, rate, factor, reason)
