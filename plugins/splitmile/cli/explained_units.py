"""`splitmile explain` of an experiment whose units keep their variant, in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from splitmile.cli.explained_parts import cells, number, print_effects, print_heading, print_section, print_table, shown
from splitmile.results.explanations import UnitsExplanation, UnitTrail, UnitValue


def print_units(console: Console, found: UnitsExplanation) -> None:
    """Counts, moments, the strongest units, and the trail of one."""
    print_heading(console, "Units")
    print_table(
        console, ("variant", "assigned", "excluded", "not activated", "contaminated", "window open", "counted"), map(cells, found.counts)
    )
    if found.moments:
        _print_moments(console, found)
    if found.sample:
        print_heading(console, "The units that pull most (marts.experiment_unit_metrics)")
        _print_values(console, found.sample)
    if found.trail is not None:
        _print_trail(console, found.trail)


def _print_moments(console: Console, found: UnitsExplanation) -> None:
    print_heading(console, "Moments (marts.experiment_moments)")
    names = list(found.moments[0].sums)
    print_table(
        console,
        ("", *(row.variant for row in found.moments)),
        [
            ["units", *(f"{row.units:,}" for row in found.moments)],
            *([name, *(f"{row.sums[name]:,}" for row in found.moments)] for name in names if any(row.sums[name] for row in found.moments)),
        ],
    )
    lines = [f"{row.variant}: {row.formula} = {number(row.value)}, standard error {number(row.standard_error)}" for row in found.moments]
    print_effects(console, found, lines)


def _print_values(console: Console, units: Iterable[UnitValue]) -> None:
    headings = ("variant", "unit", "numerator", "denominator", "numerator before", "denominator before", "contribution")
    print_table(
        console,
        headings,
        (
            (
                unit.variant,
                unit.unit_id,
                *(f"{part:,}" for part in (unit.numerator, unit.denominator, unit.covariate_numerator, unit.covariate_denominator)),
                number(unit.contribution),
            )
            for unit in units
        ),
        texts=2,
    )


def _print_trail(console: Console, trail: UnitTrail) -> None:
    lines = [f"assigned to {trail.variant} at {trail.assigned_at} UTC"]
    counts_from = f"at {trail.first_exposed_at} UTC, business date {trail.exposure_date}" if trail.exposure_date else "not yet"
    lines.append(f"counts from: {counts_from}")
    if trail.segments:
        lines.append(f"segments: {', '.join(trail.segments)}")
    if trail.is_excluded:
        lines.append("excluded by a list of units")
    if trail.contamination_date:
        lines.append(f"seen in another variant: from {trail.contamination_date} on it does not count")
    print_section(console, f"Unit {trail.unit_id}", lines)
    if trail.deliveries:
        print_heading(console, "Its deliveries of the exposure day (intermediate.int_deliveries_timed)")
        names = list(trail.deliveries[0].values)
        rows = [
            (each.delivery_id, str(each.ordered_at), "counts" if each.is_counted else "before the exposure", *shown(each.values))
            for each in trail.deliveries
        ]
        print_table(console, ("delivery", "ordered at", "", *names), rows, texts=3)
    if trail.days:
        print_heading(console, "Its days (marts.unit_days)")
        print_table(
            console,
            ("business date", "", *trail.days[0].values),
            [(str(each.business_date), each.place, *shown(each.values)) for each in trail.days],
            texts=2,
        )
    lines = []
    for each in trail.sums:
        by_days = f"exposure day {each.exposure_day:,} + later days {each.later_days:,} = {each.exposure_day + each.later_days:,}"
        total = "all days" if each.total is None else f"running sum {each.total:,}"
        lines.append(f"{each.measure}: {total} − base {each.base:,}; {by_days}: {'adds up' if each.adds_up else 'DOES NOT ADD UP'}")
    if trail.value is None:
        lines.append("it has no value in this metric as of the date")
    print_section(console, "Since its exposure", lines)
    if trail.value is not None:
        _print_values(console, [trail.value])
