"""What the metric engine costs on workload W, beside the shape that peers use, one scan of the day, and a rebuild."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.figures import Figure, faster, middle_pair, slower
from benchmarks.installation import BuildCost, DayCost, Installation
from benchmarks.peers import ADDITIVE, Peer, Raw, kept_moments, kept_quantiles
from benchmarks.rebuilt import differences, rebuilt
from benchmarks.scales import Scale
from benchmarks.unit_level import unit_level_peers
from benchmarks.whole_day import DayReport, run_alone

_TIGHT_MEMORY = "512MB"
_STEP_MEMORY = "200MB"
_QUANTILE_MODELS = ("experiment_histograms", "experiment_quantiles")
_FIVE_COLUMNS = "max(courier_id), max(ordered_at), max(delivered_at), max(status), sum(fee_krw)"
_Key = TypeVar("_Key")
Say = Callable[[str], None]


class PeersDiffer(Exception):
    """The peers' queries, or a rebuild, gave other numbers than the product: no ratio means anything then."""


def measure_daily(installation: Installation, scale: Scale, say: Say) -> Iterator[Figure]:
    """Daily steps and all that is compared with them; the installation has its history and is built up to it."""
    # The first days are run by processes of their own; the others by this one, which has loaded dbt already.
    first, *days = range(scale.history_days + 1, scale.last_day + 1)
    report = _alone(installation, first, only_step=False)
    say(f"day {first}, all of it: {report.process_seconds:.1f} s ({BuildCost(0.0, report.costs).dearest()})")
    yield from _whole_run(report)
    if scale.is_grown:
        step_alone = _alone(installation, days.pop(0), only_step=True, memory_limit=_STEP_MEMORY)
        yield Figure("step_peak", step_alone.process_seconds, peak_mb=step_alone.peak_mb)
    costs, inserts = [], []
    for day in days:
        # Right before the load that it is compared with, since a machine's speed may be another one a minute later.
        inserts.append(_bare_insert(installation, day))
        costs.append(installation.step(day))
        build = costs[-1].build
        say(f"day {day}: load {costs[-1].load_seconds:.2f} s, SQL {build.models:.2f} s, dbt {build.seconds:.2f} s ({build.dearest()})")
    step = _middle(costs)
    yield from _against_peers(installation, scale, step, say)
    yield _loading(installation, scale, [(cost.load_seconds, seconds) for cost, seconds in zip(costs, inserts, strict=True)])
    yield from _backfill(installation, scale, say)
    yield from _repair(installation, scale, step, say)


def measure_spilling(installation: Installation, scale: Scale, say: Say) -> Iterator[Figure]:
    """A rebuild with a memory limit far below what it would take."""
    with rebuilt(installation, scale.last_day, _TIGHT_MEMORY) as (_, cost):
        say(f"rebuild with {_TIGHT_MEMORY}: SQL {cost.models:.2f} s")
        yield Figure("spilling", cost.models)


def _alone(installation: Installation, day: int, *, only_step: bool, memory_limit: str | None = None) -> DayReport:
    installation.put_objects(day)
    business_date = installation.workload.date(day)
    credentials = installation.store.credentials
    return run_alone(installation.settings, credentials, business_date, only_step=only_step, memory_limit=memory_limit)


def _whole_run(report: DayReport) -> Iterator[Figure]:
    yield Figure("whole_day", report.process_seconds, peak_mb=report.peak_mb)
    for name, seconds in report.seconds.items():
        yield Figure(f"whole_day: {name}", seconds)


def _middle(costs: list[DayCost]) -> DayCost:
    """The step whose seconds are the (lower) median."""
    return sorted(costs, key=lambda cost: cost.seconds)[(len(costs) - 1) // 2]


def _against_peers(installation: Installation, scale: Scale, step: DayCost, say: Say) -> Iterator[Figure]:
    workload, as_of = scale.workload, scale.workload.date(scale.last_day)
    with installation.read() as connection:
        ours = kept_moments(connection, as_of)
        refresh = step.build.of("experiment_moments")
        yield Figure("refresh", refresh)
        yield Figure("refresh_quantiles", step.build.of(*_QUANTILE_MODELS))
        by_table = Peer(connection, workload, Raw("landing.deliveries", "landing.exposures"))
        table = _timed(lambda: by_table.moments(workload.trials, ADDITIVE, as_of), ours)
        say(f"peers from the table: {table:.2f} s")
        yield faster("refresh_vs_join_of_raw", refresh, table)
        by_files = Peer(connection, workload, Raw.parquet(workload, installation.files, scale.last_day))
        files = _timed(lambda: by_files.moments(workload.trials, ADDITIVE, as_of), ours)
        say(f"peers from Parquet: {files:.2f} s")
        yield faster("refresh_vs_join_of_parquet", refresh, files)
        quantiles = _timed(lambda: by_files.quantiles(workload.trials, as_of), kept_quantiles(connection, as_of))
        say(f"peers' quantiles from Parquet, equal to the last integer: {quantiles:.2f} s")
        yield faster("quantile_vs_exact", step.build.of(*_QUANTILE_MODELS), quantiles)
        file = workload.file(installation.files, "deliveries", scale.last_day)
        scan = median_seconds(lambda: connection.execute(f"select {_FIVE_COLUMNS} from read_parquet('{file}')").fetchall(), runs=7)
        yield from unit_level_peers(connection, installation.registry, as_of, refresh)
    yield slower("step_vs_scan", step.seconds, scan)
    yield slower("step_sql_vs_scan", step.build.models, scan)
    yield faster("step_vs_peers_from_parquet", step.seconds, files + quantiles)
    yield Figure("step_tests", step.build.tests)


def _timed(work: Callable[[], dict[_Key, tuple[int, ...]]], expected: dict[_Key, tuple[int, ...]]) -> float:
    """Seconds of a peer's pass, which must give the same integers."""
    began = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - began
    if found != expected:
        wrong = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
        raise PeersDiffer(f"{len(wrong)} of {len(expected)} results differ from the peers': {wrong[:5]}")
    return seconds


def _bare_insert(installation: Installation, day: int) -> float:
    """Seconds of an insert of both files of a day into a DuckDB file that holds nothing else."""
    files = _files(installation, day)
    bare = installation.folder / "bare.duckdb"

    def insert() -> float:
        with duckdb.connect(str(bare)) as connection:
            for feed, file in files.items():
                connection.execute(f"create or replace table {feed} as select * from read_parquet('{file}') limit 0")
        began = time.perf_counter()
        with duckdb.connect(str(bare)) as connection:
            for feed, file in files.items():
                connection.execute(f"insert into {feed} select * from read_parquet('{file}')")
        return time.perf_counter() - began

    return median(insert() for _ in range(3))


def _loading(installation: Installation, scale: Scale, pairs: list[tuple[float, float]]) -> Figure:
    """The loader, its checks of the contract included, beside a bare insert of the same files."""
    loading, seconds = middle_pair(pairs)
    rows = sum(pq.ParquetFile(file).metadata.num_rows for file in _files(installation, scale.last_day).values())
    return Figure("load_vs_bare_insert", loading, per_second=rows / loading, ratio=seconds / loading, against_seconds=seconds)


def _files(installation: Installation, day: int) -> dict[str, Path]:
    return {feed: installation.workload.file(installation.files, feed, day) for feed in ("deliveries", "exposures")}


def _backfill(installation: Installation, scale: Scale, say: Say) -> Iterator[Figure]:
    """A range of as-of dates in one pass, beside as many passes of the peers' from Parquet, of which the first and the last are run."""
    workload, last = scale.workload, scale.last_day
    first = last - scale.backfill_days + 1
    cost = installation.build(last, first)
    say(f"backfill of {scale.backfill_days} dates: SQL {cost.models:.2f} s ({cost.dearest()})")
    passes = []
    with installation.read() as connection:
        for day in (first, last):
            peer, as_of = Peer(connection, workload, Raw.parquet(workload, installation.files, day)), workload.date(day)
            running = [trial for trial in workload.trials if trial.first_day <= day]
            seconds = _timed(lambda: peer.moments(running, ADDITIVE, as_of), kept_moments(connection, as_of))  # noqa: B023 (called at once)
            passes.append(seconds + _timed(lambda: peer.quantiles(running, as_of), kept_quantiles(connection, as_of)))  # noqa: B023
    yield faster("backfill_vs_peers", cost.models, sum(passes) / 2 * scale.backfill_days)


def _repair(installation: Installation, scale: Scale, step: DayCost, say: Say) -> Iterator[Figure]:
    """A partition that comes again, corrected: its replay, and whether all tables are then those of a rebuild."""
    day = scale.last_day - scale.late_days
    file = installation.workload.file(installation.files, "deliveries", day)
    pq.write_table(_corrected(pq.read_table(file)), file, compression="zstd")
    installation.load_day(day)
    cost = installation.build(scale.last_day)
    say(f"repair of a date {scale.late_days} days late: SQL {cost.models:.2f} s ({cost.dearest()})")
    yield slower("repair_in_daily_steps", cost.models, step.build.models)
    with rebuilt(installation, scale.last_day) as (anew, rebuilding):
        found = differences(installation, anew)
        if found:
            raise PeersDiffer(f"after the repair these tables differ from a rebuild: {found}")
        yield faster("repair_vs_rebuild", cost.models, rebuilding.models)


def _corrected(rows: pa.Table) -> pa.Table:
    """A day as it may come again: each hundredth row is gone, and each fiftieth was paid more."""
    at = pa.array(range(rows.num_rows))
    fee = pc.add(rows["fee_krw"], pc.cast(pc.equal(pc.bit_wise_and(at, 63), 0), pa.int64()))
    place = rows.schema.get_field_index("fee_krw")
    return rows.set_column(place, "fee_krw", fee).filter(pc.not_equal(pc.bit_wise_and(at, 127), 1))


def median_seconds(work: Callable[[], object], *, runs: int) -> float:
    """Of some runs of the same work."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return median(found)
