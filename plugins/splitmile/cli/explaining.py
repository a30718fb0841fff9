"""`splitmile explain`: what a number is made of, in the terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from splitmile.cli.explained_parts import print_heading, print_section
from splitmile.cli.explained_units import print_units
from splitmile.cli.explained_windows import print_windows
from splitmile.cli.pipeline import DATE_FORMATS, Experiments, Metrics, State, settings_of
from splitmile.results.explanations import Explanation, UnitsExplanation, WindowsExplanation

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
    unit: Annotated[
        str | None, typer.Option(help="Id of a unit to follow from its exposure to its value; of a switchback a window, as ZONE/NUMBER.")
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL that dbt ran, not just where it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    experiments: Experiments = None,
    metrics: Metrics = None,
    state: State = None,
) -> None:
    """Show the units or windows, the sums, the rows and the SQL behind a number."""
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


def _print(found: UnitsExplanation | WindowsExplanation, *, with_sql: bool) -> None:
    console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True, width=_WIDTH)
    console.print(f"{found.label} · {found.metric}, {found.role} {found.kind} of {found.experiment_id}, as of {found.as_of_date}")
    day = (found.as_of_date - found.start_date).days + 1
    whose = "window of zones" if isinstance(found, WindowsExplanation) else found.unit_type
    console.print(f"{found.title} · by {whose}, {found.start_date} to {found.end_date}, day {day}")
    print_section(console, "What is counted", found.definition)
    print_section(console, "Measures", (f"{use.part}: {use.name} = sum of {use.expression} over deliveries" for use in found.measures))
    if isinstance(found, WindowsExplanation):
        print_windows(console, found)
    else:
        print_units(console, found)
    print_section(console, "The SQL that dbt ran", (f"{model}: {path}" for model, path in found.compiled.items()))
    if with_sql:
        for model, path in found.compiled.items():
            print_heading(console, model)
            console.print(Path(path).read_text().strip())
    for source, query in found.queries.items():
        print_heading(console, f"The same from {source}, to paste")
        console.print(query)
