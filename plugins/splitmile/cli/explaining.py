"""`splitmile explain`: what a number is made of, in the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from splitmile.cli.pipeline import DATE_FORMATS, Experiments, Metrics, State, settings_of
from splitmile.results.explanations import Explanation, UnitTrail, UnitValue

commands = typer.Typer()

_WIDTH = 160
"""Sums have twenty digits; a narrower terminal wraps lines rather than cut them off."""


@commands.command()
def explain(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")],
    metric: Annotated[str, typer.Argument(help="One of its metrics.")],
    business_date: Annotated[
        datetime | None, typer.Option("--date", formats=DATE_FORMATS, help="As of this date; the newest if left out.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Id of a unit to follow from its exposure to its value.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL that dbt ran, not just where it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    experiments: Experiments = None,
    metrics: Metrics = None,
    state: State = None,
) -> None:
    """Show the units, the sums, the rows and the SQL behind a number."""
    from splitmile.analysis.explain import explain as find_out
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.transform import read_registry
    from splitmile.transform.measures import read_expressions

    settings = settings_of(experiments, metrics, state)
    registry, expressions = read_registry(settings), read_expressions(settings)
    day = business_date.date() if business_date else None
    with open_warehouse(settings, "explain") as warehouse:
        found = find_out(warehouse, settings, registry, expressions, experiment, metric, as_of=day, unit_id=unit)
    if as_json:
        typer.echo(json.dumps(_document(found, with_sql=sql), indent=2, default=_plain))
    else:
        _print(found, with_sql=sql)


def _document(found: Explanation, *, with_sql: bool) -> dict[str, Any]:
    document = asdict(found)
    if with_sql:
        document["compiled_sql"] = {model: Path(path).read_text() for model, path in found.compiled.items()}
    return document


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _print(found: Explanation, *, with_sql: bool) -> None:
    console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True, width=_WIDTH)
    console.print(f"{found.label} · {found.metric}, {found.role} {found.kind} of {found.experiment_id}, as of {found.as_of_date}")
    day = (found.as_of_date - found.start_date).days + 1
    console.print(f"{found.title} · by {found.unit_type}, {found.start_date} to {found.end_date}, day {day}")
    _section(console, "What is counted", found.definition)
    _section(console, "Measures", (f"{use.part}: {use.name} = sum of {use.expression} over deliveries" for use in found.measures))
    _heading(console, "Units")
    _table(
        console, ("variant", "assigned", "excluded", "not activated", "contaminated", "window open", "counted"), map(_cells, found.counts)
    )
    if found.moments:
        _print_moments(console, found)
    if found.sample:
        _heading(console, "The units that pull most (marts.experiment_unit_metrics)")
        _print_values(console, found.sample)
    if found.trail is not None:
        _print_trail(console, found.trail)
    _section(console, "The SQL that dbt ran", (f"{model}: {path}" for model, path in found.compiled.items()))
    if with_sql:
        for model, path in found.compiled.items():
            _heading(console, model)
            console.print(Path(path).read_text().strip())
    for source, query in found.queries.items():
        _heading(console, f"The same from {source}, to paste")
        console.print(query)


def _print_moments(console: Console, found: Explanation) -> None:
    _heading(console, "Moments (marts.experiment_moments)")
    names = list(found.moments[0].sums)
    _table(
        console,
        ("", *(row.variant for row in found.moments)),
        [
            ["units", *(f"{row.units:,}" for row in found.moments)],
            *([name, *(f"{row.sums[name]:,}" for row in found.moments)] for name in names if any(row.sums[name] for row in found.moments)),
        ],
    )
    lines = [f"{row.variant}: {row.formula} = {_number(row.value)}, standard error {_number(row.standard_error)}" for row in found.moments]
    for effect in found.effects:
        lines.append(f"{effect.treatment} less the control: {_number(effect.difference)}")
        if effect.method is not None:
            # Only an adjusted estimate may differ from the difference above it.
            adjusted = (
                "" if effect.theta is None else f", θ = {effect.theta:.6g}, {effect.variance_removed or 0:.1%} of the variance removed"
            )
            relative = "" if effect.relative_estimate is None else f" ({effect.relative_estimate:+.4%})"
            error = _number(effect.absolute_standard_error)
            lines.append(f"  published by {effect.method}: {_number(effect.absolute_estimate)}{relative}, standard error {error}{adjusted}")
    if found.is_reproduced is False:
        lines.append("unit_days gives other sums now: its rows have changed since; `splitmile run --date` of the date restates them")
    _section(console, "Estimate", lines)


def _print_values(console: Console, units: Iterable[UnitValue]) -> None:
    headings = ("variant", "unit", "numerator", "denominator", "numerator before", "denominator before", "contribution")
    _table(
        console,
        headings,
        (
            (
                unit.variant,
                unit.unit_id,
                *(f"{part:,}" for part in (unit.numerator, unit.denominator, unit.covariate_numerator, unit.covariate_denominator)),
                _number(unit.contribution),
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
    _section(console, f"Unit {trail.unit_id}", lines)
    if trail.deliveries:
        _heading(console, "Its deliveries of the exposure day (intermediate.int_deliveries_timed)")
        names = list(trail.deliveries[0].values)
        rows = [
            (each.delivery_id, str(each.ordered_at), "counts" if each.is_counted else "before the exposure", *_values(each.values))
            for each in trail.deliveries
        ]
        _table(console, ("delivery", "ordered at", "", *names), rows, texts=3)
    if trail.days:
        _heading(console, "Its days (marts.unit_days)")
        _table(
            console,
            ("business date", "", *trail.days[0].values),
            [(str(each.business_date), each.place, *_values(each.values)) for each in trail.days],
            texts=2,
        )
    lines = []
    for each in trail.sums:
        by_days = f"exposure day {each.exposure_day:,} + later days {each.later_days:,} = {each.exposure_day + each.later_days:,}"
        total = "all days" if each.total is None else f"running sum {each.total:,}"
        lines.append(f"{each.measure}: {total} − base {each.base:,}; {by_days}: {'adds up' if each.adds_up else 'DOES NOT ADD UP'}")
    if trail.value is None:
        lines.append("it has no value in this metric as of the date")
    _section(console, "Since its exposure", lines)
    if trail.value is not None:
        _print_values(console, [trail.value])


def _section(console: Console, heading: str, lines: Iterable[str]) -> None:
    _heading(console, heading)
    for line in lines:
        console.print(f"  {line}")


def _heading(console: Console, heading: str) -> None:
    console.print(f"\n{heading}", style="bold")


def _table(console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at < texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _cells(counts: Any) -> list[str]:
    variant, *numbers = asdict(counts).values()
    return [variant, *(f"{number:,}" for number in numbers)]


def _values(values: Mapping[str, int | None]) -> list[str]:
    return ["" if value is None else f"{value:,}" for value in values.values()]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.1f}"
