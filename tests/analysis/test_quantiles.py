"""Quantile metrics from histograms and sums of units, checked against numpy and a recomputation from the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.plans import a_plan, sums_of
from splitmile import stats
from splitmile.analysis.effects import compute_effects
from splitmile.analysis.quantiles import QuantileSums
from splitmile.registry import Metric, Plan, Role

RNG = np.random.default_rng(20260302)


class Arm:
    """The observations of one variant, row by row: seconds and the courier that each belongs to."""

    def __init__(self, couriers: int, slower_by: int, name: str) -> None:
        orders = RNG.poisson(25, couriers)
        self.unit = np.repeat([f"{name}{number}" for number in range(couriers)], orders)
        self.seconds = np.rint(np.repeat(RNG.normal(1500 + slower_by, 150, couriers), orders) + RNG.gamma(2, 200, orders.sum())).astype(int)
        self.couriers = couriers

    def sums(self, q: float, without_value: int = 0) -> QuantileSums:
        """What the warehouse would hold."""
        values, counts = np.unique(self.seconds, return_counts=True)
        threshold = np.quantile(self.seconds, q, method="inverted_cdf")
        _, codes = np.unique(self.unit, return_inverse=True)
        s = np.bincount(codes, self.seconds <= threshold).astype(int)
        n = np.bincount(codes)
        sums = (s.sum(), n.sum(), (s * s).sum(), (s * n).sum(), (n * n).sum())
        first, second, third, fourth, fifth = map(int, sums)
        return QuantileSums(stats.Histogram(values, counts), without_value, len(n), (first, second, third, fourth, fifth))


SLOW, FAST = Arm(300, 0, "a"), Arm(280, -120, "b")


def _plan(*shares: float) -> Plan:
    names = [f"p{round(100 * share)}" for share in shares]
    plan = a_plan(*((name, "quantile", Role.secondary, "decrease") for name in names))
    return replace(
        plan,
        metrics=tuple(
            replace(planned, metric=_quantile(planned.metric, share)) for planned, share in zip(plan.metrics, shares, strict=True)
        ),
    )


def _quantile(metric: Metric, share: float) -> Metric:
    return replace(metric, quantile=share)


def test_value_and_standard_error_are_those_of_the_rows() -> None:
    shares = (0.9, 0.5, 0.95)
    plan = _plan(*shares)
    quantiles = {
        (variant, planned.metric.name): arm.sums(planned.metric.quantile or 0)
        for planned in plan.metrics
        for variant, arm in (("a", SLOW), ("b", FAST))
    }
    effects = compute_effects(plan, [], has_ended=False, quantiles=quantiles)
    for effect, q in zip(effects, shares, strict=True):
        control, treatment = (np.quantile(arm.seconds, q, method="inverted_cdf") for arm in (SLOW, FAST))
        assert (effect.control_value, effect.treatment_value) == (control, treatment)
        assert effect.absolute.estimate == treatment - control
        group = np.repeat([0, 1], [SLOW.unit.size, FAST.unit.size])
        rows = np.concatenate([SLOW.seconds, FAST.seconds]), np.concatenate([SLOW.unit, FAST.unit])
        by_row = stats.quantile_estimates(*stats.quantile_of_units(*rows, q, group=group, groups=2), q)
        assert effect.absolute.standard_error == pytest.approx(np.sqrt(by_row.variance.sum()), rel=1e-12)
        assert effect.relative.estimate == pytest.approx(treatment / control - 1, rel=1e-12)
        assert (effect.n_control, effect.n_treatment) == (300, 280)
        assert effect.method == "quantile"
        assert effect.sequential is not None
        assert effect.sequential.interval is not None
        assert effect.absolute.interval is not None
        low, high = effect.sequential.interval.low, effect.sequential.interval.high
        assert low is not None
        assert high is not None
        assert effect.absolute.interval.low is not None
        assert low < effect.absolute.interval.low < treatment - control < high


def test_quantiles_stand_beside_means_and_say_what_has_no_value() -> None:
    plan = _plan(0.9)
    mean = a_plan(("orders", "mean", Role.primary, "increase")).metrics
    orders = {variant: RNG.poisson(30, 300) for variant in "ab"}
    quantiles = {("a", "p90"): SLOW.sums(0.9, without_value=500), ("b", "p90"): FAST.sums(0.9, without_value=100)}
    rows = [row for variant in "ab" for row in sums_of(variant, orders=orders[variant])]
    first, second = compute_effects(replace(plan, metrics=mean + plan.metrics), rows, has_ended=True, quantiles=quantiles)
    assert [first] == list(compute_effects(replace(plan, metrics=mean), rows, has_ended=True))
    assert second.censored_share == pytest.approx(600 / (600 + SLOW.seconds.size + FAST.seconds.size))
    assert first.censored_share is None
    assert second.is_better


def test_a_variant_without_observations_has_no_quantile_and_says_why() -> None:
    (effect,) = compute_effects(_plan(0.9), [], has_ended=True, quantiles={("a", "p90"): SLOW.sums(0.9)})
    assert effect.absolute.reason == "treatment: no observation"
    assert (effect.control_value, effect.treatment_value) == (np.quantile(SLOW.seconds, 0.9, method="inverted_cdf"), None)


def test_sums_of_other_observations_than_the_histogram_are_refused() -> None:
    wrong = replace(SLOW.sums(0.9), sums=FAST.sums(0.8).sums)
    with pytest.raises(stats.HistogramInvalid, match="have to come from the same observations"):
        compute_effects(_plan(0.9), [], has_ended=True, quantiles={("a", "p90"): wrong, ("b", "p90"): FAST.sums(0.9)})
