"""The design of a switchback experiment: which zone gets which arm in which window, drawn so that it can be drawn again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from splitmile.errors import StatisticsError
from splitmile.stats.inputs import FloatArray, IntArray, counts

MECHANISMS = ("independent", "balanced", "minimax")
ArmArray = NDArray[np.int8]


class SwitchbackDesignInvalid(StatisticsError):
    """A field of a switchback design has a value that no schedule can be drawn from."""

    def __init__(self, field: str, found: object, expected: str) -> None:
        """Name the field, what it holds and what it should."""
        super().__init__(f"switchback design, {field}: found {found!r}, expected {expected}")
        self.field = field


class ScheduleRow(NamedTuple):
    """One zone in one window: `start` and `end` (excluded) in UTC; `variant` 0 is control, 1 treatment."""

    zone: str
    start: datetime
    end: datetime
    variant: int


@dataclass(frozen=True, slots=True, eq=False)
class DesignBalance:
    """Share of windows in treatment.

    Attributes:
        share: Of all.
        by_zone: (zones,).
        by_hour: (24,) by the UTC hour in which a window starts; NaN where none does.
    """

    share: float
    by_zone: FloatArray
    by_hour: FloatArray


@dataclass(frozen=True, slots=True)
class SwitchbackDesign:
    """All that a schedule is drawn from; two equal designs have the same schedule.

    Mechanisms, each drawing every zone by itself:

    - `independent`: each block of consecutive windows gets treatment with probability `treatment_share`.
    - `balanced`: in each block of consecutive windows exactly `treatment_share` of the windows, at random places, get
      treatment.
    - `minimax`: as `independent` at share 0.5, the first and the last block twice as long. Among designs for a carry-over of
      `windows_per_block` windows it has the least variance in the worst case.

    The schedule is drawn from numpy's PCG64 bit generator seeded with `seed`, one uniform double a block (`balanced`: a
    window) in the order of zone and time. A block is treated where its double is below the share; in a balanced block
    the windows with the smallest doubles are.

    Attributes:
        zones: Names, each once.
        start: Start of the first window, with a time zone; kept in UTC.
        window_minutes: Length of a window.
        windows: Windows in each zone.
        seed: Whole number ≥ 0.
        mechanism: See above.
        treatment_share: Strictly between 0 and 1.
        windows_per_block: Windows that share one draw; `windows` is a multiple of it.

    Raises:
        SwitchbackDesignInvalid: A field has a value that no schedule can be drawn from.

    Source:
        Bojinov, I., Simchi-Levi, D. & Zhao, J. (2023), Design and analysis of switchback experiments, Management Science
        69, 3759-3777 (arXiv 2009.00148), theorem 2 for `minimax`.

    Example:
        >>> design = SwitchbackDesign(("Mapo",), "2024-05-01T00:00:00Z", 60, 8, seed=7, mechanism="balanced", windows_per_block=4)
        >>> design.draw().tolist(), design.assignment_at("Mapo", datetime(2024, 5, 1, 2, 30, tzinfo=UTC))
        ([[1, 0, 0, 1, 1, 0, 1, 0]], 0)
    """

    zones: tuple[str, ...]
    start: datetime
    window_minutes: int
    windows: int
    seed: int
    mechanism: str = "independent"
    treatment_share: float = 0.5
    windows_per_block: int = 1

    def __post_init__(self) -> None:
        """Bring the start to UTC and refuse what cannot be drawn."""
        zones = self.zones
        is_list = isinstance(zones, Sequence) and not isinstance(zones, str) and all(isinstance(z, str) and z for z in zones)
        if not is_list or not zones or len(set(zones)) != len(zones):
            raise SwitchbackDesignInvalid("zones", zones, "a list of names, each once")
        object.__setattr__(self, "zones", tuple(zones))
        object.__setattr__(self, "start", _instant(self.start))
        for name, least in (("window_minutes", 1), ("windows", 1), ("seed", 0), ("windows_per_block", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SwitchbackDesignInvalid(name, value, f"a whole number from {least} up")
        if self.mechanism not in MECHANISMS:
            raise SwitchbackDesignInvalid("mechanism", self.mechanism, f"one of {', '.join(MECHANISMS)}")
        share = self.treatment_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise SwitchbackDesignInvalid("treatment_share", share, "a share strictly between 0 and 1")
        if self.windows % self.windows_per_block:
            raise SwitchbackDesignInvalid("windows", self.windows, f"a multiple of windows_per_block ({self.windows_per_block})")
        treated = share * self.windows_per_block
        if self.mechanism == "balanced" and abs(treated - round(treated)) > 1e-9:
            expected = f"a share that makes whole windows of treatment in a block of {self.windows_per_block}"
            raise SwitchbackDesignInvalid("treatment_share", share, expected)
        if self.mechanism == "minimax" and share != 0.5:
            raise SwitchbackDesignInvalid("treatment_share", share, "0.5 with the minimax mechanism")
        if self.mechanism == "minimax" and self.windows < 4 * self.windows_per_block:
            raise SwitchbackDesignInvalid("windows", self.windows, "at least four blocks with the minimax mechanism")

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The design of a stored document, as `to_dict` makes it; fields that have a default may be left out.

        Raises:
            SwitchbackDesignInvalid: A field is unknown, missing, or has a value that no schedule can be drawn from.
        """
        names = [field.name for field in fields(cls)]
        for name in document:
            if name not in names:
                raise SwitchbackDesignInvalid(str(name), document[name], f"no such field; the fields are {', '.join(names)}")
        for name in names[:5]:
            if name not in document:
                raise SwitchbackDesignInvalid(name, None, "a value, the field is missing")
        return cls(**document)

    def to_dict(self) -> dict[str, Any]:
        """The design as JSON values, the start as ISO 8601 text in UTC."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"zones": list(self.zones), "start": self.start.isoformat().replace("+00:00", "Z")}

    @property
    def shape(self) -> tuple[int, int]:
        """Zones and windows."""
        return len(self.zones), self.windows

    @property
    def treated_per_block(self) -> int:
        """Windows of treatment in a balanced block."""
        return round(self.treatment_share * self.windows_per_block)

    def blocks(self) -> IntArray:
        """(windows,) index of the block that a window lies in."""
        block = np.arange(self.windows) // self.windows_per_block
        return np.asarray(np.clip(block - 1, 0, int(block[-1]) - 2) if self.mechanism == "minimax" else block, dtype=np.int64)

    def independent_units(self) -> IntArray:
        """(zones, windows) label of what was drawn independently: each block of each zone."""
        block = self.blocks()
        return np.asarray(np.arange(len(self.zones))[:, None] * (int(block[-1]) + 1) + block, dtype=np.int64)

    def draw(self) -> ArmArray:
        """(zones, windows) arm of each window: 0 control, 1 treatment."""
        arms: ArmArray = self._drawn(np.random.Generator(np.random.PCG64(self.seed)), 1)[0]
        return arms

    def redraw(self, draws: int, seed: int) -> ArmArray:
        """(draws, zones, windows) schedules that could have been drawn as well, in a stream apart from that of `draw`.

        Raises:
            CountsInvalid: `draws` is no number of draws.
        """
        return np.concatenate(list(self.redraws(draws, seed, at_once=draws)))

    def redraws(self, draws: int, seed: int, *, at_once: int) -> Iterator[ArmArray]:
        """The same schedules as `redraw`, some at a time: (≤ at_once, zones, windows).

        Raises:
            CountsInvalid: `draws` is no number of draws.
        """
        left = int(counts("draws", draws, least=1))
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1,))))
        while left > 0:
            yield self._drawn(rng, min(left, at_once))
            left -= at_once

    def schedule(self) -> Iterator[ScheduleRow]:
        """Every zone and window, in the order of zone and time."""
        length = timedelta(minutes=self.window_minutes)
        for zone, arms in zip(self.zones, self.draw().tolist(), strict=True):
            for window, arm in enumerate(arms):
                yield ScheduleRow(zone, self.start + window * length, self.start + (window + 1) * length, arm)

    def assignment_at(self, zone: str, instant: datetime) -> int:
        """The arm of a zone at an instant: 0 control, 1 treatment.

        Raises:
            SwitchbackDesignInvalid: The zone is not in the design, or the instant is outside the schedule.
        """
        if zone not in self.zones:
            raise SwitchbackDesignInvalid("zones", zone, f"one of {', '.join(self.zones)}")
        window = (_instant(instant) - self.start) // timedelta(minutes=self.window_minutes)
        if not 0 <= window < self.windows:
            end = self.start + self.windows * timedelta(minutes=self.window_minutes)
            raise SwitchbackDesignInvalid("start", instant.isoformat(), f"an instant from {self.start} to before {end}")
        return int(self.draw()[self.zones.index(zone), window])

    def hours(self) -> IntArray:
        """(windows,) UTC hour of the day, 0 … 23, in which each window starts."""
        minute = self.start.hour * 60 + self.start.minute + np.arange(self.windows) * self.window_minutes
        return minute // 60 % 24

    def balance(self) -> DesignBalance:
        """How evenly the drawn schedule splits zones and hours."""
        arms, hour = self.draw(), self.hours()
        windows = np.bincount(hour, minlength=24)
        treated = np.bincount(hour, arms.mean(axis=0), minlength=24)
        by_hour = np.divide(treated, windows, out=np.full(24, math.nan), where=windows > 0)
        return DesignBalance(float(arms.mean()), arms.mean(axis=1), by_hour)

    def _drawn(self, rng: np.random.Generator, draws: int) -> ArmArray:
        zones, windows = self.shape
        if self.mechanism == "balanced":
            doubles = rng.random((draws, zones, windows // self.windows_per_block, self.windows_per_block))
            treated = np.argsort(doubles, axis=-1)[..., : self.treated_per_block]
            arms = np.zeros(doubles.shape, dtype=np.int8)
            np.put_along_axis(arms, treated, np.int8(1), axis=-1)
            return arms.reshape(draws, zones, windows)
        block = self.blocks()
        is_treated = rng.random((draws, zones, int(block[-1]) + 1)) < self.treatment_share
        return is_treated.astype(np.int8)[..., block]


def _instant(value: object) -> datetime:
    """An instant in UTC, from a datetime or ISO 8601 text with an offset."""
    expected = "an instant with a time zone, such as 2024-05-01T00:00:00Z"
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise SwitchbackDesignInvalid("start", value, expected) from error
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise SwitchbackDesignInvalid("start", value, expected)
    return instant.astimezone(UTC)
