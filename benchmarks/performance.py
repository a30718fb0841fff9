"""`make bench`: measure the metric engine and the statistics, print one JSON line a figure, and write docs/performance.md.

Only the full scale writes the document; the small one is for a gate, and writes its lines to a file.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import statistics
from benchmarks.engine import measure_daily, measure_spilling
from benchmarks.figures import Figure, Goal, missed
from benchmarks.growth import installed, measure_growth
from benchmarks.said import GOALS, SAID
from benchmarks.scales import SCALES, Scale
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def measure(scale: Scale) -> Iterator[Figure]:
    """Every figure of a scale; what is written meanwhile lies below the state folder and is removed."""
    state = Settings().state
    state.mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(state).free / 1e9
    _say(f"scale {scale.name}: about {scale.disk_gb:g} GB of {state}, which has {free_gb:.0f} GB free")
    yield from statistics.measure()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=state))
    try:
        with EmbeddedS3(folder / "s3") as server:
            with installed(folder / "daily", server, scale.workload, scale.last_day) as installation:
                installation.put_history(range(1, scale.history_days + 1))
                cost = installation.build(scale.history_days)
                _say(f"history of {scale.history_days} days built: SQL {cost.models:.1f} s, dbt {cost.seconds:.1f} s")
                yield from measure_daily(installation, scale, _say)
                if scale.is_grown:
                    yield from measure_spilling(installation, scale, _say)
            if scale.is_grown:
                yield from measure_growth(folder, server, scale.workload, _say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def document_part(figures: Sequence[Figure], scale: str) -> str:
    """What the command writes into the document: the machine, and the figures with their goals."""
    head = ["| figure | what | seconds | ratio | goal | reached | results a second | peak memory |", "|---|---|---|---|---|---|---|---|"]
    rows = [_row(figure, GOALS.get(figure.name), scale) for figure in figures]
    return "\n".join([f"Scale: {scale}. {_machine()}", "", *head, *rows])


def fill(document: str, figures: Sequence[Figure], scale: str = "full") -> str:
    """The document with its table made anew."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{document_part(figures, scale)}\n{END}{after}"


def _row(figure: Figure, goal: Goal | None, scale: str) -> str:
    wanted = goal.at(scale) if goal else None
    met = goal.is_met(figure, scale) if goal else None
    cells = [
        f"`{figure.name}`",
        _said(figure.name),
        f"{figure.seconds:.3g}",
        "" if figure.ratio is None else f"{figure.ratio:,.3g}",
        "" if goal is None or wanted is None else f"{goal.bound} {wanted:,g}{_OF[goal.of]}",
        "" if met is None else ("yes" if met else "**no**"),
        "" if figure.per_second is None else f"{figure.per_second:,.0f}",
        "" if figure.peak_mb is None else f"{figure.peak_mb:.0f} MB",
    ]
    return f"| {' | '.join(cells)} |"


_OF = {"ratio": "", "peak_mb": " MB", "per_second": " a second", "seconds": " s"}


def _said(name: str) -> str:
    step = name.removeprefix("whole_day: ")
    return SAID[name] if step == name else f"Of these: {step}"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Machine: {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"DuckDB {version('duckdb')}, dbt {version('dbt-core')}; load average {os.getloadavg()[1]:.1f} over the last five minutes; "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> None:
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.performance", description=__doc__)
    parser.add_argument("--scale", choices=tuple(SCALES), default="full", help="how large the company is (default: full)")
    parser.add_argument("--output", type=Path, help="a file for the JSON lines as well; small writes .local/bench-small.jsonl by itself")
    given = parser.parse_args()
    # The settings of this installation have no part in it.
    for name in [name for name in os.environ if name.startswith("SPLITMILE_") and name != "SPLITMILE_STATE_DIR"]:
        del os.environ[name]
    output = given.output or (Settings().state / "bench-small.jsonl" if given.scale == "small" else None)
    figures = []
    for figure in measure(SCALES[given.scale]):
        figures.append(figure)
        sys.stdout.write(figure.to_json() + "\n")
        sys.stdout.flush()
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("".join(figure.to_json() + "\n" for figure in figures))
    if given.scale == "full":
        DOCUMENT.write_text(fill(DOCUMENT.read_text(), figures))
    for name in missed(figures, GOALS, given.scale):
        _say(f"goal not reached: {name}")


if __name__ == "__main__":
    main()
