"""From rows to the windows of a switchback design: places, burn-in, sums, and arms that are not as scheduled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile.stats.inputs import BoolArray, FloatArray, IntArray, RowsMismatch, require_same_rows
from splitmile.stats.switchback_design import ArmArray, SwitchbackDesign

_MINUTE = np.timedelta64(60_000_000, "us")


def locate(design: SwitchbackDesign, zone: ArrayLike, instant: ArrayLike) -> tuple[IntArray, IntArray]:
    """Index of each row's zone and window, −1 where the row lies outside the design.

    Args:
        design: With the zones and windows.
        zone: (n,) names.
        instant: (n,) `datetime64` in UTC; NaT lies outside.

    Raises:
        RowsMismatch: The arrays differ in shape.
    """
    names, instants = np.asarray(zone, dtype=np.str_), np.asarray(instant, dtype="datetime64[us]")
    require_same_rows(zone=names, instant=instants)
    known, order = np.array(design.zones), np.argsort(design.zones)
    place = np.minimum(np.searchsorted(known, names, sorter=order), known.size - 1)
    zone_index = np.where(known[order[place]] == names, order[place], -1)
    minutes = _minutes(design, instants)
    is_within = (minutes >= 0) & (minutes < design.windows * design.window_minutes)
    window_index = np.where(is_within, np.where(is_within, minutes, 0) // design.window_minutes, -1).astype(np.int64)
    is_placed = (zone_index >= 0) & is_within
    return np.where(is_placed, zone_index, -1), np.where(is_placed, window_index, -1)


def after_burn_in(design: SwitchbackDesign, arms: ArmArray, zone: ArrayLike, instant: ArrayLike, minutes: float) -> BoolArray:
    """Whether each row comes at least so many minutes after the last switch of its zone.

    A switch is a change of the arm either way, and the start of the experiment; so both arms lose the same stretch after each
    one, and a window that goes on with the arm of the one before loses nothing.

    Args:
        design: With the zones and windows.
        arms: (zones, windows) schedule.
        zone: (n,) as for `locate`.
        instant: (n,) as for `locate`.
        minutes: Length of the burn-in; 0 keeps every row within the schedule.

    Returns:
        (n,); false for a row outside the design.

    Raises:
        RowsMismatch: The arrays differ in shape, or `arms` does not have the design's.
    """
    _require_shape(design, arms)
    zone_index, window_index = locate(design, zone, instant)
    since = _minutes(design, np.asarray(instant, dtype="datetime64[us]")) - window_index * design.window_minutes
    kept: BoolArray = (zone_index >= 0) & (since >= burn_in(design, arms, minutes)[zone_index, window_index])
    return kept


def burn_in(design: SwitchbackDesign, arms: ArmArray, minutes: float) -> FloatArray:
    """Minutes at the start of each window that lie within the burn-in of `after_burn_in`, (zones, windows); at most the window's length.

    Raises:
        RowsMismatch: `arms` does not have the design's shape.
    """
    _require_shape(design, arms)
    window = np.arange(design.windows)
    is_switch = np.diff(arms, axis=1, prepend=2) != 0
    switched = np.maximum.accumulate(np.where(is_switch, window, 0), axis=1)
    return np.asarray(np.clip(minutes - (window - switched) * design.window_minutes, 0, design.window_minutes), dtype=np.float64)


def window_sums(design: SwitchbackDesign, values: ArrayLike, zone: ArrayLike, instant: ArrayLike) -> FloatArray:
    """Sum of the rows' values in each zone and window, (zones, windows); NaN where a window has no row.

    Rows outside the design are left out.

    Raises:
        RowsMismatch: The arrays differ in shape.
    """
    amounts = np.asarray(values, dtype=np.float64)
    zone_index, window_index = locate(design, zone, instant)
    require_same_rows(values=amounts, zone=zone_index)
    is_placed = zone_index >= 0
    cell = (zone_index * design.windows + window_index)[is_placed]
    size = math.prod(design.shape)
    rows = np.bincount(cell, minlength=size)
    return np.where(rows > 0, np.bincount(cell, amounts[is_placed], minlength=size), np.nan).reshape(design.shape)


def violations(design: SwitchbackDesign, arms: ArmArray, realised: ArrayLike, zone: ArrayLike, instant: ArrayLike) -> float:
    """Share of the rows within the design whose realised arm is not the scheduled one; NaN where no row is within it.

    Args:
        design: With the zones and windows.
        arms: (zones, windows) schedule.
        realised: (n,) arm that each row met, 0 or 1.
        zone: (n,) as for `locate`.
        instant: (n,) as for `locate`.

    Raises:
        RowsMismatch: The arrays differ in shape, or `arms` does not have the design's.
    """
    _require_shape(design, arms)
    met = np.asarray(realised)
    zone_index, window_index = locate(design, zone, instant)
    require_same_rows(realised=met, zone=zone_index)
    is_placed = zone_index >= 0
    if not np.any(is_placed):
        return math.nan
    return float(np.mean(met[is_placed] != arms[zone_index[is_placed], window_index[is_placed]]))


def _minutes(design: SwitchbackDesign, instants: NDArray[np.datetime64]) -> FloatArray:
    """Minutes since the start of the first window; NaN for NaT."""
    start = np.datetime64(design.start.replace(tzinfo=None), "us")
    minutes: FloatArray = (instants - start) / _MINUTE
    return minutes


def _require_shape(design: SwitchbackDesign, arms: ArmArray) -> None:
    if arms.shape != design.shape:
        raise RowsMismatch(f"expected arms of the design's shape {design.shape}, found {arms.shape}")
