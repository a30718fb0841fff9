from __future__ import annotations

import math

import pytest
from benchmarks.cost_model import (
    POPULATIONS,
    UnitPopulation,
    WorkerCosts,
    Workload,
    active_units,
    bytes_of_a_day,
    experiments_by_unit_type,
    exposed_units,
    growth_exponent,
    rows_of_a_day,
    statement_bytes,
)
from hypothesis import given
from hypothesis import strategies as st


def test_a_share_of_units_seen_is_that_of_an_independent_count() -> None:
    # Without spread, orders are Poisson with the same mean for every unit.
    assert UnitPopulation(6, 0).seen(3) == pytest.approx(1 - math.exp(-3 / 6))
    # Beta(1, 1): a unit works with any chance, all equally likely, so it stays away for two days with chance 1/3.
    assert UnitPopulation(1, 0, activity=(1, 1)).seen(2) == pytest.approx(2 / 3)


@given(st.sampled_from(sorted(POPULATIONS)), st.integers(1, 400))
def test_more_days_see_more_units_and_never_all_twice(name: str, days: int) -> None:
    population = POPULATIONS[name]
    assert 0 < population.seen(days) <= population.seen(days + 1) <= 1


@given(st.floats(1e3, 1e9), st.integers(0, 500), st.integers(1, 28), st.integers(2, 50))
def test_rows_grow_in_proportion_to_deliveries_and_to_experiments(deliveries: float, experiments: int, age: int, factor: int) -> None:
    def rows(deliveries: float, experiments: int) -> dict[str, float]:
        found = rows_of_a_day(Workload(deliveries=deliveries, experiments=experiments, age_days=age))
        return {name: each.written for name, each in found.items()}

    once, more_deliveries = rows(deliveries, 5 * experiments), rows(factor * deliveries, 5 * experiments)
    more_experiments = rows(deliveries, factor * 5 * experiments)
    by_units = {"landing.exposures", "marts.experiment_units", "marts.experiment_unit_metrics"}
    by_deliveries = by_units | {"landing.deliveries", "marts.unit_days"}
    for name, count in once.items():
        assert more_deliveries[name] == pytest.approx(count * (factor if name in by_deliveries else 1))
        assert more_experiments[name] == pytest.approx(count * (1 if name in {"landing.deliveries", "marts.unit_days"} else factor))


def test_experiments_take_their_unit_types_in_turn() -> None:
    assert experiments_by_unit_type(5) == {"customer": 2, "courier": 1, "store": 1, "zone": 1}
    assert experiments_by_unit_type(7) == {"customer": 3, "courier": 2, "store": 1, "zone": 1}


def test_each_unit_is_logged_on_the_day_it_enters_and_now_and_then_after() -> None:
    workload = Workload(deliveries=10_000, experiments=5, age_days=1)
    first = rows_of_a_day(workload)["landing.exposures"].written
    active = active_units(10_000)
    assert first == pytest.approx(0.1 * (2 * active["customer"] + active["courier"] + active["store"] + active["zone"]))
    assert first == pytest.approx(exposed_units(workload, 1))


def test_kept_rows_are_those_of_all_days_and_ended_experiments_stay() -> None:
    steady = Workload(deliveries=1e5, experiments=10, history_days=280)
    found = rows_of_a_day(steady)
    assert found["landing.deliveries"].kept == 280 * 1e5
    ended = found["marts.experiment_units"].kept - found["marts.experiment_unit_metrics"].written / 4
    assert ended == pytest.approx(9 * exposed_units(steady, 28))
    last_values = found["marts.experiment_unit_metrics"].kept - 7 * found["marts.experiment_unit_metrics"].written
    assert last_values == pytest.approx(4 * ended)


def test_bytes_are_rows_by_the_size_of_a_row() -> None:
    rows = rows_of_a_day(Workload(deliveries=1e5, experiments=5, history_days=30))
    sizes = dict.fromkeys(rows, 50.0)
    assert bytes_of_a_day(rows, sizes)["landing.deliveries"].kept == 50 * 30 * 1e5
    assert statement_bytes(Workload(deliveries=1e5, experiments=5, history_days=30), sizes)["landing.deliveries"] == 50 * 30 * 1e5


def test_the_worker_costs_that_made_the_seconds_are_found_again() -> None:
    true = WorkerCosts(8e-6, 0.02)
    rows, objects = [1e5, 1e5, 1e6, 1e6], [1, 100, 1, 100]
    fitted = WorkerCosts.fitted(rows, objects, [true.seconds(r, o) for r, o in zip(rows, objects, strict=True)])
    assert fitted.seconds(1e8, 400) == pytest.approx(true.seconds(1e8, 400))


def test_a_power_is_read_off_and_an_impossible_one_is_refused() -> None:
    assert growth_exponent([1, 10, 100], [3, 30, 300]) == pytest.approx(1)
    assert growth_exponent([1, 10], [5, 5]) == pytest.approx(0)
    with pytest.raises(ValueError, match="no power"):
        growth_exponent([10, 10], [1, 2])


@pytest.mark.parametrize("broken", [{"deliveries": 0}, {"experiments": -1}, {"traffic_share": 0}, {"age_days": 29}])
def test_an_impossible_workload_is_refused(broken: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"workload|share|days"):
        Workload(**({"deliveries": 1e5, "experiments": 5} | broken))  # type: ignore[arg-type]
