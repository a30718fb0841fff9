"""The tables of docs/scaling.md, made of a measurement and of the cost model, and put between their markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from benchmarks.cost_model import (
    WorkerCosts,
    Workload,
    bytes_of_a_day,
    exposed_units,
    growth_exponent,
    rows_of_a_day,
    statement_bytes,
)
from benchmarks.measure import Measured

DELIVERIES = (200_000, 5_000_000, 100_000_000)
EXPERIMENTS = (10, 100, 1_000)

NODE_MEMORY_BYTES = 96 * 2**30
NODE_STORAGE_BYTES = 128e12
"""Of one ra3.4xlarge; see "Node type details" of the Redshift Management Guide."""

ROWS_AN_OBJECT = 250_000

_LARGE_TABLES = ("landing.deliveries", "landing.exposures", "marts.unit_days", "marts.experiment_units", "marts.experiment_unit_metrics")
_SHORT_NAMES = {name: name.split(".")[1] for name in _LARGE_TABLES} | {
    "landing.deliveries": "landing.deliveries",
    "landing.exposures": "landing.exposures",
}
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
            _number(each["object_bytes"] / each["rows"]),
            "",
            f"an object of {_number(each['rows'])} rows",
        ]
        for each in measured["worker"]
        if each["objects"] == 1 and each["rows"] == measured["worker"][0]["rows"]
    ]
    largest = _largest_object(measured)
    one = f"one object of {_number(largest['rows'])} rows"
    rows += [
        ["delivery as prepared for COPY", _number(largest["prepared_bytes"] / largest["rows"]), "", f"{one}, Parquet, snappy"],
        ["delivery in the stage, at most", "", _number(largest["peak_bytes"] / largest["rows"]), f"{one}, DuckDB's memory and spilled"],
        ["delivery in the stage, once its object is put", "", _number(largest["left_bytes"] / largest["rows"]), "the same, afterwards"],
    ]
    point = _largest_point(measured)
    for table in _LARGE_TABLES:
        note = f"DuckDB's file, {_number(point['rows'][table]['kept'])} rows"
        rows.append([f"`{table}`", _number(_bytes_per_row(measured)[table]), _number(point["plain_bytes"][table]), note])
    return _table(["a row of", "bytes, compressed", "bytes, plain", "measured as"], rows)


def worker(measured: Measured) -> str:
    """What the loader's half costs, and whether an object costs more the more rows lie beside it."""
    rows = [
        [
            each["format"],
            _number(each["rows"]),
            str(each["objects"]),
            f"{each['seconds']:.1f}",
            f"{each['cpu_seconds']:.1f}",
            _bytes(each["peak_bytes"]),
            _bytes(each["left_bytes"]),
        ]
        for each in measured["worker"]
    ]
    costs = worker_costs(measured)
    by_rows: dict[int, list[Measured]] = {}
    for each in _parquet_loads(measured):
        by_rows.setdefault(each["rows"], []).append(each)
    further = []
    for count, loads in by_rows.items():
        one, many = min(loads, key=lambda load: load["objects"]), max(loads, key=lambda load: load["objects"])
        took = (many["cpu_seconds"] - one["cpu_seconds"]) / (many["objects"] - one["objects"])
        further.append(f"{took * 1000:.0f} ms at {_number(count)} rows")
    fit = (
        f"\n\nFitted to the Parquet lines: {costs.per_row * 1e6:.1f} s of processor a million rows, and {costs.per_object * 1000:.0f} ms "
        f"an object. What each object beyond the first added to a partition: {', '.join(further)}."
    )
    head = ["format", "rows", "objects", "seconds", "seconds of processor", "DuckDB held at most", "held at the end"]
    return _table(head, rows) + fit


def worker_days(measured: Measured) -> str:
    """The loader at scale; a row of exposures is taken to cost as much as one of deliveries."""
    costs, largest = worker_costs(measured), _largest_object(measured)
    fetched, prepared, peak, left = (
        largest[key] / largest["rows"] for key in ("object_bytes", "prepared_bytes", "peak_bytes", "left_bytes")
    )
    partitions = [("deliveries", deliveries, float(deliveries)) for deliveries in DELIVERIES]
    for deliveries, experiments in ((5_000_000, 1_000), (100_000_000, 100), (100_000_000, 1_000)):
        exposures = rows_of_a_day(Workload(deliveries=deliveries, experiments=experiments))["landing.exposures"].written
        partitions.append((f"exposures of {_number(experiments)} experiments", deliveries, exposures))
    rows = []
    for name, deliveries, count in partitions:
        objects = max(1, round(count / ROWS_AN_OBJECT))
        held = count / objects * peak + count * (1 - 1 / objects) * left
        sizes = [count * fetched, count * prepared, held]
        took = costs.seconds(count, objects)
        rows.append([name, _number(deliveries), _number(count), _number(objects), *map(_bytes, sizes), _duration(took)])
    return _table(["partition", "deliveries", "rows", "objects", "fetched", "put and COPYed", "held at most", "processor"], rows)


def rows_check(measured: Measured) -> str:
    """Rows of the measured days beside those of the model."""
    rows = []
    for point in measured["points"]:
        expected = rows_of_a_day(_workload(point))
        cells = [_beside(point["rows"][table]["written"], expected[table].written) for table in _LARGE_TABLES]
        rows.append([*_size_cells(point), *cells])
    return _table([*_SIZE_HEAD, *_SHORT_NAMES.values()], rows)


def seconds(measured: Measured) -> str:
    """Seconds of the models and tests that take any, with the powers by which they grow."""
    points = measured["points"]
    names = [name for name, took in _largest_point(measured)["seconds"].items() if took >= 0.2]
    growing: dict[str, list[Measured]] = {
        "deliveries": [p for p in points if p["experiments"] == 10 and p["day"] == 3],
        "experiments": [p for p in points if p["deliveries"] == points[0]["deliveries"] and p["day"] == 3],
        "day": [p for p in points if p["deliveries"] == points[0]["deliveries"] and p["experiments"] == 10],
    }
    rows = []
    for name in names:
        powers = [f"{growth_exponent([p[by] for p in ps], [p['seconds'][name] for p in ps]):z.1f}" for by, ps in growing.items()]
        rows.append([f"`{_shortened(name)}`", *(f"{p['seconds'][name]:.2f}" for p in points), *powers])
    head = [f"{_number(p['deliveries'])} · {p['experiments']} · {p['day']}" for p in points]
    return _table(["model or test", *head, "power of deliveries", "of experiments", "of days"], rows)


def analysis(measured: Measured) -> str:
    """Seconds an experiment's scorecard takes."""
    each = [point["analysis"]["seconds"] / point["experiments"] * 1000 for point in measured["points"]]
    longest = max(point["scorecard_bytes"] for point in measured["points"])
    return (
        f"An experiment's analysis took {min(each):.0f}–{max(each):.0f} ms on DuckDB, whatever the number of deliveries and units: "
        f"it reads its moments only. The longest scorecard has {_number(longest)} bytes of JSON, for four metrics and two variants."
    )


def day_rows(_: Measured) -> str:
    """Rows that a day's run writes."""
    tables = [*_LARGE_TABLES, "marts.experiment_moments", "results.experiment_results"]
    rows = []
    for workload in _grid():
        found = rows_of_a_day(workload)
        rows.append([_number(workload.deliveries), _number(workload.experiments), *(_number(found[table].written) for table in tables)])
    return _table(["deliveries", "experiments", *(_SHORT_NAMES.get(table, table.split(".")[1]) for table in tables)], rows)


def kept_bytes(measured: Measured) -> str:
    """Compressed bytes that the tables hold, the largest in bold."""
    rows = []
    for workload in _grid():
        large = {table: rows for table, rows in rows_of_a_day(workload).items() if table in _LARGE_TABLES}
        kept = bytes_of_a_day(large, _bytes_per_row(measured))
        largest = max(kept, key=lambda table: kept[table].kept)
        cells = [f"**{_bytes(kept[table].kept)}**" if table == largest else _bytes(kept[table].kept) for table in _LARGE_TABLES]
        total = sum(each.kept for each in kept.values())
        rows.append([_number(workload.deliveries), _number(workload.experiments), *cells, f"{total / NODE_STORAGE_BYTES:.2%}"])
    return _table(["deliveries", "experiments", *_SHORT_NAMES.values(), "of a node's 128 TB"], rows)


def statements(measured: Measured) -> str:
    """What single statements have to hold, in the memory of a node; from one node on in bold."""
    plain = _largest_point(measured)["plain_bytes"]
    rows = []
    for workload in _grid():
        nodes = [needed / NODE_MEMORY_BYTES for needed in statement_bytes(workload, plain).values()]
        cells = [f"**{_number(n)}**" if n >= 1 else f"{n:.2g}" for n in nodes]
        rows.append([_number(workload.deliveries), _number(workload.experiments), *cells])
    head = ["repeated deliveries removed", "repeated exposures removed", "per-unit values written"]
    return _table(["deliveries", "experiments", *head], rows)


def readers(measured: Measured) -> str:
    """Rows of deliveries that a run reads because every pass reads all that are kept."""
    names = measured["points"][0]["delivery_readers"]
    rows = [[_number(deliveries), *(_number(len(names) * deliveries * days) for days in (1, 30, 365, 730))] for deliveries in DELIVERIES]
    listed = ", ".join(f"`{_shortened(name)}`" for name in names)
    table = _table(["deliveries a day", "1 day kept", "30 days kept", "365 days kept", "730 days kept"], rows)
    return f"{len(names)} passes a run: {listed}.\n\n{table}"


def after_mending(measured: Measured) -> str:
    """The largest size once the per-unit values are one row a unit, only live experiments are built, and passes read one week."""
    workload = Workload(deliveries=DELIVERIES[-1], experiments=EXPERIMENTS[-1])
    plain, live = _largest_point(measured)["plain_bytes"], exposed_units(workload, workload.duration_days)
    found = rows_of_a_day(workload)
    rows = [
        ["rows of `landing.deliveries` read a pass", _number(found["landing.deliveries"].kept), _number(7 * workload.deliveries)],
        [
            "rows of `landing.exposures` read a pass",
            _number(found["landing.exposures"].kept),
            _number(7 * found["landing.exposures"].written),
        ],
        ["rows of `experiment_units` written", _number(found["marts.experiment_units"].written), _number(live / workload.duration_days)],
        [
            "per-unit rows written",
            _number(found["marts.experiment_unit_metrics"].written),
            f"{_number(found['marts.experiment_unit_metrics'].written / workload.metrics)}, or none",
        ],
        [
            "memory for the deliveries' pass, in nodes",
            _number(found["landing.deliveries"].kept * plain["landing.deliveries"] / NODE_MEMORY_BYTES),
            _number(7 * workload.deliveries * plain["landing.deliveries"] / NODE_MEMORY_BYTES),
        ],
        [
            "memory for the exposures' pass, in nodes",
            _number(found["landing.exposures"].kept * plain["landing.exposures"] / NODE_MEMORY_BYTES),
            _number(7 * found["landing.exposures"].written * plain["landing.exposures"] / NODE_MEMORY_BYTES),
        ],
    ]
    return _table(["at 100 M deliveries and 1,000 experiments", "as it is", "mended"], rows)


TABLES: dict[str, Callable[[Measured], str]] = {
    "machine": machine,
    "row-sizes": row_sizes,
    "worker": worker,
    "worker-days": worker_days,
    "rows-check": rows_check,
    "seconds": seconds,
    "analysis": analysis,
    "readers": readers,
    "day-rows": day_rows,
    "kept-bytes": kept_bytes,
    "statements": statements,
    "after-mending": after_mending,
}
"""Every marked part of the document, and what makes it."""


def worker_costs(measured: Measured) -> WorkerCosts:
    """The loader's costs, fitted to the Parquet loads."""
    found = _parquet_loads(measured)
    return WorkerCosts.fitted(*([each[key] for each in found] for key in ("rows", "objects", "cpu_seconds")))


def _parquet_loads(measured: Measured) -> list[Measured]:
    return [each for each in measured["worker"] if each["format"] == "parquet"]


_SIZE_HEAD = ["deliveries", "experiments", "day"]


def _size_cells(point: Measured) -> list[str]:
    return [_number(point["deliveries"]), str(point["experiments"]), str(point["day"])]


def _workload(point: Measured) -> Workload:
    return Workload(deliveries=point["deliveries"], experiments=point["experiments"], age_days=point["day"], history_days=point["day"])


def _grid() -> list[Workload]:
    return [Workload(deliveries=deliveries, experiments=experiments) for deliveries in DELIVERIES for experiments in EXPERIMENTS]


def _largest_point(measured: Measured) -> Measured:
    point: Measured = max(measured["points"], key=lambda each: each["deliveries"])
    return point


def _largest_object(measured: Measured) -> Measured:
    found: Measured = max((each for each in measured["worker"] if each["objects"] == 1), key=lambda each: each["rows"])
    return found


def _bytes_per_row(measured: Measured) -> dict[str, float]:
    point = _largest_point(measured)
    return {table: point["bytes"][table] / point["rows"][table]["kept"] for table in _LARGE_TABLES}


def _beside(found: float, expected: float) -> str:
    return f"{_number(found)} ({(expected / found - 1) * 100:+z.1f} %)"


def _shortened(name: str) -> str:
    """A test's name without the columns that dbt adds to it."""
    for model in ("stg_deliveries", "stg_exposures", "experiment_unit_metrics", "experiment_units", "unit_days"):
        name = re.sub(rf"(unique_grain_{model})_.*", r"\1", name)
    return name


def _number(value: float) -> str:
    return _digits(value) if value < 10_000 else _scaled(value, ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k")))


def _bytes(value: float) -> str:
    return _scaled(value, ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1, "B")))


def _duration(seconds: float) -> str:
    return _scaled(seconds, ((3600, "h"), (60, "min"), (1, "s")))


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    for size, unit in units:
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value)} {units[-1][1]}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
