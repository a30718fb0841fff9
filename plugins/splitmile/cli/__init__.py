"""The command line."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.markup import escape

from splitmile.cli.explaining import commands as explaining_commands
from splitmile.cli.pipeline import commands as pipeline_commands
from splitmile.cli.statistics import commands as statistics_commands
from splitmile.cli.switchbacks import commands as switchback_commands
from splitmile.errors import SplitmileError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Split tests for the last mile: from feeds on S3 to the Slack summary, or from a file to an answer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(pipeline_commands)
app.add_typer(explaining_commands)
app.add_typer(statistics_commands)
app.add_typer(switchback_commands, name="switchback", help="Experiments that switch zones between variants over time.")


def main() -> None:
    """The entry point: an error that a person can put right is printed as one sentence, without a traceback."""
    try:
        app()
    except SplitmileError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]splitmile:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
