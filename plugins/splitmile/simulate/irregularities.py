"""What goes wrong between a city and its feed: rows that come a day late, come twice, come unfinished or come broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitmile.simulate.demo_feed import DELIVERY_INSTANTS, DayFrames

_LATE_DATES = 0.3
_LATE_ROWS = 0.002
_UNFINISHED_ROWS = 0.0015
_REPEATED_ROWS = 0.003
_ROWS_PER_BROKEN_ONE = 2_500


@dataclass(frozen=True, slots=True)
class Received:
    """What lies in one date's partitions.

    Attributes:
        exposures, deliveries: Rows of the date.
        repeated_exposures, repeated_deliveries: Some of them once more.
        late_deliveries: Rows of the day before, new or now finished.
        broken_exposures: Rows as text that break the contract; the broken deliveries are among `deliveries`, typed.
    """

    exposures: pd.DataFrame
    deliveries: pd.DataFrame
    repeated_exposures: pd.DataFrame
    repeated_deliveries: pd.DataFrame
    late_deliveries: pd.DataFrame
    broken_exposures: tuple[dict[str, Any], ...]


def as_received(stream: Callable[[date], np.random.Generator], history: Mapping[date, DayFrames], business_date: date) -> Received:
    """Turn what happened into what is delivered under a date.

    Args:
        stream: Random numbers of a date, from their beginning; a date's late rows are drawn again when the next one is written.
        history: What truly happened.
        business_date: The date.
    """
    rng = stream(business_date)
    truth = history[business_date]
    is_late, is_unfinished = _held_back(rng, truth.deliveries, has_next=business_date + timedelta(days=1) in history)
    deliveries = truth.deliveries[~is_late].copy()
    _unfinish(deliveries, is_unfinished[~is_late])

    day_before = business_date - timedelta(days=1)
    if day_before in history:
        before = history[day_before].deliveries
        was_late, was_unfinished = _held_back(stream(day_before), before, has_next=True)
        late = before[was_late | was_unfinished]
    else:
        late = truth.deliveries.iloc[:0]

    return Received(
        exposures=truth.exposures,
        deliveries=pd.concat([deliveries, _broken_deliveries(truth.deliveries)], ignore_index=True),
        repeated_exposures=_sample(rng, truth.exposures),
        repeated_deliveries=_sample(rng, deliveries),
        late_deliveries=late,
        broken_exposures=_broken_exposures(truth.exposures),
    )


def _held_back(rng: np.random.Generator, deliveries: pd.DataFrame, *, has_next: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows come a day late, and which come unfinished first. Most dates have neither; the last one never has."""
    has_outage = rng.random() < _LATE_DATES and has_next
    draw = rng.random(len(deliveries))
    is_late = has_outage & (draw < _LATE_ROWS)
    is_unfinished = has_outage & ~is_late & (draw < _LATE_ROWS + _UNFINISHED_ROWS) & deliveries["status"].eq("delivered").to_numpy()
    return is_late, is_unfinished


def _unfinish(deliveries: pd.DataFrame, where: NDArray[np.bool_]) -> None:
    deliveries.loc[where, "status"] = "in_progress"
    deliveries.loc[where, "delivered_at"] = pd.NaT


def _sample(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rng.random(len(rows)) < _REPEATED_ROWS]


def _broken_deliveries(deliveries: pd.DataFrame) -> pd.DataFrame:
    """A few rows that a column type allows and the contract does not: no store, an unknown status, no instant of the order."""
    count = len(deliveries) // _ROWS_PER_BROKEN_ONE
    broken = deliveries.iloc[:count].copy()
    broken["delivery_id"] = [f"{identifier}-broken" for identifier in broken["delivery_id"]]
    kind = np.arange(count) % 3
    broken.loc[kind == 0, "store_id"] = None
    broken.loc[kind == 1, "status"] = "teleported"
    broken.loc[kind == 2, "ordered_at"] = pd.NaT
    return broken.astype({column: deliveries[column].dtype for column in DELIVERY_INSTANTS})


def _broken_exposures(exposures: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    if exposures.empty:
        return ()
    first = exposures.iloc[0]
    sound: dict[str, Any] = {str(column): first[column] for column in exposures.columns}
    sound["exposed_at"] = first["exposed_at"].isoformat()
    identifier = sound["exposure_id"]
    return (
        sound | {"exposure_id": f"{identifier}-no-instant", "exposed_at": "this morning"},
        sound | {"exposure_id": f"{identifier}-no-type", "unit_type": "vehicle"},
    )
