"""cluster-experiments 0.31 on the deliveries of the same couriers."""

from __future__ import annotations

import pytest
from cluster_experiments import ClusteredOLSAnalysis, DeltaMethodAnalysis

from peers.couriers import couriers, deliveries, moments
from splitmile import stats


@pytest.mark.filterwarnings("ignore:Delta Method approximation:UserWarning")
def test_the_delta_method_agrees() -> None:
    # One row a courier; they take normal quantiles where we take Student's t, so standard errors are compared.
    frame = couriers().assign(treatment=lambda rows: rows.variant.map({0: "A", 1: "B"}))
    theirs = DeltaMethodAnalysis(cluster_cols=["courier"], target_col="seconds", scale_col="deliveries").get_inference_results(
        frame, alpha=0.05
    )
    ours = stats.absolute_effect(*moments("seconds", "deliveries"))
    assert ours.estimate[0] == pytest.approx(theirs.ate, rel=1e-9)
    # n there, n - 1 here.
    assert ours.standard_error[0] == pytest.approx(theirs.std_error, rel=2 / 300)


def test_clustered_regression_agrees() -> None:
    rows = deliveries().assign(treatment=lambda rows: rows.variant.map({0: "A", 1: "B"}), target=lambda rows: rows.seconds)
    theirs = ClusteredOLSAnalysis(cluster_cols=["courier"]).get_inference_results(rows, alpha=0.05)
    by_courier = rows.groupby(["courier", "variant"]).seconds.agg(["sum", "count"]).reset_index()
    both = stats.clustered_estimates(
        by_courier["sum"].to_numpy(), by_courier["count"].to_numpy(), group=by_courier.variant.to_numpy(), groups=2
    )
    assert both.value[1] - both.value[0] == pytest.approx(theirs.ate, rel=1e-9)
    # CR1 there, CR2 here: with three hundred couriers a side both corrections are small.
    assert (both.variance.sum()) ** 0.5 == pytest.approx(theirs.std_error, rel=5e-3)
