from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, Goal, missed
from benchmarks.growth import installed
from benchmarks.peers import ADDITIVE, Peer, Raw, kept_moments, kept_quantiles
from benchmarks.workload import Workload, staggered_trials

from splitmile.embedded_s3 import EmbeddedS3
from splitmile.warehouse import open_warehouse

TINY = Workload(days=18, deliveries=1500, couriers=60, stores=40, zones=5, trials=staggered_trials(5, 18, 15, 17), contaminated_share=0.5)


def test_a_tiny_workload_obeys_the_feeds_contract_and_the_peers_have_the_same_moments(tmp_path: Path) -> None:
    as_of = TINY.date(TINY.days)
    with EmbeddedS3(tmp_path / "s3") as server, installed(tmp_path / "tiny", server, TINY, TINY.days) as installation:
        installation.put_history(range(1, TINY.days))
        installation.load_day(TINY.days)
        with open_warehouse(installation.settings) as warehouse:
            assert warehouse.fetch("select * from ops.rejected_rows") == []
            assert warehouse.fetch("select count(*) as rows from landing.deliveries") == [{"rows": TINY.days * TINY.deliveries}]
        cost = installation.build(TINY.days)
        assert cost.of("experiment_moments") > 0
        with installation.read() as connection:
            ours = kept_moments(connection, as_of)
            tables = Raw("landing.deliveries", "landing.exposures")
            for raw in (tables, Raw.parquet(TINY, installation.files, TINY.days)):
                peer = Peer(connection, TINY, raw)
                assert peer.moments(TINY.trials, ADDITIVE, as_of) == ours
                assert peer.quantiles(TINY.trials, as_of) == kept_quantiles(connection, as_of)
            variants = sum(trial.variants for trial in TINY.trials)
            assert len(ours) == len(ADDITIVE) * variants
            ((contaminated,),) = connection.execute(
                "select count(*) from marts.experiment_units where contaminated_at is not null"
            ).fetchall()
            assert contaminated > 0


def test_a_day_hangs_on_its_seed_and_number_only() -> None:
    assert TINY.day_deliveries(16).equals(replace(TINY).day_deliveries(16))
    assert TINY.day_exposures(16).equals(replace(TINY).day_exposures(16))
    assert not TINY.day_deliveries(16).equals(replace(TINY, seed=8).day_deliveries(16))
    assert TINY.day_exposures(3).num_rows == 0


def test_a_goal_says_what_missed_it() -> None:
    goals = {"fast": Goal("≥", 400, small=20), "lean": Goal("≤", 512, of="peak_mb"), "even": Goal("≤", 1.3)}
    figures = [Figure("fast", 0.1, ratio=300), Figure("lean", 0.1, peak_mb=511), Figure("even", 0.1, ratio=1.4), Figure("other", 1)]
    assert missed(figures, goals, "full") == ["fast", "even"]
    assert missed(figures, goals, "small") == []
