from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from splitmile.simulate.assignment import assign, hashed_uniforms

UNITS = [f"C{i}" for i in range(20_000)]


def test_hashes_are_uniform():
    assert stats.kstest(hashed_uniforms("salt", UNITS), "uniform").pvalue > 0.001


def test_two_salts_split_independently():
    first, second = assign("one", UNITS, (0.5, 0.5)), assign("two", UNITS, (0.5, 0.5))
    table = np.histogram2d(first, second, bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_shares_are_kept():
    counts = np.bincount(assign("thirds", UNITS, (1 / 3, 1 / 3, 1 / 3)), minlength=3)
    assert stats.chisquare(counts).pvalue > 0.001


def test_a_unit_keeps_its_variant_whoever_else_there_is():
    assert assign("salt", UNITS[:5], (0.5, 0.5)).tolist() == assign("salt", UNITS, (0.5, 0.5))[:5].tolist()


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"add up to 0\.9, expected 1"):
        assign("salt", UNITS, (0.5, 0.4))
