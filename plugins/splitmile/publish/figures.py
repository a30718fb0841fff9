"""Numbers as a reader sees them: the metric's own unit, digits that the uncertainty earns, a real minus sign."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from splitmile.results.types import Effect, Interval

MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
NO_FIGURE = "–"
_HYPHEN_BEFORE_DIGIT = re.compile(r"(?<![\w-])-(?=\d)")
_SPACE_BEFORE_PERCENT = re.compile(r"(?<=\d) (?=%)")
_EXPONENT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True, slots=True)
class Counting:
    """The inference that counts today: anytime-valid while an experiment runs, fixed-horizon once its planned end is reached.

    Attributes:
        absolute, relative: Its intervals; `None` where there is none.
        is_anytime_valid: Which of the two it is.
    """

    absolute: Interval | None
    relative: Interval | None
    is_anytime_valid: bool


def counting(effect: Effect, *, has_ended: bool) -> Counting:
    """The intervals to show first."""
    if effect.sequential is None or has_ended:
        return Counting(effect.absolute.interval, effect.relative.interval, is_anytime_valid=False)
    return Counting(effect.sequential.interval, effect.sequential.relative_interval, is_anytime_valid=True)


def value(effect: Effect, number: float | None, interval: Interval | None) -> str:
    """The metric in one variant, such as `1,982 s`, with the decimals of its effect."""
    if number is None:
        return NO_FIGURE
    scale = 100.0 if effect.display_unit == "%" else 1.0
    decimals = _decimals(effect.absolute.estimate, interval, scale)
    return _with_unit(f"{scale * number:,.{decimals}f}", effect.display_unit).replace("-", MINUS)


def difference(effect: Effect, interval: Interval | None) -> str:
    """The absolute effect, such as `−41 s (−58 to −24)`; shares differ by percentage points."""
    estimate = effect.absolute.estimate
    if estimate is None:
        return NO_FIGURE
    scale = 100.0 if effect.display_unit == "%" else 1.0
    decimals = _decimals(estimate, interval, scale)
    unit = "pp" if effect.display_unit == "%" else effect.display_unit
    return _with_unit(_signed(scale * estimate, decimals), unit) + _bracket(interval, scale, decimals)


def relative(estimate: float | None, interval: Interval | None) -> str:
    """A relative effect, such as `−2.06 % (−2.90 to −1.22)`."""
    return NO_FIGURE if estimate is None else f"{percent_change(estimate)}{_bracket(interval, 100.0, 2)}"


def percent_change(estimate: float | None, decimals: int = 2) -> str:
    """A signed change in per cent, such as `+1.25 %`."""
    return NO_FIGURE if estimate is None else f"{_signed(100.0 * estimate, decimals)}{NO_BREAK}%"


def interval_change(interval: Interval | None) -> str:
    """A relative interval by itself, such as `−2.90 to −1.22 %`."""
    return NO_FIGURE if interval is None else f"{_end(interval.low, 100.0, 2)} to {_end(interval.high, 100.0, 2)}{NO_BREAK}%"


def share(fraction: float | None) -> str:
    """A share in per cent, such as `49.8 %`."""
    return NO_FIGURE if fraction is None else f"{100.0 * fraction:.{4 if fraction >= 0.1 else 3}g}{NO_BREAK}%"


def p_value(probability: float | None) -> str:
    """A p-value to two digits, never a false 0: `0.021`, `3.7 × 10⁻²⁸`."""
    if probability is None:
        return NO_FIGURE
    if probability >= 0.0001:
        return f"{probability:.2g}" if probability < 0.1 else f"{probability:.2f}"
    if probability <= 0.0:
        return "< 10⁻³⁰⁰"
    mantissa, exponent = f"{probability:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_EXPONENT)}"


def typographic(sentence: str) -> str:
    """A sentence of the catalogue with real minus signs, its figures never broken before the per cent sign."""
    return _SPACE_BEFORE_PERCENT.sub(NO_BREAK, _HYPHEN_BEFORE_DIGIT.sub(MINUS, sentence))


def _decimals(estimate: float | None, interval: Interval | None, scale: float) -> int:
    """Two digits of the interval's half-width; without one, three digits of the estimate."""
    if interval is not None and interval.low is not None and interval.high is not None and interval.high > interval.low:
        return _clamp(1 - math.floor(math.log10(scale * (interval.high - interval.low) / 2)))
    return _clamp(2 - math.floor(math.log10(scale * abs(estimate)))) if estimate else 0


def _clamp(decimals: int) -> int:
    return max(0, min(4, decimals))


def _signed(number: float, decimals: int) -> str:
    text = f"{abs(number):,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text  # a zero has no sign
    return f"{MINUS if number < 0 else '+'}{text}"


def _end(number: float | None, scale: float, decimals: int) -> str:
    return "unbounded" if number is None else _signed(scale * number, decimals)


def _bracket(interval: Interval | None, scale: float, decimals: int) -> str:
    return "" if interval is None else f" ({_end(interval.low, scale, decimals)} to {_end(interval.high, scale, decimals)})"


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{NO_BREAK}{unit}" if unit else number
