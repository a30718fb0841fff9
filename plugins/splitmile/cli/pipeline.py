"""The commands of the pipeline: feeds, experiments, results, Airflow."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from splitmile.errors import AnalysisError
from splitmile.settings import Settings, load_settings

if TYPE_CHECKING:
    from splitmile.results.digests import Digest
    from splitmile.simulate import DemoFeed

commands = typer.Typer()


class FeedChoice(StrEnum):
    """What the demo runs on."""

    city = "city"
    flights = "flights"


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    csv = "csv"


Experiments = Annotated[Path | None, typer.Option("--experiments", help="Folder of experiment files instead of the configured one.")]
Metrics = Annotated[Path | None, typer.Option("--metrics", help="Folder of dbt metrics instead of the configured one.")]
State = Annotated[Path | None, typer.Option("--state", help="Folder of everything that is made, instead of the configured one.")]
DATE_FORMATS = ["%Y-%m-%d"]


@commands.command()
def demo(
    feed: Annotated[FeedChoice, typer.Option(help="A simulated city, or New York's flights of 2013.")] = FeedChoice.city,
    days: Annotated[int, typer.Option(min=1, max=28, help="How many business dates.")] = 28,
    state: State = None,
) -> None:
    """Run the real DAGs on four weeks of a simulated city, or of real flights, and print the digest."""
    from splitmile.orchestration.runs import digest_of, run_dates, write_feed
    from splitmile.publish.console import print_digest

    started = time.monotonic()
    settings = settings_of(state=state)
    source = _demo_feed(feed)
    own_state = settings.state if feed is FeedChoice.city or state else settings.state / feed.value
    settings = settings.model_copy(
        update={"state_dir": own_state, "business_day": source.business_day, "experiments_dir": source.experiments_dir}
    )
    dates = source.dates[:days]
    console = _terminal()
    console.print(f"[bold]Splitmile demo[/] · {source.name}, {dates[0]} to {dates[-1]}, everything below {settings.state}")
    with _progress(console) as progress:
        write_feed(settings, source, dates, _step(progress, "Feeds to S3", len(dates)))
        run_dates(settings, dates, _step(progress, "Airflow: load, check, build, analyse, publish", len(dates)))
    digest = digest_of(settings, dates[-1])
    console.print()
    print_digest(digest, console=console)
    console.print()
    console.print(_truths(source, digest))
    console.print(
        f"\nReport pages   {settings.report_dir / 'index.html'}\nSlack preview  {settings.report_dir / 'digest.html'}\n"
        f"Data Docs      {settings.data_docs_dir / 'index.html'}\nAirflow        `make up` shows the runs of this demo in its UI\n"
        f"Done in {time.monotonic() - started:.0f} s."
    )


@commands.command()
def validate(experiments: Experiments = None, metrics: Metrics = None) -> None:
    """Check every experiment file; prints file:line and the remedy of each problem, and ends with 1 if there is one."""
    from splitmile.transform import read_registry

    settings = settings_of(experiments, metrics)
    registry = read_registry(settings)
    for problem in registry.problems:
        typer.echo(str(problem))
    if registry.problems:
        raise typer.Exit(1)
    if not registry.plans:
        typer.echo(f"There is no experiment file in {settings.path(settings.experiments_dir)}.")
        return
    counted = "1 experiment is" if len(registry.plans) == 1 else f"{len(registry.plans)} experiments are"
    typer.echo(f"{counted} valid: {', '.join(plan.experiment_id for plan in registry.plans)}")


@commands.command()
def run(
    business_date: Annotated[datetime, typer.Option("--date", formats=DATE_FORMATS, help="The business date.")],
    experiments: Experiments = None,
    metrics: Metrics = None,
    state: State = None,
) -> None:
    """Run both DAGs for one business date: load what changed, then gate, build, gate, analyse, publish."""
    _run(settings_of(experiments, metrics, state), business_date.date(), business_date.date())


@commands.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=DATE_FORMATS, help="The first business date.")],
    last: Annotated[datetime, typer.Option("--to", formats=DATE_FORMATS, help="The last business date, included.")],
    each_date: Annotated[bool, typer.Option("--each-date", help="One run of the DAGs a date, each of them published.")] = False,
    experiments: Experiments = None,
    metrics: Metrics = None,
    state: State = None,
) -> None:
    """Run both DAGs for a range of business dates: in one pass, publishing the last one, or date by date."""
    settings = settings_of(experiments, metrics, state)
    if each_date:
        _run(settings, first.date(), last.date())
    else:
        _run_range(settings, first.date(), last.date())


@commands.command()
def results(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")],
    as_of: Annotated[datetime | None, typer.Option(formats=DATE_FORMATS, help="As of this business date; the latest if left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    state: State = None,
) -> None:
    """Print an experiment's scorecard as it was published."""
    from splitmile.analysis import kept_scorecard
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.publish.console import print_scorecard
    from splitmile.results.codec import to_json
    from splitmile.results.rows import flat_rows

    settings = settings_of(state=state)
    with open_warehouse(settings, "results") as warehouse:
        scorecard = kept_scorecard(warehouse, experiment, as_of.date() if as_of else None)
    if form is Format.json:
        typer.echo(to_json(scorecard, indent=2))
    elif form is Format.csv:
        rows = flat_rows(scorecard)
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print_scorecard(scorecard, language=settings.publishing.language)


@commands.command()
def report(
    as_of: Annotated[datetime | None, typer.Option(formats=DATE_FORMATS, help="As of this business date; the latest if left out.")] = None,
    experiments: Experiments = None,
    metrics: Metrics = None,
    state: State = None,
) -> None:
    """Write the report pages and print the digest again from the results that are kept; nothing is sent."""
    from splitmile.analysis import latest_as_of_date, latest_scorecards
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.orchestration.runs import digest_of
    from splitmile.publish import write_pages, write_preview
    from splitmile.publish.console import print_digest

    settings = settings_of(experiments, metrics, state)
    with open_warehouse(settings, "report") as warehouse:
        newest = latest_as_of_date(warehouse)
        business_date = as_of.date() if as_of else newest
        # Pages of a date without results would only replace good ones by empty ones.
        if not latest_scorecards(warehouse, business_date):
            raise AnalysisError(
                f"there is no result as of {business_date}; the newest is of {newest}. `splitmile run --date {business_date}` computes one."
            )
    digest = digest_of(settings, business_date)
    write_pages(digest, settings.report_dir, even_if_older=True)
    write_preview(digest, settings.report_dir, settings.publishing.slack_channel, even_if_older=True)
    print_digest(digest)
    typer.echo(f"Report pages   {settings.report_dir / 'index.html'}")


@commands.command()
def doctor() -> None:
    """Say what is missing or misconfigured, and the remedy; ends with 1 if something is."""
    from splitmile.orchestration.doctor import examine

    table = Table(show_header=False, box=None, pad_edge=False)
    findings = examine()
    for finding in findings:
        table.add_row("[green]ok[/]" if finding.is_fine else "[red]to do[/]", finding.subject, escape(finding.detail))
    Console().print(table)
    if not all(finding.is_fine for finding in findings):
        raise typer.Exit(1)


@commands.command()
def up(state: State = None) -> None:
    """Start S3 and Airflow in the background, on this machine only."""
    from splitmile.orchestration.standalone import start_standalone

    services = start_standalone(settings_of(state=state))
    typer.echo(f"Airflow  {services.airflow_url}\nS3       {services.s3_url}\nLog      {services.log_file}\nEnd it with `splitmile down`.")


@commands.command()
def down(state: State = None) -> None:
    """End what `splitmile up` started."""
    from splitmile.orchestration.standalone import stop_standalone

    typer.echo("Airflow and S3 have ended." if stop_standalone(settings_of(state=state)) else "Nothing was running.")


def settings_of(experiments: Path | None = None, metrics: Path | None = None, state: Path | None = None) -> Settings:
    """The settings, with the folders that the command line names."""
    given = {"experiments_dir": experiments, "metrics_dir": metrics, "state_dir": state}
    return load_settings().model_copy(update={key: path.absolute() for key, path in given.items() if path is not None})


def _run_range(settings: Settings, first: date, last: date) -> None:
    from splitmile.orchestration.runs import run_range

    console = _terminal()
    with console.status(f"{first} to {last}: load, check, build, analyse, publish"):
        run_range(settings, first, last)
    _print_digest(settings, last, console)


def _run(settings: Settings, first: date, last: date) -> None:
    from splitmile.orchestration.runs import date_range, run_dates

    dates = date_range(first, last)
    console = _terminal()
    with _progress(console) as progress:
        run_dates(settings, dates, _step(progress, f"{first}" if first == last else f"{first} to {last}", len(dates)))
    _print_digest(settings, last, console)


def _print_digest(settings: Settings, as_of: date, console: Console) -> None:
    from splitmile.orchestration.runs import digest_of
    from splitmile.publish.console import print_digest

    print_digest(digest_of(settings, as_of), console=console)
    console.print(f"\nReport pages   {settings.report_dir / 'index.html'}")


def _demo_feed(choice: FeedChoice) -> DemoFeed:
    from splitmile.simulate import City, Flights

    return City() if choice is FeedChoice.city else Flights()


def _terminal() -> Console:
    """A console on a duplicate of standard output, which runs send to their log meanwhile."""
    is_terminal = sys.stdout.isatty()
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    return Console(file=stream, force_terminal=is_terminal or None, width=None if is_terminal else 100)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<46}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, refresh_per_second=4, disable=not console.is_terminal)


def _step(progress: Progress, description: str, total: int) -> Callable[[date], None]:
    """A bar to advance; where nobody sees it move, in a log, a line for each date."""
    task = progress.add_task(description, total=total)

    def advance(business_date: date) -> None:
        progress.advance(task)
        if not progress.console.is_terminal:
            progress.console.print(f"{description}: {business_date}", highlight=False)

    return advance


def _truths(source: DemoFeed, digest: Digest) -> Table:
    """What was planted beside what was found."""
    from splitmile.publish import figures

    scorecards = {news.scorecard.experiment_id: news.scorecard for news in digest.news}
    table = Table(title="Planted against estimated", title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("experiment", "planted", "estimated", "verdict"):
        table.add_column(heading)
    for truth in source.truths:
        planted = f"{truth.kind.value}: {figures.percent_change(truth.relative_effect, 1)}\n{truth.metric}, {truth.treatment}"
        scorecard = scorecards.get(truth.experiment_id)
        effect = (
            next((e for e in scorecard.effects if (e.metric, e.treatment) == (truth.metric, truth.treatment)), None) if scorecard else None
        )
        if scorecard is None or effect is None:
            table.add_row(truth.experiment_id, planted, "", "not under way")
            continue
        counting = effect.counting(has_ended=scorecard.has_ended)
        decision = scorecard.verdict.decision
        table.add_row(
            truth.experiment_id,
            planted,
            f"{figures.relative(effect.relative.estimate, counting.relative)}",
            f"[green]{decision.value}[/]"
            if decision is truth.decision
            else f"[yellow]{decision.value}[/]\nin the end: {truth.decision.value}",
        )
    return table
