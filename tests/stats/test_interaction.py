from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from splitmile.stats import Estimates, Moments, RowsMismatch, estimate, interaction

CELLS = ["neither", "only_first", "only_second", "both"]


def test_agrees_with_a_robust_regression() -> None:
    rng = np.random.default_rng(11)
    sizes = [40, 55, 30, 70]
    first, second = np.repeat([0, 1, 0, 1], sizes), np.repeat([0, 0, 1, 1], sizes)
    outcome = 5 + first + 2 * second - 0.7 * first * second + rng.normal(0, 1 + first + 2 * second)
    moments = Moments.from_units(outcome, group=first + 2 * second, groups=4)
    contrast = interaction(*(estimate(moments.take([cell])) for cell in range(4)))
    design = np.column_stack([np.ones(outcome.size), first, second, first * second])
    # HC2 weighs each cell's squares by n/(n − 1): the variance of a mean, exactly.
    peer = sm.OLS(outcome, design).fit(cov_type="HC2")
    assert contrast.estimate == pytest.approx([peer.params[3]], rel=1e-10)
    assert contrast.standard_error == pytest.approx([peer.bse[3]], rel=1e-10)
    parts = [
        outcome[(first == a) & (second == b)].var(ddof=1) / n for (a, b), n in zip([(0, 0), (1, 0), (0, 1), (1, 1)], sizes, strict=True)
    ]
    satterthwaite = sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    assert contrast.degrees_of_freedom == pytest.approx([satterthwaite], rel=1e-10)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0.01, 4), st.integers(2, 99)), min_size=4, max_size=4))
def test_experiments_may_change_places(cells: list[tuple[float, float, int]]) -> None:
    neither, first, second, both = (Estimates([n], [value], [variance], [n - 1.0], [""]) for value, variance, n in cells)
    contrast, exchanged = interaction(neither, first, second, both), interaction(neither, second, first, both)
    relabelled = interaction(first, neither, both, second)
    assert exchanged.estimate == pytest.approx(contrast.estimate, abs=1e-12)
    assert exchanged.p_value() == pytest.approx(contrast.p_value(), rel=1e-9)
    assert relabelled.estimate == pytest.approx(-contrast.estimate, abs=1e-12)


def test_a_missing_or_constant_cell_is_named() -> None:
    full = Estimates([9, 9, 9], [1.0, 1.0, 1.0], [0.0, 0.0, 0.1], [8.0, 8.0, 8.0], ["", "", ""])
    gap = Estimates([9, 1, 9], [2.0, np.nan, 2.0], [0.0, np.nan, 0.1], [8.0, np.nan, 8.0], ["", "fewer than two units", ""])
    contrast = interaction(full, full, full, gap)
    assert contrast.reason.tolist() == ["no variation in any of the four cells, so no test is possible", "both: fewer than two units", ""]
    assert contrast.estimate[0] == 1.0, "the difference stays as a plain fact"
    assert contrast.standard_error[0] == 0.0
    assert np.isnan(contrast.estimate[1])
    assert np.isnan(contrast.p_value()).tolist() == [True, True, False]
    with pytest.raises(RowsMismatch, match="one row a pair"):
        interaction(full, full, full, Estimates([9], [1.0], [1.0], [8.0], [""]))
