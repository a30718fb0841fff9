"""The commands for switchback experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splitmile.cli.statistics import Alpha, Form, FormatOption

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def design(
    zones: Annotated[str, typer.Option(help="Zones, such as north,south, or a file with one in each line.", show_default=False)],
    start: Annotated[str, typer.Option(help="Start with its time zone, such as 2026-03-02T00:00+09:00.", show_default=False)],
    window: Annotated[int, typer.Option(help="Length of a window in minutes.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON or YAML file to keep the design in.", show_default=False)],
    windows: Annotated[int | None, typer.Option(help="Windows in each zone.")] = None,
    days: Annotated[int | None, typer.Option(help="Days, instead of --windows.")] = None,
    block: Annotated[
        int | None,
        typer.Option(help="Windows in a row that share one draw, 1 if left out; with balanced, over which it is balanced, those of a day."),
    ] = None,
    share: Annotated[float, typer.Option(help="Share of windows in treatment.")] = 0.5,
    mechanism: Annotated[str, typer.Option(help="independent, balanced or minimax.")] = "independent",
    seed: Annotated[int | None, typer.Option(help="Whole number that the schedule is drawn from; a random one if left out.")] = None,
    schedule: Annotated[Path | None, typer.Option("--csv", help="CSV file to write the schedule to as well.")] = None,
) -> None:
    """Draw the schedule of a switchback experiment and keep it, so that it can be drawn again."""
    from splitmile.cli.switchback_readouts import print_design
    from splitmile.stats.switchback_design import SwitchbackDesign
    from splitmile.workbench.schedules import block_of, new_seed, read_zones, windows_of, write_design, write_schedule

    in_each_zone = windows_of(days, windows, window)
    drawn = SwitchbackDesign(
        zones=read_zones(zones),
        start=start,  # type: ignore[arg-type]  # text is brought to an instant, with an error that says what is wrong
        window_minutes=window,
        windows=in_each_zone,
        seed=new_seed() if seed is None else seed,
        mechanism=mechanism,
        treatment_share=share,
        windows_per_block=block_of(mechanism, in_each_zone, window) if block is None else block,
    )
    write_design(drawn, output)
    if schedule is not None:
        write_schedule(drawn, schedule)
    print_design(drawn, output, schedule)


@commands.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet, one row an event or a window.", show_default=False)],
    period: Annotated[str, typer.Option(help="Column of instants, or of the numbers of windows.", show_default=False)],
    treatment: Annotated[str, typer.Option(help="Column of the variants: 0 and 1, or two names.", show_default=False)],
    outcome: Annotated[
        list[str], typer.Option(help="NAME=COL for a mean or NAME=NUM/DEN for a ratio; may come more than once.", show_default=False)
    ],
    zone: Annotated[str | None, typer.Option(help="Column of the zones.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of what was assigned independently, where the design does not say.")] = None,
    control: Annotated[str | None, typer.Option(help="The control, where the names do not say it.")] = None,
    carryover: Annotated[int, typer.Option(help="Windows that an assignment still acts on after its own.", min=0)] = 0,
    burn_in: Annotated[float, typer.Option(help="Minutes to leave out after every switch.", min=0)] = 0.0,
    window: Annotated[int | None, typer.Option(help="Length of a window in minutes, without a design.", min=1)] = None,
    design: Annotated[Path | None, typer.Option(help="The design, as `switchback design` has kept it.")] = None,
    draws: Annotated[int, typer.Option(help="Schedules to draw for the randomisation test.", min=1)] = 2000,
    seed: Annotated[int, typer.Option(help="Of these draws.", min=0)] = 1,
    alpha: Alpha = 0.05,
    form: FormatOption = Form.table,
) -> None:
    """Compare the variants of a switchback experiment in a CSV or Parquet file."""
    from splitmile.cli.switchback_readouts import print_switchback
    from splitmile.results.codec import to_json
    from splitmile.workbench.questions import read_outcome
    from splitmile.workbench.schedules import read_design
    from splitmile.workbench.switchback import SwitchbackQuestion, analyze_switchback

    question = SwitchbackQuestion(
        period=period,
        treatment=treatment,
        outcomes=tuple(read_outcome(text) for text in outcome),
        zone=zone,
        cluster=cluster,
        control=control,
        order=carryover,
        burn_in_minutes=burn_in,
        window_minutes=window,
        design=None if design is None else read_design(design),
        draws=draws,
        seed=seed,
        alpha=alpha,
    )
    readout = analyze_switchback(file, question)
    if form is Form.json:
        typer.echo(to_json(readout, indent=2))
    else:
        print_switchback(readout)
