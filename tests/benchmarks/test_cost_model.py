from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.cost_model import (
    POPULATIONS,
    UnitPopulation,
    WorkerCosts,
    Workload,
    active_units,
    bytes_of_a_day,
    distinct_observations,
    experiments_by_unit_type,
    exposed_units,
    growth_exponent,
    kept_totals_days,
    live_units,
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


@given(st.floats(1e3, 1e9), st.integers(1, 500), st.integers(1, 28), st.integers(2, 50))
def test_rows_grow_in_proportion_to_deliveries_and_to_experiments(deliveries: float, experiments: int, age: int, factor: int) -> None:
    def rows(deliveries: float, experiments: int) -> dict[str, float]:
        found = rows_of_a_day(Workload(deliveries=deliveries, experiments=experiments, age_days=age))
        return {name: each.written for name, each in found.items()}

    once, more_deliveries = rows(deliveries, 5 * experiments), rows(factor * deliveries, 5 * experiments)
    more_experiments = rows(deliveries, factor * 5 * experiments)
    once_for_all = {"landing.deliveries", "marts.delivery_observations", "marts.unit_days", "marts.unit_totals"}
    by_deliveries = once_for_all | {"landing.exposures", "marts.experiment_units", "marts.experiment_unit_windows"}
    for name, count in once.items():
        if name == "marts.experiment_histograms":
            # More orders have more different values, but the more there are, the fewer are new.
            assert count <= more_deliveries[name] <= factor * count
        else:
            assert more_deliveries[name] == pytest.approx(count * (factor if name in by_deliveries else 1))
        assert more_experiments[name] == pytest.approx(count * (1 if name in once_for_all else factor))


def test_experiments_take_their_unit_types_in_turn() -> None:
    assert experiments_by_unit_type(5) == {"customer": 2, "courier": 1, "store": 1, "zone": 1}
    assert experiments_by_unit_type(7) == {"customer": 3, "courier": 2, "store": 1, "zone": 1}
    assert active_units(Workload(deliveries=1e4, experiments=2)).keys() == {"customer", "courier"}


def test_each_unit_is_logged_on_the_day_it_enters_and_now_and_then_after() -> None:
    workload = Workload(deliveries=10_000, experiments=5, age_days=1)
    first = rows_of_a_day(workload)["landing.exposures"].written
    active = active_units(workload)
    assert first == pytest.approx(0.1 * (2 * active["customer"] + active["courier"] + active["store"] + active["zone"]))
    assert first == pytest.approx(exposed_units(workload, 1))


def test_kept_rows_are_those_of_all_days_and_ended_experiments_stay() -> None:
    steady = Workload(deliveries=1e5, experiments=10, history_days=280)
    found = rows_of_a_day(steady)
    assert found["landing.deliveries"].kept == 280 * 1e5
    assert found["marts.experiment_units"].kept - live_units(steady) == pytest.approx(9 * exposed_units(steady, 28))
    # What all experiments have met by their end has been met day by day.
    assert found["marts.experiment_units"].written == pytest.approx(exposed_units(steady, 28) / 28)


def test_running_sums_are_kept_for_the_late_data_and_for_the_end_of_each_experiment() -> None:
    young = Workload(deliveries=1e5, experiments=10, age_days=10, history_days=10)
    assert kept_totals_days(young) == [3, 4, 5, 6, 7, 8, 9, 10]
    found = rows_of_a_day(young)["marts.unit_totals"]
    assert found.kept == pytest.approx(sum(sum(active_units(young, day).values()) for day in range(3, 11)))
    # Of 14 experiments of 28 days one ends every other day.
    assert kept_totals_days(Workload(deliveries=1e5, experiments=14, history_days=20)) == list(range(13, 21))
    assert kept_totals_days(Workload(deliveries=1e5, experiments=14, history_days=60)) == [*range(2, 53, 2), *range(53, 61)]
    assert kept_totals_days(Workload(deliveries=1e5, experiments=100, history_days=60)) == list(range(1, 61))


def test_a_unit_has_its_window_once_its_last_day_has_come() -> None:
    found = rows_of_a_day(Workload(deliveries=1e5, experiments=5, age_days=9, history_days=9))["marts.experiment_unit_windows"]
    begun = Workload(deliveries=1e5, experiments=5)
    assert found.written == pytest.approx(exposed_units(begun, 3) - exposed_units(begun, 2))
    assert found.kept == pytest.approx(exposed_units(begun, 3))
    none_yet = rows_of_a_day(Workload(deliveries=1e5, experiments=5, age_days=6, history_days=6))["marts.experiment_unit_windows"]
    assert none_yet.written == none_yet.kept == 0
    # Units that are exposed in the last six days of an experiment have none.
    ended = Workload(deliveries=1e5, experiments=5, history_days=280)
    of_ended = rows_of_a_day(ended)["marts.experiment_unit_windows"].kept - rows_of_a_day(begun)["marts.experiment_unit_windows"].kept
    assert of_ended == pytest.approx((ended.ended_cohorts - begun.ended_cohorts) * exposed_units(begun, 22))


def test_few_observations_are_all_different_and_many_are_not() -> None:
    rng = np.random.default_rng(5)
    drawn = np.rint(rng.lognormal(8.12, 0.463, 20_000))
    assert distinct_observations(20_000) == pytest.approx(len(np.unique(drawn)), rel=0.02)
    assert distinct_observations(2) == pytest.approx(2, rel=0.01)


def test_bytes_are_rows_by_the_size_of_a_row() -> None:
    workload = Workload(deliveries=1e5, experiments=5, history_days=30)
    rows = rows_of_a_day(workload)
    sizes = dict.fromkeys(rows, 50.0)
    assert bytes_of_a_day(rows, sizes)["landing.deliveries"].kept == 50 * 30 * 1e5
    assert statement_bytes(workload, sizes)["units"] == pytest.approx(50 * live_units(workload))


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
