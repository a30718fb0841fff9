from __future__ import annotations

import numpy as np

from splitmile.stats.rows import first_reasons, quotients, words_in


def test_the_first_reason_that_holds_is_given() -> None:
    first, second = np.array([True, False, True, False]), np.array([True, True, False, False])
    assert first_reasons((first, "one"), (second, "another")).tolist() == ["one", "another", "one", ""]
    assert first_reasons((first, np.array(["a", "b", "c", "d"])), (second, "another")).tolist() == ["a", "another", "c", ""]
    assert first_reasons((first, "one")).tolist() == ["one", "", "one", ""]
    assert first_reasons((np.zeros(2, dtype=np.bool_), "one")).tolist() == ["", ""]


def test_words_go_to_their_rows() -> None:
    assert words_in(np.array([False, True, True]), np.array(["long words", "b"])).tolist() == ["", "long words", "b"]
    assert words_in(np.array([False]), np.array([], dtype=np.str_)).tolist() == [""]


def test_no_quotient_by_zero() -> None:
    assert quotients(np.array([6.0, 1.0, 0.0]), np.array([3.0, 0.0, 0.0])).tolist()[0] == 2
    assert np.isnan(quotients(np.array([1.0, 0.0]), np.array([0.0, 0.0]))).all()
