from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from splitmile.stats import ProbabilityOutOfRange, RowsMismatch, benjamini_hochberg, holm

BOTH = pytest.mark.parametrize(("adjust", "peer"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
families = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_published_benjamini_hochberg() -> None:
    adjusted = benjamini_hochberg([0.005, 0.06, 0.007, 0.04, 0.01, 0.03])
    assert adjusted == pytest.approx([0.02, 0.06, 0.02, 0.048, 0.02, 0.045], rel=1e-12)


@settings(max_examples=20, deadline=None)  # statsmodels takes some 50 ms a call
@given(families)
def test_agree_with_statsmodels_and_scipy(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], rel=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1], rel=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values), rel=1e-12)


@BOTH
@settings(deadline=None)
@given(p_values=families, data=st.data())
def test_order_does_not_matter_and_missing_tests_do_not_count(
    adjust: Callable[[list[float]], np.ndarray], peer: str, p_values: list[float], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(p_values))))
    adjusted = adjust(p_values)
    assert adjust([p_values[i] for i in order]) == pytest.approx(adjusted[list(order)], rel=1e-12)
    padded = adjust([np.nan, *p_values, np.nan])
    assert np.isnan(padded[[0, -1]]).all()
    assert padded[1:-1].tolist() == adjusted.tolist()
    assert ((adjusted >= np.array(p_values) * (1 - 1e-12)) & (adjusted <= 1)).all()


@BOTH
def test_edges(adjust: Callable[[object], np.ndarray], peer: str) -> None:
    assert adjust([]).tolist() == []
    assert np.isnan(adjust([np.nan])).all()
    given_values = np.array([0.02, 0.01])
    adjust(given_values)
    assert given_values.tolist() == [0.02, 0.01], "the input is left alone"
    for wrong in ([0.1, -0.1], [0.1, 1.1]):
        with pytest.raises(ProbabilityOutOfRange, match="from 0 to 1"):
            adjust(wrong)
    with pytest.raises(RowsMismatch, match=r"\(1, 2\)"):
        adjust([[0.1, 0.2]])
