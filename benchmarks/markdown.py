"""Numbers and tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float) -> str:
    """Three digits, or a whole number below ten thousand."""
    return _digits(value) if value < 10_000 else _scaled(value, ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k")))


def bytes_text(value: float) -> str:
    """In powers of a thousand."""
    return _scaled(value, ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1, "B")))


def duration(seconds: float) -> str:
    """In seconds, minutes or hours."""
    return _scaled(seconds, ((3600, "h"), (60, "min"), (1, "s")))


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    for size, unit in units:
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value)} {units[-1][1]}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
