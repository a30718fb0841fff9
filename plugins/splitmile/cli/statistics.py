"""The commands that answer a file or a few numbers, without a pipeline."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer()


class Form(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"


FormatOption = Annotated[Form, typer.Option("--format", help="A table for readers, or JSON.")]
Alpha = Annotated[float, typer.Option("--alpha", help="Two-sided level of tests and intervals.")]


@commands.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="CSV (also .csv.gz) or Parquet, one row a unit or many.", show_default=False)],
    variant: Annotated[str, typer.Option(help="Column of the variants.", show_default=False)],
    control: Annotated[str, typer.Option(help="The variant that the others are compared with.", show_default=False)],
    metric: Annotated[
        list[str],
        typer.Option(
            help="NAME=mean(COL), NAME=proportion(COL), NAME=ratio(NUM,DEN) or NAME=quantile(COL,0.9); may come more than once.",
            show_default=False,
        ),
    ],
    unit: Annotated[str | None, typer.Option(help="Column of the units; without it each row is one.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of what was randomised, where that is above the unit.")] = None,
    shares: Annotated[str | None, typer.Option(help="Planned shares, such as a=0.5,b=0.5; equal ones if left out.")] = None,
    covariate: Annotated[
        list[str] | None, typer.Option(help="NAME=COL, or NAME=NUM,DEN: what a metric's units were like before exposure.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Column of the units' segments.")] = None,
    alpha: Alpha = 0.05,
    sequential: Annotated[
        int | None, typer.Option("--sequential", metavar="N_PLANNED", help="Planned units in all, for answers that hold at every look.")
    ] = None,
    form: FormatOption = Form.table,
) -> None:
    """Compare the variants of an experiment in a CSV or Parquet file."""
    from splitmile.cli.readouts import print_readout
    from splitmile.results.codec import to_json
    from splitmile.workbench.analyze import analyze_file
    from splitmile.workbench.questions import Question, read_metric, read_shares, with_covariates

    metrics = with_covariates([read_metric(text) for text in metric], covariate or [])
    question = Question(
        variant=variant,
        control=control,
        metrics=metrics,
        unit=unit,
        cluster=cluster,
        segment=segment,
        shares=None if shares is None else read_shares(shares),
        alpha=alpha,
        planned_units=sequential,
    )
    readout = analyze_file(file, question)
    if form is Form.json:
        typer.echo(to_json(readout, indent=2))
    else:
        print_readout(readout)


@commands.command()
def srm(
    count: Annotated[list[int], typer.Argument(help="Units of each variant.", min=0, show_default=False)],
    shares: Annotated[str | None, typer.Option(help="Planned shares in the same order, such as 0.5,0.5; equal ones if left out.")] = None,
    form: FormatOption = Form.table,
) -> None:
    """Test whether variants got the units that they should have (sample ratio mismatch)."""
    from splitmile.cli.readouts import print_split
    from splitmile.results.codec import to_json
    from splitmile.workbench.questions import read_plain_shares
    from splitmile.workbench.splits import check_split

    planned = [1 / len(count)] * len(count) if shares is None else read_plain_shares(shares)
    readout = check_split([f"variant {place}" for place in range(1, len(count) + 1)], count, planned)
    if form is Form.json:
        typer.echo(to_json(readout, indent=2))
    else:
        print_split(readout)


@commands.command()
def calibrate(
    file: Annotated[Path, typer.Argument(help="CSV (also .csv.gz) or Parquet, rows that no treatment has touched.", show_default=False)],
    unit: Annotated[str, typer.Option(help="Column of the units.", show_default=False)],
    value: Annotated[str, typer.Option(help="Column of the number that is measured, one a row.", show_default=False)],
    covariate: Annotated[str | None, typer.Option(help="Column of a number that is known before.")] = None,
    day: Annotated[str | None, typer.Option(help="Column of the day; its first quarter is then the time before.")] = None,
    draws: Annotated[int, typer.Option(help="Random splits of the units.", min=100)] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 20260301,
) -> None:
    """Split the units at random, thousands of times, and count how often every method finds an effect that is not there."""
    from rich.console import Console

    from splitmile.calibration import calibrate as count_errors
    from splitmile.calibration import file_feed, print_calibration

    feed = file_feed(file, unit=unit, value=value, covariate=covariate, day=day)
    print_calibration(Console(), count_errors(feed, draws, seed))


@commands.command()
def power(
    file: Annotated[Path | None, typer.Argument(help="CSV or Parquet to take baseline and spread from.", show_default=False)] = None,
    metric: Annotated[str | None, typer.Option(help="With a file: its metric, as for analyze.")] = None,
    unit: Annotated[str | None, typer.Option(help="With a file: column of the units; without it each row is one.")] = None,
    cluster: Annotated[str | None, typer.Option(help="With a file: column of what is randomised, where that is above the unit.")] = None,
    variant: Annotated[
        str | None, typer.Option(help="With a file: column of the variants, if it has some; --control names the one to use.")
    ] = None,
    control: Annotated[str | None, typer.Option(help="With --variant: the variant whose units are used.")] = None,
    sd: Annotated[float | None, typer.Option(help="Standard deviation of a mean, between units.")] = None,
    baseline: Annotated[float | None, typer.Option(help="The mean without a treatment, for effects in per cent.")] = None,
    proportion: Annotated[float | None, typer.Option(help="The share without a treatment, instead of --sd and --baseline.")] = None,
    effect: Annotated[
        str | None, typer.Option("--effect", "--mde", help="Difference to find, in the metric's unit (0.05) or of the baseline (2%).")
    ] = None,
    units: Annotated[int | None, typer.Option(help="Units of the whole experiment.")] = None,
    power: Annotated[float, typer.Option(help="Probability to find the effect where it is there.")] = 0.8,
    alpha: Alpha = 0.05,
    shares: Annotated[str, typer.Option(help="Planned shares, the control's first.")] = "0.5,0.5",
    sequential: Annotated[bool, typer.Option("--sequential", help="For answers that hold at every look.")] = False,
    units_per_day: Annotated[float | None, typer.Option(help="How many units come a day, to say how long it takes.")] = None,
    form: FormatOption = Form.table,
) -> None:
    """Say how many units an effect needs, which effect some units can show, or how likely they show it."""
    from splitmile.cli.readouts import print_power
    from splitmile.results.codec import to_json
    from splitmile.workbench.planning import Wish, plan, spread_of_numbers
    from splitmile.workbench.questions import Question, read_effect, read_metric, read_plain_shares
    from splitmile.workbench.refusals import OptionInvalid

    size, is_relative = (None, False) if effect is None else read_effect(effect)
    wish = Wish(
        effect=size,
        is_relative=is_relative,
        units=units,
        power=power,
        alpha=alpha,
        shares=tuple(read_plain_shares(shares)),
        is_sequential=sequential,
        units_per_day=units_per_day,
    )
    numbers = (baseline, sd, proportion)
    if file is None:
        if metric or unit or cluster or variant or control:
            raise OptionInvalid("--metric, --unit, --cluster, --variant and --control belong to a file, and none is given")
        spread = spread_of_numbers(*numbers)
    else:
        from splitmile.workbench.variance import spread_of_file

        if metric is None:
            raise OptionInvalid(f"{file} is given without --metric; name the metric to plan for, such as 'minutes=mean(minutes)'")
        if any(number is not None for number in numbers):
            raise OptionInvalid(f"{file} is given beside --baseline, --sd or --proportion; these come from the file, leave them out")
        if (variant is None) != (control is None):
            raise OptionInvalid("--variant and --control belong together; give both or none")
        spread = spread_of_file(
            file, Question(variant=variant, control=control or "all rows", metrics=(read_metric(metric),), unit=unit, cluster=cluster)
        )
    readout = plan(spread, wish)
    if form is Form.json:
        typer.echo(to_json(readout, indent=2))
    else:
        print_power(readout)
