"""Readouts in the terminal, 100 columns wide: checks first, then effects, in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from splitmile.publish import figures
from splitmile.results.comparisons import Comparison
from splitmile.results.readouts import ArmCount, Cause, LeftOut, PowerReadout, Readout, SegmentTest, SplitReadout
from splitmile.results.scorecards import SampleRatio

_WIDTH = 100
_LEFT_OUT = {
    Cause.no_variant: "{rows} without a variant",
    Cause.no_unit: "{rows} without a unit",
    Cause.no_cluster: "{rows} without a cluster",
    Cause.several_variants: "{rows} of {units} with rows in several variants",
    Cause.missing_value: "{metric}: {rows} without a value; {units} without any",
    Cause.no_segment: "segments only: {units} without a segment",
    Cause.several_segments: "segments only: {units} with rows in several segments",
    Cause.no_place: "{rows} without a zone or period",
    Cause.outside_schedule: "{rows} outside the schedule",
    Cause.burn_in: "{rows} of the burn-in after a switch",
}


def console() -> Console:
    """Standard output, at most 100 columns wide; what is printed is text, not markup."""
    output = Console(highlight=False, emoji=False, markup=False)
    if output.width > _WIDTH or not output.is_terminal:
        output.width = _WIDTH
    return output


def print_split(readout: SplitReadout) -> None:
    """Print whether counts fit their planned shares."""
    output = console()
    for line in split_lines(readout.variants, readout.srm):
        output.print(line)


def print_power(readout: PowerReadout) -> None:
    """Print what an experiment of some size can find."""
    output = console()
    size = f"{abs(readout.effect):,.4g}"
    if readout.relative_effect is not None:
        size += f" ({figures.percent_change(abs(readout.relative_effect)).lstrip('+')} of {readout.baseline:,.5g})"
    chance = figures.chance(readout.power)
    arms = " / ".join(f"{math.ceil(readout.units * share - 1e-9):,}" for share in readout.shares)
    answers = {
        "units": f"{counted(readout.units, 'unit')} ({arms}) find a difference of {size} with probability {chance}.",
        "effect": f"The smallest difference that {counted(readout.units, 'unit')} ({arms}) find with probability {chance} is {size}.",
        "power": f"{counted(readout.units, 'unit')} ({arms}) find a difference of {size} with probability {chance}.",
    }
    if readout.source is not None:
        baseline = "" if readout.baseline is None else f"{readout.baseline:,.5g}, "
        output.print(f"{readout.source}: {readout.metric} is {baseline}standard deviation {readout.standard_deviation:,.5g} a unit.")
    output.print(Text(answers[readout.asked], "bold"))
    if readout.days is not None:
        output.print(f"That takes {counted(readout.days, 'day')}.")
    looks = "any number of looks (anytime-valid)" if readout.is_sequential else "one look at the end"
    output.print(f"Two-sided at {100 * readout.alpha:g} %, for {looks}.")
    if readout.units_by_common_formula is not None:
        output.print(
            f"The common formula for proportions says {readout.units_by_common_formula:,}; it takes the spread from the control alone."
        )


def print_readout(readout: Readout) -> None:
    """Print the answer to a file."""
    output = console()
    output.print(Text.assemble((readout.source, "bold"), f" · {counted(readout.rows, 'row')}, each {readout.unit} a unit"))
    for line in split_lines(readout.variants, readout.srm):
        output.print(line)
    contamination = readout.contamination
    if contamination.units:
        style = "bold red" if contamination.is_alarming else "bold yellow"
        words = "Contaminated: {} ({}) met several variants and are left out.".format(
            counted(contamination.units, "unit"), figures.share(contamination.share)
        )
        output.print(Text(words, style))
    for entry in readout.left_out:
        if entry.cause is not Cause.several_variants:
            output.print(left_out_line(entry))
    overall = [effect for effect in readout.effects if effect.segment == "all"]
    output.print()
    output.print(_effects(overall, readout))
    for sentence in _legend(readout, overall):
        output.print(sentence)
    for test in readout.segment_tests:
        output.print()
        output.print(_segment_test(test, readout.alpha))
        shown = [e for e in readout.effects if (e.metric, e.treatment) == (test.metric, test.treatment) and e.segment != "all"]
        if test.p_value is not None:
            output.print(_segments(shown, is_anytime_valid=readout.planned_units is not None))


def split_lines(variants: Sequence[ArmCount], srm: SampleRatio) -> Iterable[Text]:
    """Whether the split is as planned; a mismatch in red, with what follows from it."""
    counts = ", ".join(
        f"{arm.variant}: {arm.units:,} ({figures.share(arm.observed_share)}, planned {figures.share(arm.planned_share)})"
        for arm in variants
    )
    p_value = srm.p_value if srm.sequential_p_value is None else srm.sequential_p_value
    if srm.is_mismatch:
        yield Text(f"SAMPLE RATIO MISMATCH: {counts}; {p_words(p_value)}.", "bold red")
        yield Text("The variants did not get the units they should have. Do not read the effects until the cause is found.", "bold red")
    elif p_value is None:
        yield Text(f"The split cannot be tested: {counts}.")
    else:
        yield Text(f"The split is as planned: {counts}; {p_words(p_value)}.")


def left_out_line(entry: LeftOut) -> str:
    """What does not count, and why."""
    sentence = _LEFT_OUT[entry.cause].format(rows=counted(entry.rows, "row"), units=counted(entry.units or 0, "unit"), metric=entry.metric)
    return f"Left out, {sentence}."


def _effects(effects: Sequence[Comparison], readout: Readout) -> Table:
    has_several = len({effect.treatment for effect in effects}) > 1
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("metric", overflow="fold")
    treatment = "treatment" if has_several else effects[0].treatment
    for heading in (f"{readout.control}\n{treatment}", "difference", "relative", "p\n(Holm)" if len(effects) > 1 else "p"):
        table.add_column(heading, justify="right", overflow="fold")
    for place, effect in enumerate(effects):
        if place:
            table.add_row()
        unit, absolute, relative, sequential = unit_of(effect), effect.absolute, effect.relative, effect.sequential
        differences = [figures.change(absolute.estimate, absolute.interval, unit)]
        changes = [figures.relative(relative.estimate, relative.interval)]
        p_values = [figures.p_value(absolute.p_value)]
        if sequential is not None:
            differences.append(_bracket(figures.change(absolute.estimate, sequential.interval, unit)))
            changes.append(_bracket(figures.relative(relative.estimate, sequential.relative_interval)))
            p_values.append(figures.p_value(sequential.p_value))
        if len(effects) > 1:
            p_values.append(f"({figures.p_value(effect.p_value_adjusted)})")
        levels = (
            figures.level(value, absolute.estimate, absolute.interval, unit) for value in (effect.control_value, effect.treatment_value)
        )
        table.add_row(
            Text.assemble(
                (f"{effect.metric} · {effect.treatment}" if has_several else effect.metric, "bold"),
                f"\n{effect.method if effect.kind in effect.method else f'{effect.kind}, {effect.method}'}\n",
                _finding(effect, readout.alpha),
            ),
            "\n".join(levels),
            "\n".join(differences),
            "\n".join(changes),
            "\n".join(p_values),
        )
    return table


def _bracket(shown: str) -> str:
    """The interval alone, of a number with its interval."""
    number, bracket, interval = shown.partition("(")
    return f"{bracket}{interval}" or number


def unit_of(effect: Comparison) -> str:
    """Proportions are shown in per cent."""
    return "%" if effect.kind == "proportion" else ""


def _finding(effect: Comparison, alpha: float) -> tuple[str, str]:
    if effect.absolute.estimate is None:
        return "no estimate", "yellow"
    if effect.p_value_adjusted is None:
        return "no test", "yellow"
    if effect.p_value_adjusted >= alpha:
        return "no clear difference", ""
    return ("higher" if effect.absolute.estimate > 0 else "lower"), "bold"


def _legend(readout: Readout, effects: Sequence[Comparison]) -> Iterable[str]:
    level = f"{100 * (1 - readout.alpha):g} %"
    if readout.planned_units is None:
        yield f"In brackets the {level} interval, for one look at a size fixed in advance; --sequential has one for any number of looks."
    else:
        yield (
            f"In brackets the {level} interval: the first for a single look, the second for any number of looks, tuned to "
            f"{counted(readout.planned_units, 'unit')} in all. The finding goes by the second, corrected by Holm."
        )
    for effect in effects:
        reason, what = effect.absolute.reason, "effect"
        if reason is None:
            reason, what = effect.relative.reason, "relative effect"
        if reason is not None:
            yield f"{effect.metric} in {effect.treatment}, {what}: {reason}."
        if effect.covariate is not None:
            removed = effect.covariate.variance_removed
            plain = effect.covariate.unadjusted
            without = f"without it {figures.relative(plain.estimate, plain.interval)}"
            yield f"{effect.metric} in {effect.treatment}: the covariate removes {figures.share(removed)} of the variance; {without}."


def _segment_test(test: SegmentTest, alpha: float) -> Text:
    text = Text(f"{test.metric} in {test.treatment} by segment: ", "bold")
    if test.p_value_adjusted is None:
        text.append(f"no test: {test.reason}.", "not bold")
    else:
        differs = test.p_value_adjusted < alpha
        text.append("the effect differs between segments" if differs else "no sign that the effect differs between segments")
        text.append(f" (Q = {test.q:.3g} of {test.segments} segments, {p_words(test.p_value)}, ", "not bold")
        text.append(f"Holm {figures.p_value(test.p_value_adjusted)}).", "not bold")
    if test.suppressed:
        names = f"{len(test.suppressed)} segments" if len(test.suppressed) > 5 else ", ".join(test.suppressed)
        text.append(f" Too few units to show: {names}.", "not bold")
    return text


def _segments(effects: Sequence[Comparison], *, is_anytime_valid: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("segment", overflow="fold")
    for heading in ("units", "difference", "relative"):
        table.add_column(heading, justify="right")
    for effect in effects:
        counting = effect.counting(has_ended=not is_anytime_valid)
        table.add_row(
            effect.segment,
            f"{effect.n_control:,} / {effect.n_treatment:,}",
            figures.change(effect.absolute.estimate, counting.absolute, unit_of(effect)),
            figures.relative(effect.relative.estimate, counting.relative),
        )
    return table


def p_words(probability: float | None) -> str:
    """A p-value in a sentence, such as `p = 0.021`."""
    shown = figures.p_value(probability)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as `1 row` and `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
