"""The pictures of docs/calibration.md; the same figures make the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from splitmile.calibration import Calibration, Measure, Measurement, band
from splitmile.calibration.measures import ever_rejected
from splitmile.calibration.outcomes import EFFECTS
from splitmile.calibration.trials import LEVELS, Trial

# Okabe and Ito's colours, which can be told apart with any colour vision; shapes and dashes say the same once more.
BLUE, ORANGE, GREEN, PURPLE, RED, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#6B6B6B"
_OF_LEVEL = dict(zip(LEVELS, ((SKY, "s"), (BLUE, "o"), (GREEN, "D")), strict=True))
_STYLES: Sequence[tuple[str, str, str]] = (
    (BLUE, "-", "o"),
    (GREEN, "--", "s"),
    (ORANGE, "-.", "^"),
    (PURPLE, ":", "D"),
    (SKY, "-", "v"),
    (GREY, "--", "P"),
    ("#000000", ":", "x"),
    (ORANGE, "-", "*"),
)
"""Colour, dashes and mark of a line that is to be told from the others."""

_POINTS = 100
_ALPHA = 0.05


def draw(calibrations: Sequence[Calibration], folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder."""
    style = {
        "svg.hashsalt": "splitmile",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
    }
    pictures = {
        "false-positives": false_positives,
        "p-values": p_values,
        "ever-rejected": ever_rejections,
        "coverage": coverage,
    }
    written = []
    with mpl.rc_context(style):
        for name, make in pictures.items():
            target = folder / f"calibration-{name}.svg"
            make(calibrations).savefig(target, metadata={"Date": None}, facecolor="white")
            # matplotlib leaves blanks at the ends of lines.
            target.write_text("\n".join(line.rstrip() for line in target.read_text().splitlines()) + "\n")
            written.append(target)
    return tuple(written)


def false_positives(calibrations: Sequence[Calibration]) -> Figure:
    """One line a method, a mark a level, on the band that chance alone explains."""
    methods = _methods(row for each in calibrations for row in each.measurements if row.measure is Measure.false_positives)
    figure = Figure(figsize=(11, 0.235 * len(methods) + 1.5), layout="constrained")
    panels = figure.subplots(1, len(calibrations), sharey=True, squeeze=False)[0]
    for axes, calibration in zip(panels, calibrations, strict=True):
        for row in calibration.measurements:
            if row.measure is Measure.false_positives:
                _mark(axes, row, methods.index(row.method))
        axes.set_xscale("log")
        axes.set_xlim(0.0008, 1.15)
        axes.set_ylim(len(methods) - 0.3, -0.7)
        axes.set_xticks([0.001, 0.01, 0.05, 0.1, 0.3, 1], ["≤ 0.1 %", "1 %", "5 %", "10 %", "30 %", "100 %"])
        axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        axes.set_yticks(range(len(methods)), methods)
        for label in axes.get_yticklabels():
            label.set_color(RED if "wrong" in label.get_text() else "black")
        axes.grid(axis="x", color="#E4E4E4", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_title(calibration.feed)
        axes.set_xlabel("splits on which it rejects, log scale")
    handles = [
        mpl.lines.Line2D([], [], color=color, marker=mark, linestyle="", label=f"at {100 * level:.0f} %")
        for level, (color, mark) in _OF_LEVEL.items()
    ]
    handles += [
        mpl.patches.Patch(color="#D9D9D9", label="99 % band of a right method"),
        mpl.lines.Line2D([], [], color=RED, marker="s", linestyle="", label="outside its band, any shape"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False)
    return figure


def p_values(calibrations: Sequence[Calibration]) -> Figure:
    """The share of p-values below each value: as it is, and less what it should be."""
    figure = Figure(figsize=(11, 4.1 * len(calibrations)), layout="constrained")
    rows = figure.subplots(len(calibrations), 2, squeeze=False)
    expected = (np.arange(_POINTS) + 0.5) / _POINTS
    for (left, right), calibration in zip(rows, calibrations, strict=True):
        styles = cycle(_STYLES)
        for trial in calibration.trials:
            answered = np.sort(trial.even_p_values[~np.isnan(trial.even_p_values)])
            if not answered.size:
                continue
            share = np.searchsorted(answered, expected, side="right") / answered.size
            fewest = 1.63 / np.sqrt(answered.size)
            is_out = float(np.max(np.abs(share - expected))) > fewest
            style = _line(trial, is_out, styles)
            left.plot(expected, share, **style)
            if not trial.is_warning:
                right.plot(expected, share - expected, **style)
        most = max(trial.p_values.size for trial in calibration.trials)
        least = min(trial.p_values.size for trial in calibration.trials if trial.p_values.size)
        for draws, shade in ((least, "#EEEEEE"), (most, "#D9D9D9")):
            right.axhspan(-1.63 / np.sqrt(draws), 1.63 / np.sqrt(draws), color=shade, zorder=0, label=f"99 % band, {draws:,} draws")
        left.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
        left.set_title(f"{calibration.feed}: share of p-values below x")
        right.set_title("that share less x, without the wrong methods")
        right.axhline(0, color="black", linewidth=0.8, linestyle=":")
        right.set_ylim(-0.09, 0.09)
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        for axes in (left, right):
            axes.set_xlim(0, 1)
            axes.set_xlabel("x")
        left.legend(loc="lower right", frameon=False, fontsize=7.5)
        shades = [each for each in right.get_legend_handles_labels()[0] if isinstance(each, mpl.patches.Patch)]
        right.legend(handles=shades, loc="lower left", frameon=False, fontsize=7.5)
    return figure


def ever_rejections(calibrations: Sequence[Calibration]) -> Figure:
    """How many runs had raised a false alarm by each day, at 5 %."""
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    panels = figure.subplots(1, len(calibrations), sharey=True, squeeze=False)[0]
    trials = [trial for each in calibrations for trial in each.trials if trial.first_rejection]
    names = list(dict.fromkeys(trial.method for trial in sorted(trials, key=lambda trial: trial.is_warning)))
    for axes, calibration in zip(panels, calibrations, strict=True):
        for trial in calibration.trials:
            if trial.first_rejection:
                days = np.arange(trial.looks)
                wrong = (RED, "--" if "SRM" in trial.method else "-", "")
                color, dashes, mark = wrong if trial.is_warning else _STYLES[names.index(trial.method) % len(_STYLES)]
                style = {"color": color, "linestyle": dashes, "linewidth": 1.3, "marker": mark, "markersize": 4.5, "label": trial.method}
                # Marks of lines that lie on each other stand side by side.
                every = (2 * names.index(trial.method) % 12, 12)
                axes.plot(days + 1, [ever_rejected(trial, _ALPHA, int(day)) for day in days], markevery=every, **style)
        axes.axhline(_ALPHA, color="black", linewidth=0.8, linestyle=":")
        axes.text(calibration.looks, _ALPHA, "allowed: 5 %", ha="right", va="bottom", fontsize=8)
        axes.set_title(calibration.feed)
        axes.set_xlabel("day of the run")
        axes.set_xlim(1, calibration.looks)
        # Roots, so that what is far below 5 % and what is far above it can both be seen.
        axes.set_yscale("function", functions=(lambda share: np.sqrt(np.maximum(share, 0)), np.square))
        axes.set_ylim(0, 0.6)
        axes.set_yticks([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5], ["0", "1 %", "2 %", "5 %", "10 %", "20 %", "30 %", "50 %"])
        axes.grid(axis="y", color="#E4E4E4", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_ylabel("runs that had rejected by then, though nothing was there")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def coverage(calibrations: Sequence[Calibration]) -> Figure:
    """How often the 95 % interval holds the truth, by the size of the effect that was injected."""
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    panels = figure.subplots(1, len(calibrations), sharey=True, squeeze=False)[0]
    for axes, calibration in zip(panels, calibrations, strict=True):
        found = [row for row in calibration.measurements if row.measure is Measure.coverage]
        fixed = [method for method in _methods(found) if "sequence" not in method]
        groups = (
            ("read once", [method for method in fixed if "wrong" not in method], BLUE, "o"),
            ("confidence sequence, at all looks at once", [m for m in _methods(found) if "sequence" in m], GREEN, "D"),
        )
        short: dict[str, list[float]] = {}
        by_cell = {(row.method, row.setting): row for row in found}
        for label, methods, color, mark in groups:
            for at, method in enumerate(methods):
                shift = (at - (len(methods) - 1) / 2) * 0.8 / max(len(methods), 1)
                cells = [by_cell[method, effect] for effect in EFFECTS if (method, effect) in by_cell]
                x = [EFFECTS.index(cell.setting) + shift for cell in cells]
                y = [cell.value for cell in cells]
                axes.plot(x, y, mark, color=color, markersize=4, alpha=0.85, label=label if at == 0 else None)
                for place, cell in zip(x, cells, strict=True):
                    if cell.value < cell.low:
                        axes.plot([place], [cell.value], mark, color=RED, markersize=4.5)
                        short.setdefault(method, []).append(cell.value)
        low, high = band(1 - _ALPHA, calibration.draws)
        axes.axhspan(low, high, color="#D9D9D9", zorder=0, label=f"99 % band, {calibration.draws:,} draws")
        axes.axhline(1 - _ALPHA, color="black", linewidth=0.8, linestyle=":")
        wrong = {m: [by_cell[m, effect].value for effect in EFFECTS] for m in fixed if "wrong" in m}
        lines = ["below the band, at least:", *(f"{method}: {100 * min(values):.1f} %" for method, values in (short | wrong).items())]
        axes.text(0.02, 0.02, "\n".join(lines), transform=axes.transAxes, fontsize=7.5, color=RED, va="bottom")
        axes.set_ylim(0.885, 1.003)
        axes.set_xticks(range(len(EFFECTS)), [f"{effect:+.0%}" if effect else "none" for effect in EFFECTS])
        axes.set_xlabel("injected effect")
        axes.set_title(calibration.feed)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    panels[0].set_ylabel("intervals that hold the truth")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _line(trial: Trial, is_out: bool, styles: Iterator[tuple[str, str, str]]) -> dict[str, object]:
    if trial.is_warning:
        dashes = "-" if "row" in trial.method else "--"
        return {"color": RED, "linestyle": dashes, "linewidth": 1.3, "label": trial.method, "zorder": 3}
    if is_out:
        color, dashes, _ = next(styles)
        return {"color": color, "linestyle": dashes, "linewidth": 1.3, "label": trial.method, "zorder": 3}
    return {"color": "#9A9A9A", "linewidth": 0.7, "zorder": 2}


def _mark(axes: Axes, row: Measurement, at: int) -> None:
    axes.fill_betweenx([at - 0.38, at + 0.38], row.low, row.high, color="#D9D9D9", linewidth=0)
    color, mark = _OF_LEVEL[row.setting]
    is_inside = row.low <= row.value <= row.high
    axes.plot([max(row.value, 0.001)], [at], mark, color=color if is_inside else RED, markersize=4.5)


def _methods(rows: Iterable[Measurement]) -> list[str]:
    """Names, right methods first."""
    names = list(dict.fromkeys(row.method for row in rows))
    # One feed may have trials of quantiles that another one has not; they stand together.
    first = next((at for at, name in enumerate(names) if name.startswith("quantile")), 0)
    return sorted(names, key=lambda name: ("wrong" in name, first if name.startswith("quantile") else names.index(name)))
