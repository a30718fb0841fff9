"""Numbers as a reader sees them: the metric's own unit, digits that the uncertainty earns, a real minus sign."""

from __future__ import annotations

import math
import re

from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect, Interval
from splitmile.settings import Language

MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
NO_FIGURE = "–"
_HYPHEN_BEFORE_DIGIT = re.compile(r"(?<![\w-])-(?=\d)")
_SPACE_BEFORE_PERCENT = re.compile(r"(?<=\d) (?=%)")
_EXPONENT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def value(effect: Effect, number: float | None, interval: Interval | None) -> str:
    """The metric in one variant, such as `1,982 s`, with the decimals of its effect."""
    return level(number, effect.absolute.estimate, interval, effect.display_unit)


def level(number: float | None, estimate: float | None, interval: Interval | None, unit: str) -> str:
    """A metric by itself, with the decimals of its effect `estimate`; with the unit `%` it is a share."""
    if number is None:
        return NO_FIGURE
    scale = 100.0 if unit == "%" else 1.0
    return _with_unit(f"{scale * number:,.{_decimals(estimate, interval, scale)}f}", unit).replace("-", MINUS)


def difference(effect: Effect, interval: Interval | None, language: Language = "en") -> str:
    """The absolute effect, such as `−41 s (−58 to −24)`; shares differ by percentage points."""
    return change(effect.absolute.estimate, interval, effect.display_unit, language)


def change(estimate: float | None, interval: Interval | None, unit: str, language: Language = "en") -> str:
    """A difference in some unit, such as `−41 s (−58 to −24)`; shares, whose unit is `%`, differ by percentage points."""
    if estimate is None:
        return NO_FIGURE
    scale = 100.0 if unit == "%" else 1.0
    decimals = _decimals(estimate, interval, scale)
    points = "pp" if unit == "%" else unit
    return _with_unit(_signed(scale * estimate, decimals), points) + _bracket(interval, scale, decimals, language)


def relative(estimate: float | None, interval: Interval | None, language: Language = "en") -> str:
    """A relative effect, such as `−2.06 % (−2.90 to −1.22)`."""
    return NO_FIGURE if estimate is None else f"{percent_change(estimate)}{_bracket(interval, 100.0, 2, language)}"


def percent_change(estimate: float | None, decimals: int = 2) -> str:
    """A signed change in per cent, such as `+1.25 %`."""
    return NO_FIGURE if estimate is None else f"{_signed(100.0 * estimate, decimals)}{NO_BREAK}%"


def interval_change(interval: Interval | None, language: Language = "en") -> str:
    """A relative interval by itself, such as `−2.90 to −1.22 %`."""
    return NO_FIGURE if interval is None else f"{_ends(interval, 100.0, 2, language)}{NO_BREAK}%"


def share(fraction: float | None) -> str:
    """A share in per cent, such as `49.8 %`."""
    return NO_FIGURE if fraction is None else f"{100.0 * fraction:.{4 if fraction >= 0.1 else 3}g}{NO_BREAK}%"


def chance(probability: float | None) -> str:
    """A probability in whole per cent, such as `97 %`, never a false certainty."""
    if probability is None:
        return NO_FIGURE
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f}{NO_BREAK}%"
    return f"{'> 99' if probability > 0.5 else '< 1'}{NO_BREAK}%"


def loss(fraction: float) -> str:
    """An expected relative loss, such as `0.40 %`; one that does not show is `< 0.01 %`."""
    return f"{100 * fraction:.2f}{NO_BREAK}%" if fraction >= 0.00005 else f"< 0.01{NO_BREAK}%"


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


def _bracket(interval: Interval | None, scale: float, decimals: int, language: Language) -> str:
    return "" if interval is None else f" ({_ends(interval, scale, decimals, language)})"


def _ends(interval: Interval, scale: float, decimals: int, language: Language) -> str:
    words = Catalogue(language)
    low, high = (words("interval.unbounded") if end is None else _signed(scale * end, decimals) for end in (interval.low, interval.high))
    return words("interval", low=low, high=high)


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{NO_BREAK}{unit}" if unit else number
