"""A file to its answer, against row-level recomputation by scipy and statsmodels."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from splitmile.results.comparisons import Comparison
from splitmile.results.readouts import Cause, Readout
from splitmile.workbench.analyze import analyze_file
from splitmile.workbench.questions import Question, read_metric, with_covariates
from splitmile.workbench.sides import FEW_UNITS


def write_csv(path: Path, columns: Mapping[str, Iterable[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def ask(path: Path, *metrics: str, covariates: Iterable[str] = (), **options: Any) -> Readout:
    asked = with_covariates([read_metric(text) for text in metrics], list(covariates))
    return analyze_file(path, Question(**({"variant": "variant", "control": "a", "metrics": asked} | options)))


def only(readout: Readout) -> Comparison:
    (effect,) = readout.effects
    return effect


def with_moments(n: int, total: float, squares: float) -> np.ndarray:
    """Numbers with exactly this count, sum and sum of squares."""
    shape = np.random.default_rng(n).normal(size=n)
    shape -= shape.mean()
    return total / n + shape * np.sqrt((squares - total**2 / n) / np.sum(shape**2))


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    """200 couriers with 1 to 12 deliveries each, in couriers' own pace; the treatment is faster."""
    rng = np.random.default_rng(11)
    courier = np.repeat(np.arange(200), rng.integers(1, 13, 200))
    pace = rng.normal(0, 5, 200)
    minutes = 30 + pace[courier] - 2.0 * (courier % 2) + rng.normal(0, 4, courier.size)
    return write_csv(
        tmp_path / "trips.csv",
        {
            "courier": [f"courier {c}" for c in courier],
            "variant": np.where(courier % 2, "b", "a"),
            "zone": [f"z{c // 2 % 3}" for c in courier],
            "region": [f"r{c % 16}" for c in courier],
            "minutes": minutes,
            "km": np.round(rng.gamma(3, 1, courier.size), 3),
            "late": (minutes > 33).astype(int),
            "before": np.round(pace, 6)[courier],
        },
    )


def rows_of(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_rows_as_units_are_welchs_test(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.gamma(2, 10, 60), rng.gamma(2, 11, 45)
    path = write_csv(tmp_path / "t.csv", {"variant": ["a"] * 60 + ["b"] * 45, "y": [*a, *b]})
    effect = only(ask(path, "y=mean(y)", alpha=0.1))
    expected = stats.ttest_ind(b, a, equal_var=False)
    interval = expected.confidence_interval(0.9)
    assert (effect.method, effect.n_control, effect.n_treatment) == ("welch", 60, 45)
    assert effect.absolute.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert effect.degrees_of_freedom == pytest.approx(expected.df, rel=1e-12)
    assert effect.absolute.interval is not None
    assert (effect.absolute.interval.low, effect.absolute.interval.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_the_published_example(tmp_path: Path) -> None:
    """n=3407 Σ=1396.87 Σ²=52377.9767 against n=3461 Σ=2422.7 Σ²=134698.29: 0.29 (0.04538 to 0.53462), p 0.02016."""
    a, b = with_moments(3407, 1396.87, 52377.9767), with_moments(3461, 2422.7, 134698.29)
    path = write_csv(tmp_path / "t.csv", {"variant": ["a"] * a.size + ["b"] * b.size, "y": [*a, *b]})
    effect = only(ask(path, "y=mean(y)"))
    assert effect.absolute.interval is not None
    assert effect.relative.interval is not None
    found = (effect.absolute.estimate, effect.absolute.interval.low, effect.absolute.interval.high, effect.absolute.p_value)
    assert found == pytest.approx((0.29, 0.04538, 0.53462, 0.02016), abs=5e-6)
    assert effect.relative.estimate == pytest.approx(0.70732, abs=5e-6)
    assert (effect.relative.interval.low, effect.relative.interval.high) == pytest.approx((-0.03526, 1.44989), abs=5e-6)
    assert effect.relative.p_value == pytest.approx(0.06191, abs=5e-6)


@pytest.mark.parametrize(("metric", "column"), [("m=mean(minutes)", "minutes"), ("m=proportion(late)", "late")])
def test_many_rows_a_unit_are_clustered_by_unit(trips: Path, metric: str, column: str) -> None:
    rows = rows_of(trips)
    effect = only(ask(trips, metric, unit="courier"))
    value, variance = {}, {}
    for arm in ("a", "b"):
        y, courier = rows[column][rows["variant"] == arm].astype(float), rows["courier"][rows["variant"] == arm]
        units = np.unique(courier, return_inverse=True)[1]
        fit = sm.OLS(y, np.ones(y.size)).fit(cov_type="cluster", cov_kwds={"groups": units, "use_correction": False})
        value[arm], variance[arm] = fit.params[0], fit.bse[0] ** 2 * 100 / 99
    assert (effect.method, effect.n_control, effect.n_treatment) == ("delta", 100, 100)
    assert effect.absolute.estimate == pytest.approx(value["b"] - value["a"], rel=1e-10)
    assert effect.absolute.standard_error == pytest.approx(np.sqrt(variance["a"] + variance["b"]), rel=1e-10)


def test_the_order_of_rows_does_not_matter(trips: Path, tmp_path: Path) -> None:
    rows = rows_of(trips)
    order = np.random.default_rng(2).permutation(rows["courier"].size)
    mixed = write_csv(tmp_path / "mixed.csv", {name: values[order] for name, values in rows.items()})
    metrics = ("m=mean(minutes)", "late=proportion(late)", "r=ratio(minutes,km)", "p90=quantile(minutes,0.9)")
    for effect, other in zip(ask(trips, *metrics, unit="courier").effects, ask(mixed, *metrics, unit="courier").effects, strict=True):
        assert effect.absolute.estimate == pytest.approx(other.absolute.estimate, rel=1e-12)
        assert effect.absolute.p_value == pytest.approx(other.absolute.p_value, rel=1e-9)


def test_a_ratio_sums_both_sides(trips: Path) -> None:
    rows = rows_of(trips)
    effect = only(ask(trips, "pace=ratio(minutes,km)", unit="courier"))
    for arm, found in (("a", effect.control_value), ("b", effect.treatment_value)):
        is_arm = rows["variant"] == arm
        assert found == pytest.approx(rows["minutes"][is_arm].astype(float).sum() / rows["km"][is_arm].astype(float).sum(), rel=1e-12)


def test_few_equal_clusters_are_a_t_test_of_their_means(tmp_path: Path) -> None:
    """The closed form of CR2 for clusters of one size."""
    rng = np.random.default_rng(8)
    shop = np.repeat(np.arange(14), 9)
    y = rng.normal(20, 3, shop.size) + rng.normal(0, 2, 14)[shop]
    path = write_csv(tmp_path / "t.csv", {"variant": np.where(shop < 6, "a", "b"), "shop": shop, "y": y})
    effect = only(ask(path, "y=mean(y)", cluster="shop"))
    means = y.reshape(14, 9).mean(axis=1)
    expected = stats.ttest_ind(means[6:], means[:6], equal_var=False)
    assert (effect.method, effect.n_control, effect.n_treatment) == ("cr2", 6, 8)
    assert effect.absolute.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert effect.degrees_of_freedom == pytest.approx(expected.df, rel=1e-9)


def test_from_fifty_units_on_the_delta_method_will_do(tmp_path: Path) -> None:
    for units, method in ((FEW_UNITS - 1, "cr2"), (FEW_UNITS, "delta")):
        unit = np.repeat(np.arange(2 * units), 2)
        path = write_csv(
            tmp_path / f"{units}.csv", {"variant": np.where(unit % 2, "b", "a"), "u": unit, "y": np.arange(unit.size) * 7 % 11}
        )
        assert only(ask(path, "y=mean(y)", unit="u")).method == method


def test_a_covariate_is_the_analysis_of_covariance(tmp_path: Path) -> None:
    """Also where some units have none: they take the mean and an indicator."""
    rng = np.random.default_rng(3)
    x = rng.normal(10, 2, 300)
    arm = np.arange(300) % 2
    y = 5 + x + 0.5 * arm + rng.normal(0, 1, 300)
    for share in (0.0, 0.2):
        is_new = rng.random(300) < share
        before = ["" if new else repr(float(v)) for v, new in zip(x, is_new, strict=True)]
        path = write_csv(tmp_path / f"{share}.csv", {"variant": np.where(arm, "b", "a"), "y": y, "before": before})
        effect = only(ask(path, "y=mean(y)", covariates=["y=before"]))
        centred = np.where(is_new, 0.0, x - x[~is_new].mean())
        design = np.column_stack([np.ones(300), arm, centred, *([is_new.astype(float)] if share else [])])
        fit = sm.OLS(y, design).fit()
        assert effect.absolute.estimate == pytest.approx(fit.params[1], rel=1e-6)
        assert effect.absolute.standard_error == pytest.approx(fit.bse[1], rel=0.02)
        assert effect.method == "cuped"
        assert effect.covariate is not None
        if not share:
            assert effect.covariate.theta == pytest.approx(fit.params[2], rel=1e-6)
        assert effect.covariate.variance_removed is not None
        assert effect.covariate.variance_removed > 0.5
        assert effect.covariate.unadjusted.estimate == pytest.approx(y[arm == 1].mean() / y[arm == 0].mean() - 1)


def test_a_covariate_of_a_unit_counts_once_however_many_rows_it_has(trips: Path) -> None:
    plain, adjusted = (only(ask(trips, "m=mean(minutes)", unit="courier", covariates=c)) for c in ([], ["m=before"]))
    assert plain.absolute.standard_error is not None
    assert adjusted.absolute.standard_error is not None
    assert adjusted.absolute.standard_error < 0.6 * plain.absolute.standard_error
    by_zone = only(ask(trips, "m=mean(minutes)", unit="courier", cluster="region", covariates=["m=before"]))
    assert (by_zone.n_control, by_zone.n_treatment) == (8, 8)


def test_a_quantile_is_an_observation(trips: Path) -> None:
    rows = rows_of(trips)
    effect = only(ask(trips, "p90=quantile(minutes,0.9)", unit="courier"))
    minutes, variant = rows["minutes"].astype(float), rows["variant"]
    assert effect.control_value == np.quantile(minutes[variant == "a"], 0.9, method="inverted_cdf")
    assert effect.treatment_value == np.quantile(minutes[variant == "b"], 0.9, method="inverted_cdf")
    assert effect.method == "clustered quantile"
    assert only(ask(trips, "p90=quantile(minutes,0.9)")).method == "quantile"
    assert only(ask(trips, "p90=quantile(minutes,0.9)", cluster="region")).method == "clustered quantile, cr2"


def test_all_metrics_and_treatments_are_one_family(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    arm = rng.integers(0, 3, 900)
    columns = {"variant": np.array(["a", "b", "c"])[arm], "x": rng.normal(0.1 * arm, 1), "y": rng.normal(0.2 * arm, 1)}
    readout = ask(write_csv(tmp_path / "t.csv", columns), "x=mean(x)", "y=mean(y)")
    assert [(e.metric, e.treatment) for e in readout.effects] == [("x", "b"), ("x", "c"), ("y", "b"), ("y", "c")]
    p_values = [e.absolute.p_value for e in readout.effects]
    assert [e.p_value_adjusted for e in readout.effects] == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), rel=1e-12)


def test_the_anytime_valid_interval_is_the_normal_mixtures_with_students_tail(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    path = write_csv(tmp_path / "t.csv", {"variant": ["a", "b"] * 200, "y": rng.normal(size=400)})
    readout = ask(path, "y=mean(y)", planned_units=1000)
    effect = only(readout)
    assert effect.sequential is not None
    assert effect.sequential.interval is not None
    assert effect.absolute.estimate is not None
    assert effect.absolute.standard_error is not None
    evidence = -2 * np.log(0.05)
    rho = 1000 / (evidence + np.log(1 + evidence))
    normal = np.sqrt((400 + rho) * np.log((400 + rho) / (rho * 0.05**2)) / 400)
    assert effect.degrees_of_freedom is not None
    half = stats.t.isf(stats.norm.sf(normal), effect.degrees_of_freedom) * effect.absolute.standard_error
    assert effect.sequential.interval.high == pytest.approx(effect.absolute.estimate + half, rel=1e-12)
    assert effect.p_value_adjusted == effect.sequential.p_value, "the p-value that counts"
    assert readout.srm.sequential_p_value is not None
    median, unknown = ask(path, "m=quantile(y,0.5)", "u=quantile(y,0.999)", planned_units=1000).effects
    assert median.sequential is not None
    assert median.sequential.interval is not None
    assert median.absolute.interval is not None
    assert median.sequential.interval.low < median.absolute.interval.low  # type: ignore[operator]
    assert unknown.sequential is None


def test_segments_are_tested_before_they_are_shown(trips: Path) -> None:
    readout = ask(trips, "m=mean(minutes)", unit="courier", segment="zone")
    (test,) = readout.segment_tests
    segments = [effect for effect in readout.effects if effect.segment != "all"]
    assert [effect.segment for effect in segments] == ["z0", "z1", "z2"]
    values = np.array([effect.absolute.estimate for effect in segments], dtype=float)
    weights = np.array([effect.absolute.standard_error for effect in segments], dtype=float) ** -2
    assert test.q == pytest.approx(np.sum(weights * (values - np.average(values, weights=weights)) ** 2))
    assert (test.segments, test.suppressed, test.reason) == (3, (), None)
    assert all(effect.p_value_adjusted is None for effect in segments)


def test_small_segments_are_not_shown_and_several_ones_count_in_all(tmp_path: Path) -> None:
    unit = np.arange(200)
    zone = np.where(unit < 10, "tiny", np.where(unit % 4 < 2, "north", "south")).astype(object)
    zone[199] = ""
    columns = {"variant": np.where(unit % 2, "b", "a"), "u": unit, "zone": zone, "y": unit * 13 % 17}
    columns = {name: [*values, values[50]] for name, values in columns.items()}
    columns["zone"][-1] = "south" if zone[50] == "north" else "north"
    readout = ask(write_csv(tmp_path / "t.csv", columns), "y=mean(y)", unit="u", segment="zone")
    assert [effect.segment for effect in readout.effects] == ["all", "north", "south"]
    assert readout.segment_tests[0].suppressed == ("tiny",)
    assert {(entry.cause, entry.units) for entry in readout.left_out} == {(Cause.no_segment, 1), (Cause.several_segments, 1)}
    assert readout.effects[0].n_control + readout.effects[0].n_treatment == 200


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """A unit in two variants, rows without a variant, unit or value."""
    path = write_csv(
        tmp_path / "t.csv",
        {
            "variant": ["a", "b", "a", "a", "b", "b", "", "a", "b", "a"],
            "u": ["1", "1", "2", "3", "4", "5", "6", "", "7", "8"],
            "y": ["1", "2", "3", "5", "4", "6", "9", "9", "", "NA"],
        },
    )
    readout = ask(path, "y=mean(y)", unit="u")
    counted = {(entry.cause, entry.metric): (entry.rows, entry.units) for entry in readout.left_out}
    assert counted == {
        (Cause.no_variant, None): (1, None),
        (Cause.no_unit, None): (1, None),
        (Cause.several_variants, None): (2, 1),
        (Cause.missing_value, "y"): (2, 2),
    }
    assert (readout.contamination.units, readout.contamination.share, readout.contamination.is_alarming) == (1, 1 / 7, True)
    assert [arm.units for arm in readout.variants] == [3, 3]
    effect = only(readout)
    assert (effect.n_control, effect.n_treatment, effect.absolute.estimate) == (2, 2, 1.0)


def test_a_variant_with_one_unit_or_none_has_a_reason_and_no_estimate(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", {"variant": ["a", "a", "b"], "y": [1, 2, 3]})
    readout = ask(path, "y=mean(y)", shares={"a": 0.4, "b": 0.4, "c": 0.2})
    assert [arm.units for arm in readout.variants] == [2, 1, 0]
    for effect in readout.effects:
        assert effect.absolute.estimate is None
        assert effect.absolute.reason == "treatment: fewer than two units"
        assert (effect.absolute.p_value, effect.degrees_of_freedom, effect.p_value_adjusted) == (None, None, None)


def test_a_mismatch_is_found_by_the_planned_shares(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", {"variant": ["a"] * 600 + ["b"] * 400, "y": range(1000)})
    assert ask(path, "y=mean(y)").srm.p_value == pytest.approx(2.5396e-10, rel=1e-4)
    assert ask(path, "y=mean(y)").srm.is_mismatch
    assert not ask(path, "y=mean(y)", shares={"a": 0.6, "b": 0.4}).srm.is_mismatch
    assert ask(path, "y=mean(y)", shares={"a": 1.0, "b": 0.0}).srm.is_mismatch, "units where none were planned"


def test_parquet_says_the_same_as_csv(trips: Path, tmp_path: Path) -> None:
    rows = rows_of(trips)
    table = pa.table(
        {
            "variant": pa.array(rows["variant"]).dictionary_encode(),
            "courier": pa.array([int(name.split()[1]) + 2**60 for name in rows["courier"]]),
            "minutes": rows["minutes"].astype(float),
            "late": rows["late"] == "1",
        }
    )
    pa.parquet.write_table(table, tmp_path / "trips.parquet")
    metrics = ("m=mean(minutes)", "late=proportion(late)")
    assert ask(tmp_path / "trips.parquet", *metrics, unit="courier").effects == ask(trips, *metrics, unit="courier").effects
