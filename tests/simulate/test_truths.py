from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from splitmile.results.scorecards import Decision
from splitmile.settings import Settings
from splitmile.simulate import City, Flights, TruthKind, planted_truths
from splitmile.simulate.flights import SAME_TWICE
from splitmile.simulate.realism import RowEstimate, estimate_truths
from splitmile.simulate.truths import EXPERIMENTS
from splitmile.stats import SwitchbackDesign
from splitmile.stats.sequential import confidence_sequence
from splitmile.stats.srm import chi_squared_srm


def read_files(folder: Path) -> dict[str, dict[str, Any]]:
    files = {path.stem: YAML(typ="safe").load(path) for path in sorted((Settings().project_dir / folder).glob("*.yaml"))}
    assert files, f"no experiment file below {folder}"
    return files


@pytest.fixture(scope="module")
def estimates(city: City) -> dict[tuple[str, str], RowEstimate]:
    return {(row.truth.experiment_id, row.truth.treatment): row for row in estimate_truths(city)}


@pytest.fixture(scope="module")
def exposures(city: City) -> pd.DataFrame:
    return pd.concat([city.day(day).exposures for day in city.dates], ignore_index=True)


def units_by_variant(exposures: pd.DataFrame, experiment_id: str) -> pd.Series:
    rows = exposures[exposures["experiment_id"] == experiment_id].sort_values("exposed_at")
    return rows.drop_duplicates("unit_id")["variant"].value_counts()


def test_every_kind_of_truth_is_planted():
    assert {truth.kind for truth in planted_truths()} == set(TruthKind)


def test_the_files_say_what_the_city_does():
    files = read_files(City.experiments_dir)
    assert sorted(files) == sorted(planted.experiment_id for planted in EXPERIMENTS)
    for planted in EXPERIMENTS:
        file = files[planted.experiment_id]
        assert file["unit"] == planted.unit_type
        assert file["control"] == planted.variants[0]
        assert {name: float(Fraction(str(share))) for name, share in file["variants"].items()} == pytest.approx(dict(planted.shares))
        assert (file["start"], file["end"]) == (planted.start, planted.end)
        stored = file.get("switchback")
        design = stored and SwitchbackDesign.from_dict({key: value for key, value in stored.items() if key != "burn_in_minutes"})
        assert design == planted.switchback
        metrics = {entry["metric"] for role in file["metrics"].values() for entry in role}
        assert {truth.metric for truth in planted.truths} <= metrics
        assert {truth.treatment for truth in planted.truths} == set(planted.variants[1:])


def test_the_files_of_the_flights_say_what_the_flights_do(flights: Flights):
    files = read_files(Flights.experiments_dir)
    assert sorted(files) == sorted(experiment.experiment_id for experiment in SAME_TWICE)
    for experiment in SAME_TWICE:
        file = files[experiment.experiment_id]
        assert file["unit"] == experiment.unit_type
        assert list(file["variants"]) == list(experiment.variants)
        assert (file["start"], file["end"]) == (flights.dates[0], flights.dates[-1])
        assert experiment.metric in {entry["metric"] for entry in file["metrics"]["primary"]}


def test_the_win_is_found_and_its_size_is_right(estimates: dict[tuple[str, str], RowEstimate]):
    row = estimates["dispatch_ranking", "ranked"]
    error = abs(row.relative_effect / row.z)
    assert row.relative_effect == pytest.approx(-0.05, abs=2 * error)
    assert row.z < -5
    _, high = confidence_sequence([row.relative_effect], [error], [sum(row.units)], [2400], [0.05])
    assert high[0] < 0


def test_the_switchback_works_in_its_windows(city: City, estimates: dict[tuple[str, str], RowEstimate]):
    row = estimates["batching_window", "long"]
    assert row.relative_effect == pytest.approx(-0.04, abs=2 * abs(row.relative_effect / row.z))
    assert row.z < -5
    planted = next(each for each in EXPERIMENTS if each.experiment_id == "batching_window")
    assert planted.switchback is not None
    day = city.day(date(2026, 3, 20)).exposures.query("experiment_id == 'batching_window'")
    assert len(day) == 30 * 12
    for exposure in day.sample(20, random_state=1).itertuples():
        arm = planted.switchback.assignment_at(exposure.unit_id, exposure.exposed_at.to_pydatetime())
        assert exposure.variant == planted.variants[arm]


def test_the_null_stays_one(estimates: dict[tuple[str, str], RowEstimate]):
    for treatment in ("boosted", "quantile"):
        assert abs(estimates["delivery_time_prediction", treatment].z) < 2


def test_the_guardrail_is_harmed_and_the_primary_metric_better(city: City, estimates: dict[tuple[str, str], RowEstimate]):
    row = estimates["tms_engine", "batching"]
    error = row.relative_effect / row.z
    assert row.z > 5
    assert row.relative_effect == pytest.approx(0.35, abs=2 * error)
    assert (row.relative_effect - 0.05) / error > 5


def test_the_mismatch_shows_and_lies(exposures: pd.DataFrame, estimates: dict[tuple[str, str], RowEstimate]):
    counts = units_by_variant(exposures, "region_recommendation")
    assert chi_squared_srm([[counts["current"], counts["heatmap"]]], [[0.5, 0.5]]).p_value[0] < 1e-6
    # The units that are left make a null look like a win, which is why there must be no verdict.
    assert estimates["region_recommendation", "heatmap"].z < -3


def test_the_other_experiments_have_no_mismatch(exposures: pd.DataFrame):
    for planted in EXPERIMENTS:
        if planted.lost_share or planted.switchback:
            continue
        counts = units_by_variant(exposures, planted.experiment_id)
        observed = [[counts[variant] for variant in planted.variants]]
        assert chi_squared_srm(observed, [list(planted.shares.values())]).p_value[0] > 0.05


def test_only_the_contaminated_experiment_shows_units_in_two_variants(exposures: pd.DataFrame):
    seen = exposures.groupby(["experiment_id", "unit_id"])["variant"].nunique().gt(1).groupby("experiment_id").mean()
    assert 0.04 < seen.pop("route_prediction") < 0.08
    assert seen.pop("batching_window") == 1  # each zone switches
    assert (seen == 0).all()


def test_a_treatment_acts_from_the_exposure_on_and_not_before(city: City, exposures: pd.DataFrame):
    rows = exposures[exposures["experiment_id"] == "tms_engine"].sort_values("exposed_at").drop_duplicates("unit_id").set_index("unit_id")
    treated = rows[rows["variant"] == "batching"]["exposed_at"]
    deliveries = pd.concat([city.day(day).deliveries for day in city.dates[:14]], ignore_index=True)
    exposed_at = deliveries["store_id"].map(treated)
    is_cancelled = deliveries["status"].eq("cancelled")
    before = is_cancelled[deliveries["ordered_at"] < exposed_at].mean()
    after = is_cancelled[deliveries["ordered_at"] >= exposed_at].mean()
    control = is_cancelled[exposed_at.isna()].mean()
    assert before == pytest.approx(control, rel=0.15)
    assert after > 1.2 * control


def test_flights_have_nothing_to_find(flights: Flights):
    rows = estimate_truths(flights)
    assert [row.truth.decision for row in rows] == [Decision.no_effect] * 4
    assert all(abs(row.z) < 2 for row in rows)
