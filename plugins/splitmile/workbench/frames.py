"""Rows of a switchback experiment to its zones and windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_rows import locate
from splitmile.workbench.columns import Columns
from splitmile.workbench.refusals import FileInvalid, OptionInvalid, suggestion

ONE_ZONE = "all zones"

_MINUTE = np.timedelta64(60_000_000, "us")
_NOTHING = np.timedelta64(0, "us")
_LONGEST = np.timedelta64(2**62, "us")
_MOST_WINDOWS = 1_000_000

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where each row lies; arrays of shape (rows,).

    Attributes:
        design: The one given, or the one assumed: a fair coin for each zone and window.
        is_given: Which of the two.
        zone, window: Indices in the design; −1 where the row lies outside.
        zone_names: Of each row, for what asks by name.
        instants: `None` where windows are numbered.
        hours: Hour of the day of each window, shape (windows,); all 0 where nobody knows.
    """

    design: SwitchbackDesign
    is_given: bool
    zone: IntArray
    window: IntArray
    zone_names: NDArray[np.str_]
    instants: NDArray[np.datetime64] | None
    hours: IntArray


def frame_rows(columns: Columns, *, zone: str | None, period: str, design: SwitchbackDesign | None, window_minutes: int | None) -> Frame:
    """Place every row in its zone and window.

    Args:
        columns: The file.
        zone: Column of the zones; `None` where there is one.
        period: Column of instants or numbers of windows, those of a design from 0 up.
        design: `None` where it is not known.
        window_minutes: Length of a window, where the period is an instant and there is no design.

    Raises:
        OptionInvalid: The zones are not the design's, or the length of a window is missing or superfluous.
        FileInvalid: No row has a zone and a period, or there are too many windows.
    """
    periods: NDArray[Any] = columns.periods[period]
    names, codes = _zones(columns, zone, design)
    is_placed = codes >= 0
    instants = periods if np.issubdtype(periods.dtype, np.datetime64) else None
    if instants is not None:
        is_placed &= ~np.isnat(instants)
    if not is_placed.any():
        raise FileInvalid(f"{columns.name}: no row has a zone and a period; nothing can be computed from it")
    if design is not None and window_minutes is not None:
        raise OptionInvalid("--window is given beside --design, which has the length of its windows; leave it out")
    known = design or _assumed(columns.name, period, names, periods[is_placed], window_minutes)
    zone_names = np.array([*names, ""])[codes]
    if instants is not None:
        zone_index, window = locate(known, zone_names, instants)
        hours = known.hours()
    else:
        first = 0 if design is not None else int(periods[is_placed].min())
        window = periods.astype(np.int64) - first
        place = {name: index for index, name in enumerate(known.zones)}
        zone_index = np.array([*(place.get(name, -1) for name in names), -1], dtype=np.int64)[codes]
        is_within = (window >= 0) & (window < known.windows) & (zone_index >= 0)
        zone_index, window = np.where(is_within, zone_index, -1), np.where(is_within, window, -1)
        hours = known.hours() if design is not None else np.zeros(known.windows, dtype=np.int64)
    return Frame(known, design is not None, zone_index, window, zone_names, instants, hours)


def _zones(columns: Columns, zone: str | None, design: SwitchbackDesign | None) -> tuple[tuple[str, ...], IntArray]:
    """Names of zones and each row's; −1 where it has none."""
    if zone is None:
        if design is not None and len(design.zones) > 1:
            raise OptionInvalid(f"the design has {len(design.zones)} zones; name their column with --zone")
        return (ONE_ZONE if design is None else design.zones[0],), np.zeros(columns.rows, dtype=np.int64)
    labels = columns.labels[zone]
    if design is not None and not set(labels.names) & set(design.zones):
        found = labels.names[0] if labels.names else ""
        raise OptionInvalid(f"{columns.name}: column {zone!r} has none of the design's zones; {suggestion(found, design.zones, 'zone')}")
    return labels.names, labels.codes


def _assumed(name: str, period: str, zones: tuple[str, ...], periods: NDArray[Any], window_minutes: int | None) -> SwitchbackDesign:
    """A fair coin for each zone and window, over the time that the rows span."""
    start, minutes = datetime(1970, 1, 1, tzinfo=UTC), 60
    if np.issubdtype(periods.dtype, np.datetime64):
        minutes = window_minutes or _regular_minutes(name, period, periods)
        first = periods.min()
        midnight = first.astype("datetime64[D]").astype("datetime64[us]")
        begin = midnight + (first - midnight) // (minutes * _MINUTE) * (minutes * _MINUTE)
        start = begin.astype("datetime64[us]").item().replace(tzinfo=UTC)
        windows = int((periods.max() - begin) // (minutes * _MINUTE)) + 1
    else:
        if window_minutes is not None:
            raise OptionInvalid(f"--window is given, and column {period!r} holds numbers of windows, not instants; leave it out")
        windows = int(periods.max()) - int(periods.min()) + 1
    if windows > _MOST_WINDOWS:
        raise FileInvalid(f"{name}: column {period!r} spans {windows:,} windows; {_MOST_WINDOWS:,} are the most, so check its values")
    return SwitchbackDesign(zones, start, minutes, windows, seed=0)


def _regular_minutes(name: str, period: str, instants: NDArray[np.datetime64]) -> int:
    """The length of windows whose starts are the instants."""
    distinct = np.unique(instants)
    length = min(np.diff(distinct), default=_LONGEST)
    is_regular = length % _MINUTE == _NOTHING and not np.any((distinct - distinct[0]) % length)
    # Events at full minutes are regular too, but leave most minutes empty.
    if distinct.size > 1 and is_regular and 2 * distinct.size > (distinct[-1] - distinct[0]) // length:
        return int(length // _MINUTE)
    raise OptionInvalid(
        f"{name}: column {period!r} holds instants that are no starts of equal windows; give --design, or --window with their minutes"
    )
