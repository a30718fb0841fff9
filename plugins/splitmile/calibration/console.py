"""A calibration on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from splitmile.calibration.run import Calibration
from splitmile.calibration.tables import summary, tables


def print_calibration(console: Console, calibration: Calibration) -> None:
    """Print every figure, those outside their 99 % band marked ▲ or ▼."""
    console.print(f"[bold]{calibration.feed}[/bold]: {calibration.about}", highlight=False)
    console.print(
        f"{calibration.units:,} units, {calibration.rows:,} rows, {calibration.draws:,} random splits, seed {calibration.seed}",
        highlight=False,
    )
    for each in tables(calibration):
        table = Table(title=each.title, title_justify="left")
        for at, name in enumerate(each.head):
            table.add_column(name, justify="left" if at == 0 or name == "note" else "right")
        for row in each.rows:
            table.add_row(*row)
        console.print(table)
    console.print(f"{summary([calibration])} ▲ and ▼ mark them; methods called wrong are there to show why.", highlight=False)
