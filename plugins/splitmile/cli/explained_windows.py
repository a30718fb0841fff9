"""`splitmile explain` of a switchback experiment, in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from splitmile.cli.explained_parts import cells, number, print_effects, print_heading, print_section, print_table, shown
from splitmile.results.explanations import WindowsExplanation, WindowTrail, WindowValue


def print_windows(console: Console, found: WindowsExplanation) -> None:
    """Counts, sums, the strongest windows, and the trail of one."""
    print_heading(console, "Windows")
    print_table(console, ("variant", "scheduled", "not over", "without denominator", "counted"), map(cells, found.counts))
    print_effects(console, found, (f"{row.variant}: {row.formula} = {number(row.value)}" for row in found.sums))
    if found.sample:
        print_heading(console, "The windows that pull most (marts.switchback_window_days)")
        _print_values(console, found.sample)
    if found.trail is not None:
        _print_trail(console, found.trail)


def _print_values(console: Console, windows: Iterable[WindowValue]) -> None:
    print_table(
        console,
        ("variant", "window", "starts at, UTC", "numerator", "denominator", "contribution"),
        (
            (
                window.variant,
                f"{window.zone_id}/{window.window_number}",
                str(window.starts_at),
                f"{window.numerator:,}",
                number(window.denominator),
                number(window.contribution),
            )
            for window in windows
        ),
        texts=3,
    )


def _print_trail(console: Console, trail: WindowTrail) -> None:
    value = trail.value
    lines = [f"{value.variant} by the schedule, from {value.starts_at} to {value.ends_at} UTC"]
    if value.counts_from > value.starts_at:
        lines.append(f"burn-in until {value.counts_from} UTC")
    lines += (
        f"exposed at {each.exposed_at} UTC to {each.variant}{'' if each.as_scheduled else ', against the schedule'}"
        for each in trail.exposures
    )
    print_section(console, f"Window {value.zone_id}/{value.window_number}", lines)
    if trail.deliveries:
        print_heading(console, "Its deliveries (intermediate.int_deliveries_timed)")
        rows = [
            (each.delivery_id, str(each.ordered_at), "counts" if each.is_counted else "burn-in", *shown(each.values))
            for each in trail.deliveries
        ]
        print_table(console, ("delivery", "ordered at", "", *trail.deliveries[0].values), rows, texts=3)
    lines = [
        f"{each.measure}: switchback_window_days {each.total:,}; deliveries after the burn-in {each.of_deliveries:,}: "
        f"{'adds up' if each.adds_up else 'DOES NOT ADD UP'}"
        for each in trail.sums
    ]
    print_section(console, "Its sums", lines)
    _print_values(console, [value])
