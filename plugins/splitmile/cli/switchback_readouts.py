"""Switchback designs and readouts in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from splitmile.cli.readouts import console, counted, left_out_line, p_words, split_lines
from splitmile.publish import figures
from splitmile.results.comparisons import Comparison
from splitmile.results.readouts import Cause, SwitchbackReadout
from splitmile.results.switchbacks import CarryoverTest
from splitmile.stats.switchback_design import SwitchbackDesign


def print_design(design: SwitchbackDesign, output_file: Path, schedule: Path | None) -> None:
    """Print how evenly the drawn schedule splits zones and hours, and where it is kept."""
    output = console()
    balance = design.balance()
    output.print(
        f"{counted(len(design.zones), 'zone')}, {counted(design.windows, 'window')} each of {design.window_minutes} minutes from "
        f"{design.start:%Y-%m-%d %H:%M} UTC, seed {design.seed}."
    )
    low, high = float(balance.by_zone.min()), float(balance.by_zone.max())
    by_hour = [float(share) for share in balance.by_hour if share == share]
    zones, hours = f"{figures.share(low)} to {figures.share(high)}", f"{figures.share(min(by_hour))} to {figures.share(max(by_hour))}"
    output.print(
        f"{figures.share(balance.share)} of the windows are treatment, planned {figures.share(design.treatment_share)}; "
        f"by zone {zones}, by hour of the day {hours}."
    )
    output.print(f"Kept in {output_file}; keep that file, the analysis needs it.")
    if schedule is not None:
        output.print(f"The schedule is in {schedule}: zone, start, end (excluded) in UTC, treatment 0 or 1.")


def print_switchback(readout: SwitchbackReadout) -> None:
    """Print the answer to a file of a switchback experiment."""
    output = console()
    length = "" if readout.window_minutes is None else f" of {readout.window_minutes} minutes"
    place = f"{counted(readout.zones, 'zone')} with {counted(readout.windows, 'window')}{length}"
    output.print(Text.assemble((readout.source, "bold"), f" · {counted(readout.rows, 'row')}, {place}"))
    if not readout.is_design_given:
        output.print(Text("No --design: every zone and window is taken to have been assigned by a fair coin of its own.", "yellow"))
    for line in split_lines(readout.variants, readout.srm):
        output.print(line)
    contamination = readout.contamination
    if contamination.units:
        what = (
            f"{counted(contamination.units, 'row')} ({figures.share(contamination.share)}) met another variant than scheduled; "
            "they count by the schedule."
            if readout.is_design_given
            else f"{counted(contamination.units, 'window')} ({figures.share(contamination.share)}) have rows of both variants; left out."
        )
        output.print(Text(f"Contaminated: {what}", "bold red" if contamination.is_alarming else "bold yellow"))
    for entry in readout.left_out:
        if entry.cause is not Cause.several_variants:
            output.print(left_out_line(entry))
    output.print()
    output.print(_effects(readout))
    output.print(
        f"In brackets the {100 * (1 - readout.alpha):g} % interval. cr2: regression on zone and hour of the day, without carry-over. "
        f"hajek, horvitz_thompson: by the design, with {counted(readout.order, 'window')} of carry-over. "
        "redrawn: p by drawing the schedule again."
    )
    for effect in readout.effects:
        reason = effect.absolute.reason or effect.relative.reason
        if reason is not None:
            output.print(f"{effect.metric}, {effect.method}, {'effect' if effect.absolute.reason else 'relative effect'}: {reason}.")
    for test in readout.carryover_tests:
        output.print(_carryover(test, readout.alpha))


def _effects(readout: SwitchbackReadout) -> Table:
    redrawn = {(test.metric, test.method): test.p_value for test in readout.randomization_tests}
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("outcome", overflow="fold")
    for heading in (f"{readout.control}\n{readout.treatment}", "difference", "relative", "p\n(Holm)\nredrawn"):
        table.add_column(heading, justify="right", overflow="fold")
    for place, effect in enumerate(readout.effects):
        if place:
            table.add_row()
        table.add_row(*_row(effect, redrawn.get((effect.metric, effect.method))))
    return table


def _row(effect: Comparison, redrawn: float | None) -> list[str | Text]:
    absolute, relative = effect.absolute, effect.relative
    levels = (figures.level(value, absolute.estimate, absolute.interval, "") for value in (effect.control_value, effect.treatment_value))
    p_values = [figures.p_value(absolute.p_value), f"({figures.p_value(effect.p_value_adjusted)})"]
    if redrawn is not None:
        p_values.append(figures.p_value(redrawn))
    return [
        Text.assemble((effect.metric, "bold"), f"\n{effect.method}\n{effect.n_control:,} / {effect.n_treatment:,} windows"),
        "\n".join(levels),
        figures.change(absolute.estimate, absolute.interval, ""),
        figures.relative(relative.estimate, relative.interval),
        "\n".join(p_values),
    ]


def _carryover(test: CarryoverTest, alpha: float) -> Text:
    beyond = f"{test.metric}, carry-over beyond {counted(test.order, 'window')}: "
    if test.gain.p_value is None:
        return Text(f"{beyond}no test, {test.gain.reason}.")
    if test.gain.p_value < alpha:
        return Text(f"{beyond}yes ({p_words(test.gain.p_value)}); ask again with --carryover {test.order + 1}.", "bold yellow")
    return Text(f"{beyond}no sign of it ({p_words(test.gain.p_value)}).")
