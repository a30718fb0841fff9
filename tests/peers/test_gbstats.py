"""GrowthBook's gbstats 0.8 on the same couriers.

It takes floating-point sums and gives p-values from 1 - cdf, which end at 1e-16; so very small ones are not compared.
"""

from __future__ import annotations

import numpy as np
import pytest
from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import (
    ProportionStatistic,
    QuantileClusteredStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
    Statistic,
)

from peers.couriers import couriers, covariate_moments, deliveries, moments
from splitmile import stats

ABSOLUTE, RELATIVE = FrequentistConfig(difference_type="absolute"), FrequentistConfig(difference_type="relative")


def sides(make) -> tuple[Statistic, Statistic]:
    frame = couriers()
    return make(frame[frame.variant == 0]), make(frame[frame.variant == 1])


def mean_of(column: str):
    return lambda rows: SampleMeanStatistic(n=len(rows), sum=rows[column].sum(), sum_squares=(rows[column] ** 2).sum())


def ratio_of(numerator: str, denominator: str):
    return lambda rows: RatioStatistic(
        n=len(rows),
        m_statistic=mean_of(numerator)(rows),
        d_statistic=mean_of(denominator)(rows),
        m_d_sum_of_products=(rows[numerator] * rows[denominator]).sum(),
    )


def assert_same(ours: stats.Effects, theirs, *, rel: float = 1e-9) -> None:
    result = theirs.compute_result()
    assert ours.estimate[0] == pytest.approx(result.expected, rel=rel)
    assert [end[0] for end in ours.interval(0.05)] == pytest.approx(result.ci, rel=rel)
    assert ours.p_value()[0] == pytest.approx(result.p_value, rel=max(rel, 1e-7))


@pytest.mark.parametrize("config", [ABSOLUTE, RELATIVE], ids=["absolute", "relative"])
@pytest.mark.parametrize(
    ("columns", "make"),
    [(("deliveries", None), mean_of("deliveries")), (("seconds", "deliveries"), ratio_of("seconds", "deliveries"))],
    ids=["mean", "ratio"],
)
def test_means_and_ratios_agree_to_nine_digits(columns, make, config: FrequentistConfig) -> None:
    control, treatment = moments(*columns)
    effect = stats.absolute_effect if config is ABSOLUTE else stats.relative_effect
    assert_same(effect(control, treatment), TwoSidedTTest(*sides(make), config))


def test_proportions_differ_by_their_missing_bessel_correction() -> None:
    # p(1 - p)/n there, p(1 - p)/(n - 1) here, which is what every other metric has.
    make = lambda rows: ProportionStatistic(n=len(rows), sum=rows.is_late.sum())  # noqa: E731
    control, treatment = sides(make)
    theirs = TwoSidedTTest(control, treatment, ABSOLUTE)
    ours = stats.absolute_effect(*moments("is_late"))
    corrected = sum(side.variance / (side.n - 1) for side in (control, treatment))
    assert ours.estimate[0] == pytest.approx(theirs.point_estimate, rel=1e-12)
    assert ours.standard_error[0] ** 2 == pytest.approx(corrected, rel=1e-9)


def test_anytime_valid_intervals_and_p_values_agree() -> None:
    control, treatment = moments("seconds", "deliveries")
    effect = stats.absolute_effect(control, treatment)
    config = SequentialConfig(difference_type="absolute", sequential_tuning_parameter=900)
    theirs = SequentialTwoSidedTTest(*sides(ratio_of("seconds", "deliveries")), config)
    n = control.n + treatment.n
    low, high = stats.confidence_sequence(effect.estimate, effect.standard_error, n, [900], 0.05)
    assert [low[0], high[0]] == pytest.approx(theirs.confidence_interval, rel=1e-9)
    p_value = stats.always_valid_p_value(effect.estimate, effect.standard_error, n, [900], 0.05)
    assert p_value[0] == pytest.approx(theirs.p_value, rel=1e-7)


def test_cuped_differs_by_where_theta_is_pooled_only() -> None:
    # Their theta comes from both arms as one sample, ours from within the arms; the difference is of the order of the effect squared.
    def make(rows) -> RegressionAdjustedStatistic:
        return RegressionAdjustedStatistic(
            n=len(rows),
            post_statistic=mean_of("deliveries")(rows),
            pre_statistic=mean_of("deliveries_before")(rows),
            post_pre_sum_of_products=(rows.deliveries * rows.deliveries_before).sum(),
            theta=0,
        )

    theirs = TwoSidedTTest(*sides(make), ABSOLUTE)
    adjustment = stats.cuped(*covariate_moments("deliveries"))
    ours = stats.absolute_effect(adjustment.control, adjustment.treatment, covariance=adjustment.covariance)
    assert adjustment.theta[0] == pytest.approx(theirs.stat_a.theta, abs=2e-3)
    assert ours.estimate[0] == pytest.approx(theirs.point_estimate, abs=0.01 * ours.standard_error[0])
    assert ours.standard_error[0] == pytest.approx(np.sqrt(theirs.variance), rel=1e-3)


def test_clustered_quantiles_agree_where_the_same_order_statistics_are_taken() -> None:
    rows, q = deliveries(), 0.9
    at = {}
    for variant in (0, 1):
        own = rows[rows.variant == variant]
        histogram = stats.Histogram.from_values(own.seconds.to_numpy())
        n, value = len(own), stats.quantile(histogram, q)
        half = 1.959963984540054 * np.sqrt(q * (1 - q) / n)
        by_courier = own.assign(below=own.seconds <= value).groupby("courier").below.agg(["sum", "count"])
        at[variant] = QuantileClusteredStatistic(
            n=n,
            n_star=n,
            nu=q,
            quantile_hat=value,
            quantile_lower=stats.quantile(histogram, q - half),
            quantile_upper=stats.quantile(histogram, q + half),
            main_sum=by_courier["sum"].sum(),
            main_sum_squares=(by_courier["sum"] ** 2).sum(),
            denominator_sum=by_courier["count"].sum(),
            denominator_sum_squares=(by_courier["count"] ** 2).sum(),
            main_denominator_sum_product=(by_courier["sum"] * by_courier["count"]).sum(),
            n_clusters=len(by_courier),
        )
    theirs = TwoSidedTTest(at[0], at[1], ABSOLUTE)
    by_variant = stats.quantile_of_units(rows.seconds.to_numpy(), rows.courier.to_numpy(), q, group=rows.variant.to_numpy(), groups=2)
    ours = stats.quantile_estimates(*by_variant, q)
    assert ours.value[1] - ours.value[0] == theirs.point_estimate
    # They read the interval's ends off the order statistics themselves; ours spreads tied whole seconds over their cell.
    assert np.sqrt(ours.variance.sum()) == pytest.approx(np.sqrt(theirs.variance), rel=0.03)


def test_the_bayesian_view_agrees() -> None:
    relative = stats.relative_effect(*moments("seconds", "deliveries"))
    config = EffectBayesianConfig(difference_type="relative", inverse=True, prior_effect=GaussianPrior(0, 0.05**2, proper=True))
    theirs = EffectBayesianABTest(*sides(ratio_of("seconds", "deliveries")), config).compute_result()
    ours = stats.posterior(relative, prior_standard_deviation=0.05, direction="decrease")
    assert ours.mean[0] == pytest.approx(theirs.expected, rel=1e-9)
    assert [end[0] for end in ours.interval(0.05)] == pytest.approx(theirs.ci, rel=1e-9)
    assert ours.chance_to_beat_control[0] == pytest.approx(theirs.chance_to_win, rel=1e-9)
    assert ours.expected_loss[0] == pytest.approx(theirs.risk[1], rel=1e-6)
