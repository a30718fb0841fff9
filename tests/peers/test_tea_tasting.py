"""tea-tasting 1.14 on the same couriers."""

from __future__ import annotations

import numpy as np
import pytest
import tea_tasting as tt

from peers.couriers import couriers, covariate_moments, moments
from splitmile import stats


def analyzed(metric: tt.metrics.MetricBase):
    return tt.Experiment(metric=metric).analyze(couriers(), control=0)["metric"]


def assert_same(absolute: stats.Effects, relative: stats.Effects, theirs, *, rel: float) -> None:
    assert absolute.estimate[0] == pytest.approx(theirs.effect_size, rel=rel)
    assert [end[0] for end in absolute.interval(0.05)] == pytest.approx([theirs.effect_size_ci_lower, theirs.effect_size_ci_upper], rel=rel)
    assert absolute.p_value()[0] == pytest.approx(theirs.pvalue, rel=max(rel, 1e-6))
    assert relative.estimate[0] == pytest.approx(theirs.rel_effect_size, rel=rel)


def test_means_agree() -> None:
    sides = moments("deliveries")
    assert_same(stats.absolute_effect(*sides), stats.relative_effect(*sides), analyzed(tt.Mean("deliveries")), rel=1e-9)


def test_ratios_agree() -> None:
    sides = moments("seconds", "deliveries")
    theirs = analyzed(tt.RatioOfMeans("seconds", "deliveries"))
    assert_same(stats.absolute_effect(*sides), stats.relative_effect(*sides), theirs, rel=1e-9)


def test_relative_intervals_differ_as_a_logarithm_does() -> None:
    # Theirs is the delta method on the logarithm of the quotient, transformed back; ours is on the quotient itself.
    ours = stats.relative_effect(*moments("seconds", "deliveries"))
    theirs = analyzed(tt.RatioOfMeans("seconds", "deliveries"))
    half = (ours.interval(0.05)[1] - ours.estimate) / (1 + ours.estimate)
    back = [(1 + ours.estimate[0]) * np.exp(sign * half[0]) - 1 for sign in (-1, 1)]
    assert back == pytest.approx([theirs.rel_effect_size_ci_lower, theirs.rel_effect_size_ci_upper], rel=1e-5)


@pytest.mark.parametrize(
    ("columns", "metric"),
    [
        (("deliveries", None), tt.Mean("deliveries", covariate="deliveries_before")),
        (
            ("seconds", "deliveries"),
            tt.RatioOfMeans("seconds", "deliveries", numer_covariate="seconds_before", denom_covariate="deliveries_before"),
        ),
    ],
    ids=["mean", "ratio"],
)
def test_cuped_differs_by_where_theta_is_pooled_only(columns, metric) -> None:
    # Their theta and their linearisation come from both variants as one sample; ours from within the variants.
    adjustment = stats.cuped(*covariate_moments(*columns))
    ours = stats.absolute_effect(adjustment.control, adjustment.treatment, covariance=adjustment.covariance)
    theirs = analyzed(metric)
    error = ours.standard_error[0]
    half = (theirs.effect_size_ci_upper - theirs.effect_size_ci_lower) / 2
    low, high = ours.interval(0.05)
    assert ours.estimate[0] == pytest.approx(theirs.effect_size, abs=0.02 * error)
    assert (high[0] - low[0]) / 2 == pytest.approx(half, rel=5e-3)
    assert adjustment.variance_removed[0] > 0.05


def test_sample_ratio_p_values_agree() -> None:
    frame = couriers()
    frame = frame[(frame.variant == 0) | (frame.courier % 5 > 0)]
    counts = frame.variant.value_counts()
    theirs = tt.Experiment(ratio=tt.SampleRatio(method="norm", correction=False)).analyze(frame, control=0)["ratio"]
    ours = stats.chi_squared_srm([counts[0], counts[1]], [0.5, 0.5])
    assert float(ours.p_value) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_adjusted_p_values_agree() -> None:
    result = tt.Experiment(
        late=tt.Mean("is_late"), deliveries=tt.Mean("deliveries"), seconds=tt.Mean("seconds"), before=tt.Mean("deliveries_before")
    ).analyze(couriers(), control=0)
    found = [metric.pvalue for metric in result.values()]
    holm = tt.adjust_fwer(result, arbitrary_dependence=True, method="bonferroni").to_dicts()
    fdr = tt.adjust_fdr(result, arbitrary_dependence=False).to_dicts()
    assert stats.holm(found) == pytest.approx([row["pvalue_adj"] for row in holm], rel=1e-12)
    assert stats.benjamini_hochberg(found) == pytest.approx([row["pvalue_adj"] for row in fdr], rel=1e-12)
