"""What a benchmark has found: one number with its name, what it is compared with, and the goal that it has to meet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure's ratio, or its peak memory, should be.

    Attributes:
        bound: At least or at most.
        value: At full scale.
        small: At small scale; none where the small scale says nothing of it.
        of: Which field of the figure.
    """

    bound: Literal["≥", "≤"]
    value: float
    small: float | None = None
    of: Literal["ratio", "peak_mb", "per_second", "seconds"] = "ratio"

    def at(self, scale: str) -> float | None:
        """Of a scale."""
        return self.value if scale == "full" else self.small

    def is_met(self, figure: Figure, scale: str) -> bool | None:
        """Whether a figure meets it; none where there is no goal or no number."""
        reached, wanted = getattr(figure, self.of), self.at(scale)
        if reached is None or wanted is None:
            return None
        return bool(reached >= wanted if self.bound == "≥" else reached <= wanted)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        name: What it is called in docs/performance.md and in the JSON line.
        seconds: Of the work itself, the median of its runs; imports and making the input are not in it.
        per_second: Results a second, where results are counted.
        ratio: How many times faster than a peer, or how many times slower than what it is measured against; in the same run.
        peak_mb: Largest resident memory of a process that did this and nothing else, imports included.
        against_seconds: Of what it is compared with.
    """

    name: str
    seconds: float
    per_second: float | None = None
    ratio: float | None = None
    peak_mb: float | None = None
    against_seconds: float | None = None

    def to_json(self) -> str:
        """One line; what was not measured is left out."""
        return json.dumps({key: _rounded(value) for key, value in asdict(self).items() if value is not None})


def faster(name: str, seconds: float, against_seconds: float) -> Figure:
    """How many times faster than a peer."""
    return Figure(name, seconds, ratio=against_seconds / seconds, against_seconds=against_seconds)


def slower(name: str, seconds: float, against_seconds: float) -> Figure:
    """How many times the seconds of what it is measured against."""
    return Figure(name, seconds, ratio=seconds / against_seconds, against_seconds=against_seconds)


def middle_pair(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The pair whose first is longer than its second by the middle ratio, or of an even number by the larger of the middle two."""
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]


def missed(figures: Iterable[Figure], goals: dict[str, Goal], scale: str) -> list[str]:
    """Names of the figures that do not meet their goals."""
    return [figure.name for figure in figures if figure.name in goals and goals[figure.name].is_met(figure, scale) is False]


def _rounded(value: str | float) -> str | float:
    return float(f"{value:.4g}") if isinstance(value, float) else value
