"""The tables of docs/scaling.md about the loader: what a worker's half of a load costs, measured and at scale."""

from __future__ import annotations

from benchmarks.cost_model import WorkerCosts, Workload, rows_of_a_day
from benchmarks.markdown import bytes_text, duration, markdown_table, number
from benchmarks.measure import Measured

DELIVERIES = (200_000, 5_000_000, 100_000_000)
"""Of a day, in the tables at scale."""

ROWS_AN_OBJECT = 250_000


def worker(measured: Measured) -> str:
    """What the loader's half costs, and whether an object costs more the more rows lie beside it."""
    rows = [
        [
            each["format"],
            number(each["rows"]),
            str(each["objects"]),
            f"{each['seconds']:.1f}",
            f"{each['cpu_seconds']:.1f}",
            bytes_text(each["peak_bytes"]),
            bytes_text(each["left_bytes"]),
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
        further.append(f"{took * 1000:.0f} ms at {number(count)} rows")
    fit = (
        f"\n\nFitted to the Parquet lines: {costs.per_row * 1e6:.1f} s of processor a million rows, and {costs.per_object * 1000:.0f} ms "
        f"an object. What each object beyond the first added to a partition: {', '.join(further)}."
    )
    head = ["format", "rows", "objects", "seconds", "seconds of processor", "DuckDB held at most", "held at the end"]
    return markdown_table(head, rows) + fit


def worker_days(measured: Measured) -> str:
    """The loader at scale; a row of exposures is taken to cost as much as one of deliveries."""
    costs, largest = worker_costs(measured), largest_object(measured)
    fetched, prepared, peak, left = (
        largest[key] / largest["rows"] for key in ("object_bytes", "prepared_bytes", "peak_bytes", "left_bytes")
    )
    partitions = [("deliveries", deliveries, float(deliveries)) for deliveries in DELIVERIES]
    for deliveries, experiments in ((5_000_000, 1_000), (100_000_000, 100), (100_000_000, 1_000)):
        exposures = rows_of_a_day(Workload(deliveries=deliveries, experiments=experiments))["landing.exposures"].written
        partitions.append((f"exposures of {number(experiments)} experiments", deliveries, exposures))
    rows = []
    for name, deliveries, count in partitions:
        objects = max(1, round(count / ROWS_AN_OBJECT))
        held = count / objects * peak + count * (1 - 1 / objects) * left
        sizes = [count * fetched, count * prepared, held]
        took = costs.seconds(count, objects)
        rows.append([name, number(deliveries), number(count), number(objects), *map(bytes_text, sizes), duration(took)])
    return markdown_table(["partition", "deliveries", "rows", "objects", "fetched", "put and COPYed", "held at most", "processor"], rows)


def largest_object(measured: Measured) -> Measured:
    """The load of the most rows in one object."""
    found: Measured = max((each for each in measured["worker"] if each["objects"] == 1), key=lambda each: each["rows"])
    return found


def worker_costs(measured: Measured) -> WorkerCosts:
    """The loader's costs, fitted to the Parquet loads."""
    found = _parquet_loads(measured)
    return WorkerCosts.fitted(*([each[key] for each in found] for key in ("rows", "objects", "cpu_seconds")))


def _parquet_loads(measured: Measured) -> list[Measured]:
    return [each for each in measured["worker"] if each["format"] == "parquet"]
