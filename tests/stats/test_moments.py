from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmile.errors import StatisticsError
from splitmile.stats import ImpossibleMoments, Moments, RowsMismatch
from stats.unit_rows import moments_of

FIELDS = ("n", "mean_numerator", "mean_denominator", "m2_numerator", "m2_denominator", "c2")
GOOD: dict[str, list[float]] = {
    "n": [3, 0],
    "mean_numerator": [2.0, 0],
    "mean_denominator": [1.0, 0],
    "m2_numerator": [2.0, 0],
    "m2_denominator": [8.0, 0],
    "c2": [3.0, 0],
}
units = st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**4)), max_size=12)


def build(**changes: list[float]) -> Moments:
    values = {name: np.array(value, dtype=np.float64) for name, value in (GOOD | changes).items()}
    return Moments(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "level"), [("NumAcc3", 10_000_002), ("NumAcc4", 100_000_002)])
def test_nist_accuracy_sets_keep_their_standard_deviation(name: str, level: int) -> None:
    tenths = [level, *[level - 1, level + 1] * 500]  # NIST StRD: 1,001 values, certified SD 0.1
    moments = moments_of(tenths)
    assert moments.mean_numerator[0] / 10 == level / 10
    assert np.sqrt(moments.m2_numerator[0] / 1000) / 10 == pytest.approx(0.1, rel=1e-15)
    naive = np.array(tenths, dtype=np.float64) / 10
    lost = (np.sum(naive**2) - np.sum(naive) ** 2 / 1001) / 1000
    assert abs(np.sqrt(abs(lost)) - 0.1) > 1e-8, "sums of squares in floats must fail here, or the case proves nothing"


def test_moments_agree_with_numpy_on_the_rows() -> None:
    rng = np.random.default_rng(1)
    numerators, denominators = rng.poisson(900, 500), rng.poisson(30, 500)
    moments = moments_of(numerators.tolist(), denominators.tolist())
    covariance = np.cov(numerators, denominators) * 499
    assert moments.n.tolist() == [500]
    assert moments.mean_numerator[0] == pytest.approx(numerators.mean(), rel=1e-14)
    assert moments.mean_denominator[0] == pytest.approx(denominators.mean(), rel=1e-14)
    assert [moments.m2_numerator[0], moments.m2_denominator[0], moments.c2[0]] == pytest.approx(
        [covariance[0, 0], covariance[1, 1], covariance[0, 1]], rel=1e-11
    )


def test_integers_of_every_kind_and_length_are_taken() -> None:
    big = 10**18
    as_int = Moments.from_sums([2], [2 * big + 2], [2], [2 * big**2 + 4 * big + 4], [2 * big + 2], [2])  # big, big + 2
    as_decimal = Moments.from_sums(*[[Decimal(v)] for v in (2, 2 * big + 2, 2, 2 * big**2 + 4 * big + 4, 2 * big + 2, 2)])
    as_numpy = Moments.from_sums(*[list(np.array([v])) for v in (2, 4, 2, 10, 4, 2)])  # 1, 3
    for moments in (as_int, as_decimal, as_numpy):
        assert moments.m2_numerator.tolist() == [2.0]
    assert as_int.n.dtype == np.int64


def test_no_rows_and_no_units_are_fine() -> None:
    assert len(Moments.from_sums([], [], [], [], [], [])) == 0
    empty = Moments.from_sums([0], [0], [0], [0], [0], [0])
    assert [getattr(empty, name).tolist() for name in FIELDS] == [[0]] * 6


@pytest.mark.parametrize(
    ("sums", "words"),
    [
        ((-1, 0, 0, 0, 0, 0), "n is negative"),
        ((0, 1, 0, 1, 0, 0), "no unit, yet sums"),
        ((2, 4, 2, 7, 4, 2), "variance is negative"),
        ((2, 4, 4, 10, 8, 7), "variance is negative"),
        ((2, 4, 4, 10, 11, 10), "Cauchy-Schwarz"),
        ((1, 4, 1, 17, 4, 1), "one unit cannot have a spread"),
        ((2.0, 4, 2, 10, 4, 2), "type float, expected an exact integer"),
        ((2, float("nan"), 2, 10, 4, 2), "type float"),
        ((2, None, 2, 10, 4, 2), "found None of type NoneType"),
        ((2, Decimal("4.5"), 2, 10, 4, 2), "found 4.5, expected a whole number"),
        ((2, Decimal("NaN"), 2, 10, 4, 2), "found NaN"),
        ((2, 0, 2, 2 * 10**620, 0, 2), "double precision"),
    ],
)
def test_impossible_sums_are_refused_and_the_row_is_named(sums: tuple[Any, ...], words: str) -> None:
    good = (2, 4, 2, 10, 4, 2)
    with pytest.raises(ImpossibleMoments, match=words) as caught:
        Moments.from_sums(*[[a, b] for a, b in zip(good, sums, strict=True)])
    assert caught.value.row == 1
    assert "row 1" in str(caught.value)
    assert isinstance(caught.value, StatisticsError)


def test_sequences_of_different_length_are_refused() -> None:
    with pytest.raises(RowsMismatch, match=r"\[1, 1, 1, 1, 1, 0\]"):
        Moments.from_sums([1], [1], [1], [1], [1], [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": [3, -1]}, "n is no count"),
        ({"n": [3, 2.5]}, "n is no count"),
        ({"mean_numerator": [2.0, np.nan]}, "mean_numerator is not finite"),
        ({"m2_numerator": [2.0, -1e-3]}, "m2_numerator is negative"),
        ({"m2_denominator": [8.0, -1e-3]}, "m2_denominator is negative"),
        ({"c2": [4.0001, 0.1]}, "Cauchy-Schwarz"),
        ({"m2_numerator": [2.0, 1.0]}, "fewer than two units"),
        ({"mean_denominator": [1.0, 1.0]}, "no unit, yet a mean"),
    ],
)
def test_impossible_moments_are_refused(changes: dict[str, list[float]], words: str) -> None:
    with pytest.raises(ImpossibleMoments, match=words):
        build(**changes)


def test_rounding_at_the_cauchy_schwarz_bound_is_not_refused() -> None:
    assert build(c2=[4.0 * (1 + 1e-12), 0]).c2[0] > 4


@pytest.mark.parametrize("shape", [(1,), (2, 1)])
def test_arrays_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(RowsMismatch, match="one row a comparison"):
        build(c2=np.zeros(shape).tolist())


def test_moments_cannot_be_changed_and_do_not_alias_their_input() -> None:
    n = np.array([3, 0])
    moments = Moments(n, *(np.array(GOOD[name], dtype=np.float64) for name in FIELDS[1:]))
    n[0] = 7
    assert moments.n[0] == 3
    with pytest.raises(ValueError, match="read-only"):
        moments.n[0] = 7
    with pytest.raises(FrozenInstanceError):
        moments.n = n  # type: ignore[misc]


@settings(deadline=None)
@given(units, units, units)
def test_merging_in_any_order_equals_one_pass(a: list[tuple[int, int]], b: list[tuple[int, int]], c: list[tuple[int, int]]) -> None:
    parts = [moments_of([x for x, _ in rows], [y for _, y in rows]) for rows in (a, b, c)]
    whole = moments_of([x for x, _ in a + b + c], [y for _, y in a + b + c])
    for merged in ((parts[0] + parts[1]) + parts[2], parts[2] + (parts[1] + parts[0])):
        assert merged.n.tolist() == whole.n.tolist()
        scale = float(np.sqrt(whole.m2_numerator[0] * whole.m2_denominator[0]))
        for name in FIELDS[1:]:
            expected = getattr(whole, name)[0]
            assert getattr(merged, name)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9 * scale + 1e-6), name


def test_only_rows_of_one_length_merge() -> None:
    with pytest.raises(RowsMismatch, match=r"left \(1,\), right \(2,\)"):
        moments_of([1, 2]) + build()


def test_take_repeats_and_reorders_rows() -> None:
    moments = build()
    assert moments.take([1, 0, 0]).n.tolist() == [0, 3, 3]
    assert len(moments.take([])) == 0
