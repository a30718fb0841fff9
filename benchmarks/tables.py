"""The tables of docs/scaling.md, made of a measurement and of the cost model, and put between their markers."""

from __future__ import annotations

import re
from collections.abc import Callable

from benchmarks.cost_model import (
    Workload,
    bytes_of_a_day,
    growth_exponent,
    rows_of_a_day,
    statement_bytes,
)
from benchmarks.loader_tables import DELIVERIES, largest_object, worker, worker_days
from benchmarks.markdown import bytes_text, markdown_table, number
from benchmarks.measure import Measured

EXPERIMENTS = (10, 100, 1_000)

NODE_MEMORY_BYTES = 96 * 2**30
NODE_STORAGE_BYTES = 128e12
"""Of one ra3.4xlarge; see "Node type details" of the Redshift Management Guide."""

LARGE_TABLES = (
    "landing.deliveries",
    "landing.exposures",
    "marts.delivery_observations",
    "marts.unit_days",
    "marts.unit_totals",
    "marts.experiment_units",
    "marts.experiment_unit_windows",
    "marts.experiment_histograms",
)
"""Those that grow with deliveries or with units; the model's rows of them are held to the measured ones."""

_NAMES = [name.removeprefix("marts.") for name in LARGE_TABLES]
_MARKED = re.compile(r"(<!-- measured: ([a-z-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


class MarkerUnknown(Exception):
    """The document has a marker for which there is no table, or lacks one."""


def fill(document: str, measured: Measured) -> str:
    """The document with every marked part made anew.

    Raises:
        MarkerUnknown: Markers and tables do not match.
    """
    found = [marker for _, marker, _ in _MARKED.findall(document)]
    if sorted(found) != sorted(TABLES):
        raise MarkerUnknown(f"the document has markers for {sorted(found)}; the tables are {sorted(TABLES)}")
    return _MARKED.sub(lambda part: f"{part[1]}{TABLES[part[2]](measured)}{part[3]}", document)


def machine(measured: Measured) -> str:
    """Where and when."""
    m = measured["machine"]
    return (
        f"One run on {m['measured_on']}: {m['cores']} cores, {m['memory_gib']} GiB of memory, {m['system']}, "
        f"Python {m['python']}, DuckDB {m['duckdb']}, dbt {m['dbt']}; {m['seconds']} s for everything. "
        f"The load average was {m['load_before']} before it, which is other work on the same cores, and {m['load_after']} at its end."
    )


def row_sizes(measured: Measured) -> str:
    """Bytes of a row, in the feeds and in the tables."""
    rows = [
        [
            f"delivery in a feed, {each['format']}",
            number(each["object_bytes"] / each["rows"]),
            "",
            f"an object of {number(each['rows'])} rows",
        ]
        for each in measured["worker"]
        if each["objects"] == 1 and each["rows"] == measured["worker"][0]["rows"]
    ]
    largest = largest_object(measured)
    one = f"one object of {number(largest['rows'])} rows"
    rows += [
        ["delivery as prepared for COPY", number(largest["prepared_bytes"] / largest["rows"]), "", f"{one}, Parquet, snappy"],
        ["delivery in the stage, at most", "", number(largest["peak_bytes"] / largest["rows"]), f"{one}, DuckDB's memory and spilled"],
        ["delivery in the stage, once its object is put", "", number(largest["left_bytes"] / largest["rows"]), "the same, afterwards"],
    ]
    for name in LARGE_TABLES:
        point = _largest_of(measured, name)
        note = f"DuckDB's file, {number(point['rows'][name]['kept'])} rows"
        rows.append([f"`{name}`", number(_bytes_per_row(measured)[name]), number(point["plain_bytes"][name]), note])
    return markdown_table(["a row of", "bytes, compressed", "bytes, plain", "measured as"], rows)


def rows_check(measured: Measured) -> str:
    """Rows of the measured days beside those of the model."""
    rows = []
    for point in measured["points"]:
        expected = rows_of_a_day(_workload(point))
        cells = [_beside(point["rows"][name]["written"], expected[name].written) for name in LARGE_TABLES]
        rows.append([*_size_cells(point), *cells])
    return markdown_table([*_SIZE_HEAD, *_NAMES], rows)


def seconds(measured: Measured) -> str:
    """Seconds of the load of both feeds, and of the models and tests that take any, with the powers by which they grow."""
    return _growth(measured, "seconds", 0.2, lambda value: f"{value:.2f}")


def reads(measured: Measured) -> str:
    """Rows that the models and tests scan which scan many, with the powers by which they grow."""
    return _growth(measured, "rows_read", 400_000, number)


def _growth(measured: Measured, key: str, least: float, shown: Callable[[float], str]) -> str:
    """A figure of the models and tests of which it is large, at every size, and its powers of deliveries, experiments and days."""
    points = measured["points"]
    names = [name for name, found in _largest_point(measured)[key].items() if found >= least and all(p[key][name] for p in points)]
    growing: dict[str, list[Measured]] = {
        "deliveries": [p for p in points if p["experiments"] == 10 and p["day"] == 3],
        "experiments": [p for p in points if p["deliveries"] == points[0]["deliveries"] and p["day"] == 3],
        "day": [p for p in points if p["deliveries"] == points[0]["deliveries"] and p["experiments"] == 10],
    }
    rows = []
    for name in names:
        powers = [f"{growth_exponent([p[by] for p in ps], [p[key][name] for p in ps]):z.1f}" for by, ps in growing.items()]
        rows.append([f"`{_shortened(name)}`", *(shown(p[key][name]) for p in points), *powers])
    head = [f"{number(p['deliveries'])} · {p['experiments']} · {p['day']}" for p in points]
    return markdown_table(["step, model or test", *head, "power of deliveries", "of experiments", "of days"], rows)


def analysis(measured: Measured) -> str:
    """Seconds an experiment's scorecard takes."""
    each = [point["analysis"]["seconds"] / point["experiments"] * 1000 for point in measured["points"]]
    longest = max(point["scorecard_bytes"] for point in measured["points"])
    return (
        f"An experiment's analysis took {min(each):.0f}–{max(each):.0f} ms on DuckDB, whatever the number of deliveries and units. "
        f"The longest scorecard has {number(longest)} bytes of JSON, for six metrics and two variants."
    )


def day_rows(_: Measured) -> str:
    """Rows of the newest date, which a day's run writes."""
    rows = []
    for workload in _grid():
        found = rows_of_a_day(workload)
        rows.append([number(workload.deliveries), number(workload.experiments), *(number(found[name].written) for name in LARGE_TABLES)])
    return markdown_table(["deliveries", "experiments", *_NAMES], rows)


def kept_bytes(measured: Measured) -> str:
    """Compressed bytes that the tables hold, the largest in bold."""
    rows = []
    for workload in _grid():
        large = {name: found for name, found in rows_of_a_day(workload).items() if name in LARGE_TABLES}
        kept = bytes_of_a_day(large, _bytes_per_row(measured))
        largest = max(kept, key=lambda name: kept[name].kept)
        cells = [f"**{bytes_text(kept[name].kept)}**" if name == largest else bytes_text(kept[name].kept) for name in LARGE_TABLES]
        total = sum(each.kept for each in kept.values())
        rows.append([number(workload.deliveries), number(workload.experiments), *cells, f"{total / NODE_STORAGE_BYTES:.2%}"])
    return markdown_table(["deliveries", "experiments", *_NAMES, "of a node's 128 TB"], rows)


def statements(measured: Measured) -> str:
    """What single statements have to hold, in the memory of a node; from one node on in bold."""
    rows = []
    for workload in _grid():
        nodes = [needed / NODE_MEMORY_BYTES for needed in statement_bytes(workload, _plain_bytes(measured)).values()]
        cells = [f"**{number(n)}**" if n >= 1 else f"{n:.2g}" for n in nodes]
        rows.append([number(workload.deliveries), number(workload.experiments), *cells])
    head = ["running sums of all units", "the day's exposures", "units of the experiments under way"]
    return markdown_table(["deliveries", "experiments", *head], rows)


def after_mending(measured: Measured) -> str:
    """The largest size as it is, and where old running sums are forgotten."""
    workload = Workload(deliveries=DELIVERIES[-1], experiments=EXPERIMENTS[-1])
    totals, size = rows_of_a_day(workload)["marts.unit_totals"], _bytes_per_row(measured)["marts.unit_totals"]
    horizon = totals.written * (workload.lookback_dates + 1)
    rows = [["`unit_totals`, kept", bytes_text(totals.kept * size), bytes_text(horizon * size)]]
    return markdown_table(["at 100 M deliveries and 1,000 experiments", "as it is", "mended"], rows)


TABLES: dict[str, Callable[[Measured], str]] = {
    "machine": machine,
    "row-sizes": row_sizes,
    "worker": worker,
    "worker-days": worker_days,
    "rows-check": rows_check,
    "seconds": seconds,
    "analysis": analysis,
    "reads": reads,
    "day-rows": day_rows,
    "kept-bytes": kept_bytes,
    "statements": statements,
    "after-mending": after_mending,
}
"""Every marked part of the document, and what makes it."""


_SIZE_HEAD = ["deliveries", "experiments", "day"]


def _size_cells(point: Measured) -> list[str]:
    return [number(point["deliveries"]), str(point["experiments"]), str(point["day"])]


def _workload(point: Measured) -> Workload:
    return Workload(deliveries=point["deliveries"], experiments=point["experiments"], age_days=point["day"], history_days=point["day"])


def _grid() -> list[Workload]:
    return [Workload(deliveries=deliveries, experiments=experiments) for deliveries in DELIVERIES for experiments in EXPERIMENTS]


def _largest_point(measured: Measured) -> Measured:
    point: Measured = max(measured["points"], key=lambda each: each["deliveries"])
    return point


def _largest_of(measured: Measured, table: str) -> Measured:
    point: Measured = max(measured["points"], key=lambda each: each["rows"][table]["kept"])
    return point


def _bytes_per_row(measured: Measured) -> dict[str, float]:
    largest = {name: _largest_of(measured, name) for name in LARGE_TABLES}
    return {name: point["bytes"][name] / point["rows"][name]["kept"] for name, point in largest.items()}


def _plain_bytes(measured: Measured) -> dict[str, float]:
    return {name: _largest_of(measured, name)["plain_bytes"][name] for name in LARGE_TABLES}


def _beside(found: float, expected: float) -> str:
    return f"{number(found)} ({(expected / found - 1) * 100:+z.1f} %)" if found else f"none ({number(expected)})"


def _shortened(name: str) -> str:
    """A test's name without the columns that dbt adds to it."""
    return re.sub(r"^(unique_grain_.+?)_(?:delivery_id|exposure_id|experiment_id|unit_type|business_date).*", r"\1", name)
