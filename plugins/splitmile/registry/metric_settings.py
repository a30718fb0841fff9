"""What a dbt metric says to experiments: the keys under its `config.meta`, each read or refused with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from splitmile.registry.explain import suggestion
from splitmile.registry.plan import Cap, Direction, MetricKind, Window

META_KEYS = ("direction", "display_unit", "kind", "covariate_days", "window", "cap", "near")

_LONGEST_DAYS = 365
_TAKE_OUT = "correct it, or take it out"
# What only sums per unit can do, and why a quantile cannot.
_NOT_OF_A_QUANTILE = {
    "covariate_days": "a quantile is no sum per unit that a unit's past could sharpen",
    "window": "the observations of a quantile are counted by business date, not by the unit's own days",
    "cap": "a quantile is not moved by how far its outliers lie",
}


class MetricRefused(Exception):
    """Why one metric cannot be used; `read_metrics` gathers them."""


def read_direction(meta: Mapping[str, Any]) -> tuple[Direction, str]:
    """Which way is better, and the unit that is shown.

    Raises:
        MetricRefused: One of the two is missing, or is none.
    """
    for key in ("direction", "display_unit"):
        if key not in meta:
            near = [written for written in meta if suggestion(written, [key], "key").startswith("did")]
            found = f" (found {near[0]!r}: correct its spelling)" if near else ""
            wanted = "increase or decrease, whichever is better" if key == "direction" else 'such as s, KRW, "%" for a share, or ""'
            raise MetricRefused(f"config.meta.{key} is missing{found}; expected {wanted}; add it under config: meta:")
    direction, display_unit = meta["direction"], meta["display_unit"]
    if direction not in list(Direction):
        raise MetricRefused(f"config.meta.direction is {direction!r}; expected increase or decrease; write the one that is better")
    if not isinstance(display_unit, str):
        raise MetricRefused(f'config.meta.display_unit is {display_unit!r}; expected text such as s, or "" for none; put it in quotes')
    return Direction(direction), display_unit


def read_kind(meta: Mapping[str, Any], dbt_type: str, *, is_percentile: bool) -> MetricKind:
    """How units become one number; the first of the kinds that dbt's type allows where nothing is written.

    Raises:
        MetricRefused: A kind that the type does not allow.
    """
    simple = [MetricKind.quantile] if is_percentile else [MetricKind.mean, MetricKind.proportion]
    allowed = [MetricKind.ratio] if dbt_type == "ratio" else simple
    kind = meta.get("kind", allowed[0])
    if kind not in allowed:
        of = f"{dbt_type} metric over a percentile" if is_percentile else f"{dbt_type} metric"
        raise MetricRefused(f"config.meta.kind is {kind!r}; a {of} can be {' or '.join(allowed)}; correct it or take it out")
    return MetricKind(kind)


def refuse_misplaced(meta: Mapping[str, Any], kind: MetricKind) -> None:
    """Refuse what metrics of this kind cannot have.

    Raises:
        MetricRefused: The metric has it nevertheless.
    """
    if kind is MetricKind.quantile:
        for key, reason in _NOT_OF_A_QUANTILE.items():
            if meta.get(key) is not None:
                raise MetricRefused(f"config.meta.{key} is {meta[key]!r}, and {reason}; take it out")
    elif "near" in meta:
        raise MetricRefused(f"config.meta.near is {meta['near']!r} on a {kind}; only a quantile has it; take it out")
    if kind in {MetricKind.proportion, MetricKind.ratio} and "cap" in meta:
        instead = "a unit counts as 0 or 1 already" if kind is MetricKind.proportion else "put the cap into the expr of the measures"
        raise MetricRefused(f"config.meta.cap is {meta['cap']!r} on a {kind}; only a mean can be capped; {instead}, take it out")


def read_covariate_days(meta: Mapping[str, Any]) -> int | None:
    """Days before the day of exposure over which a unit's own metric is its covariate.

    Raises:
        MetricRefused: They are no whole number that fits.
    """
    days = meta.get("covariate_days")
    if days is None or _is_day(days, least=1):
        return days
    raise MetricRefused(
        f"config.meta.covariate_days is {days!r}; expected whole days before exposure, 1 to {_LONGEST_DAYS}, such as 14; "
        "correct it, or take it out for a metric without a covariate"
    )


def read_window(meta: Mapping[str, Any]) -> Window | None:
    """The days since exposure that count.

    Raises:
        MetricRefused: They are no window, or all days.
    """
    if "window" not in meta:
        return None
    expected = (
        "expected days since exposure, 0 being the day of it, such as {first_day: 0, last_day: 6}, or without last_day for all "
        f"days from the first on; at most {_LONGEST_DAYS}"
    )
    window = _mapping(meta, "window", ("first_day", "last_day"), expected)
    first = _require("window.first_day", window.get("first_day"), lambda day: _is_day(day, least=0), expected)
    if "last_day" in window:
        return Window(first, _require("window.last_day", window["last_day"], lambda day: _is_day(day, least=first), expected))
    if first == 0:
        raise MetricRefused(
            "config.meta.window is first_day 0 without last_day, which is all days since exposure; take the window out, or end it"
        )
    return Window(first, None)


def read_cap(meta: Mapping[str, Any]) -> Cap | None:
    """What a unit counts at most.

    Raises:
        MetricRefused: It is neither a value nor a percentile, or both.
    """
    if "cap" not in meta:
        return None
    expected = "expected {value: 40}, a whole number from 1 up in the measure's own unit, or {percentile: 0.99}, strictly between 0 and 1"
    cap = _mapping(meta, "cap", ("value", "percentile"), expected)
    if len(cap) != 1:
        raise MetricRefused(f"config.meta.cap is {dict(cap)!r}; {expected}; write exactly one of the two")
    if "value" in cap:
        return Cap(value=_require("cap.value", cap["value"], lambda value: type(value) is int and value >= 1, expected))
    return Cap(percentile=_require("cap.percentile", cap["percentile"], _is_share, expected))


def read_quantile(measure: Mapping[str, Any], meta: Mapping[str, Any]) -> float:
    """Which quantile a measure with `agg: percentile` is.

    Raises:
        MetricRefused: It is none that can be had exactly, or the value near it is no whole number.
    """
    name, parameters = measure["name"], measure.get("agg_params") or {}
    quantile: Any = parameters.get("percentile")
    if not _is_share(quantile):
        raise MetricRefused(
            f"its measure {name!r} has agg_params.percentile {quantile!r}; expected a number strictly between 0 and 1, such as 0.9; "
            "correct it"
        )
    if not parameters.get("use_discrete_percentile") or parameters.get("use_approximate_percentile"):
        raise MetricRefused(
            f"its measure {name!r} is a percentile that is interpolated or approximate; expected one that is observed; "
            "write use_discrete_percentile: true in its agg_params, and nothing else but percentile"
        )
    if "near" in meta:
        _require("near", meta["near"], lambda near: type(near) is int, "expected a whole number near the quantile, such as 2400")
    return float(quantile)


def _mapping(meta: Mapping[str, Any], key: str, known: tuple[str, ...], expected: str) -> Mapping[str, Any]:
    value = meta[key]
    if not isinstance(value, Mapping):
        raise MetricRefused(f"config.meta.{key} is {value!r}; {expected}; {_TAKE_OUT}")
    for written in value:
        if written not in known:
            raise MetricRefused(f"config.meta.{key}.{written} is no known key; {suggestion(str(written), known, 'key')}")
    return value


def _require(key: str, value: Any, is_good: Callable[[Any], bool], expected: str) -> Any:
    """The value, if it is good."""
    if is_good(value):
        return value
    raise MetricRefused(f"config.meta.{key} is {'missing' if value is None else repr(value)}; {expected}; {_TAKE_OUT}")


def _is_day(value: Any, least: int) -> bool:
    # A flag is an int to Python.
    return type(value) is int and least <= value <= _LONGEST_DAYS


def _is_share(value: Any) -> bool:
    return type(value) is float and 0 < value < 1
