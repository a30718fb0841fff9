from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmile.errors import StatisticsError
from splitmile.stats import ImpossibleMoments, Moments, RowsMismatch, UnitsInvalid, estimate
from splitmile.stats.sums import fault_texts
from stats.unit_rows import moments_of

FIELDS = ("n", "mean_numerator", "mean_denominator", "m2_numerator", "m2_denominator", "c2")
GOOD: dict[str, Any] = {
    "n": [3, 0],
    "mean_numerator": [2.0, 0],
    "mean_denominator": [1.0, 0],
    "m2_numerator": [2.0, 0],
    "m2_denominator": [8.0, 0],
    "c2": [3.0, 0],
}
units = st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**4)), max_size=12)


GOOD_SUMS = (2, 4, 2, 10, 4, 2)


def table_of(*rows: tuple[Any, ...]) -> list[list[Any]]:
    """Columns of sums from rows of them."""
    return [list(column) for column in zip(*rows, strict=True)]


def build(**changes: Any) -> Moments:
    return Moments(**{name: np.array(value) for name, value in (GOOD | changes).items()})


@pytest.mark.parametrize(("name", "level"), [("NumAcc3", 10_000_002), ("NumAcc4", 100_000_002)])
def test_nist_accuracy_sets_keep_their_standard_deviation(name: str, level: int) -> None:
    tenths = [level, *[level - 1, level + 1] * 500]  # NIST StRD: 1,001 values, certified SD 0.1
    moments = moments_of(tenths)
    assert moments.mean_numerator[0] / 10 == level / 10
    assert np.sqrt(moments.m2_numerator[0] / 1000) / 10 == pytest.approx(0.1, rel=1e-15)
    naive = np.array(tenths, dtype=np.float64) / 10
    lost = (np.sum(naive**2) - np.sum(naive) ** 2 / 1001) / 1000
    assert abs(np.sqrt(abs(lost)) - 0.1) > 1e-8, "sums of squares in floats must fail here, or the case proves nothing"


@pytest.mark.parametrize(("name", "level"), [("NumAcc3", 1_000_000), ("NumAcc4", 10_000_000)])
def test_nist_accuracy_sets_keep_eight_digits_as_floats(name: str, level: float) -> None:
    moments = Moments.from_units([level + 0.2, *[level + 0.1, level + 0.3] * 500])
    assert moments.n.tolist() == [1001]
    assert moments.mean_numerator.tolist() == [level + 0.2]
    assert np.sqrt(moments.m2_numerator[0] / 1000) == pytest.approx(0.1, rel=1e-8)


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


def test_a_column_may_hold_integers_of_every_kind() -> None:
    moments = Moments.from_sums([2, 2, 2], [Decimal(4), np.int64(4), 4], [2, 2, 2], [10, 10, 10], [4, 4, 4], [2, 2, True + 1])
    assert moments.mean_numerator.tolist() == [2, 2, 2]


def test_no_rows_and_no_units_are_fine() -> None:
    assert len(Moments.from_sums([], [], [], [], [], [])) == 0
    empty = Moments.from_sums([0], [0], [0], [0], [0], [0])
    assert [getattr(empty, name).tolist() for name in FIELDS] == [[0]] * 6


@pytest.mark.parametrize(
    ("sums", "fault"),
    [
        ((-1, 0, 0, 0, 0, 0), "n is negative (found -1)"),
        ((0, 1, 0, 0, 0, 0), "no unit, yet sums that are not zero (found 1, 0, 0, 0, 0)"),
        ((0, 0, 0, 0, 0, 1), "no unit, yet sums that are not zero (found 0, 0, 0, 0, 1)"),
        ((2, 4, 2, 7, 4, 2), "a variance is negative (n² times it: numerator -2, denominator 0)"),
        ((2, 4, 4, 10, 8, 7), "a variance is negative (n² times it: numerator 4, denominator -2)"),
        ((2, 4, 4, 10, 11, 10), "ΣND = 11 exceeds the Cauchy-Schwarz bound of the other sums"),
        ((1, 4, 1, 17, 4, 1), "one unit cannot have a spread"),
        ((1, 4, 1, 16, 4, 2), "one unit cannot have a spread"),
        ((2.0, 4, 2, 10, 4, 2), "found 2.0 of type float, expected an exact integer"),
        ((2, float("nan"), 2, 10, 4, 2), "found nan of type float, expected an exact integer"),
        ((2, None, 2, 10, 4, 2), "found None of type NoneType, expected an exact integer"),
        ((2, "4", 2, 10, 4, 2), "found '4' of type str, expected an exact integer"),
        ((2, Decimal("4.5"), 2, 10, 4, 2), "found 4.5, expected a whole number"),
        ((2, Decimal("NaN"), 2, 10, 4, 2), "found NaN, expected a whole number"),
        ((2, Decimal("Infinity"), 2, 10, 4, 2), "found Infinity, expected a whole number"),
        ((-1, 4.5, 0, 0, 0, 0), "found 4.5 of type float, expected an exact integer"),
        ((2**53 + 1, 0, 2**53 + 1, 0, 0, 2**53 + 1), "n exceeds 2**53, or a sum of squares 1e100"),
        ((2, 0, 2, 10**100 + 1, 0, 2), "n exceeds 2**53, or a sum of squares 1e100"),
        ((2, 0, 0, 0, 0, 2 * 10**620), "n exceeds 2**53, or a sum of squares 1e100"),
        ((2, 0, 0, 0, 0, 10**100 + 1), "n exceeds 2**53, or a sum of squares 1e100"),
    ],
)
def test_impossible_sums_are_refused_and_the_row_is_named(sums: tuple[Any, ...], fault: str) -> None:
    table = table_of(GOOD_SUMS, sums, (-5, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0))
    with pytest.raises(ImpossibleMoments) as caught:
        Moments.from_sums(*table)
    assert caught.value.row == 1
    assert str(caught.value) == f"moments, row 1: {fault}; recompute this row from the units, its sums do not belong together"
    assert isinstance(caught.value, StatisticsError)
    kept = Moments.from_sums(*table, keep_faulty=True)
    assert kept.fault.tolist() == ["", f"impossible sums: {fault}", "impossible sums: n is negative (found -5)", ""]
    assert kept.n.tolist() == [2, 0, 0, 0]


def test_the_largest_sums_are_taken() -> None:
    largest = 2**53, 10**100
    moments = Moments.from_sums(*table_of((largest[0], 0, 0, 0, 0, 0), (2, 0, 0, largest[1], 0, 0), (2, 0, 0, 0, 0, largest[1])))
    assert moments.n.tolist() == [largest[0], 2, 2]
    assert moments.m2_numerator[1] == moments.m2_denominator[2] == 1e100


def test_one_bad_row_does_not_cost_the_table() -> None:
    kept = Moments.from_sums(*table_of(GOOD_SUMS, (2, 4, 2, 7, 4, 2), GOOD_SUMS), keep_faulty=True)
    fault = "impossible sums: a variance is negative (n² times it: numerator -2, denominator 0)"
    assert kept.fault.tolist() == ["", fault, ""]
    assert [getattr(kept, name)[1] for name in FIELDS] == [0] * 6
    assert estimate(kept).reason.tolist() == ["", fault, ""]
    assert estimate(kept).value.tolist() == pytest.approx([2, np.nan, 2], nan_ok=True)
    assert kept.take([1, 0]).fault.tolist() == [fault, ""]
    sound = Moments.from_sums(*table_of(GOOD_SUMS, GOOD_SUMS, GOOD_SUMS))
    assert sound.fault.tolist() == ["", "", ""]
    for merged in (kept + sound, sound + kept):
        assert merged.fault.tolist() == ["", fault, ""]
        assert merged.n.tolist() == [4, 0, 4]


def test_a_faulty_row_does_not_cost_the_others_their_digits() -> None:
    big = 10**18
    kept = Moments.from_sums(
        *table_of((2, 2 * big + 2, 2, 2 * big**2 + 4 * big + 4, 2 * big + 2, 2), (2, 4.0, 2, 10, 4, 2)), keep_faulty=True
    )
    assert kept.m2_numerator.tolist() == [2, 0]
    beside = Moments.from_sums([2, np.int64(1)], [2 * big, 0], [2, 1], [2 * big**2, 0], [2 * big, 0], [2, 1])
    assert beside.mean_numerator.tolist() == [1e18, 0]
    wide = Moments.from_sums([2, 2, 2], [0, 0, np.int64(0)], [4 * big, 0, np.int64(0)], [0, 0, 0], [0, 0, 0], [8 * big**2, 0, 0])
    assert wide.mean_denominator.tolist() == [2e18, 0, 0]


def test_faults_are_texts_where_there_is_no_row() -> None:
    assert fault_texts({}, 0).dtype.kind == "U"
    assert fault_texts({1: "lost"}, 2).tolist() == ["", "impossible sums: lost"]


def test_a_fault_beside_units_is_refused() -> None:
    with pytest.raises(ImpossibleMoments, match=r"row 1: a row with a fault has units \(found 1\)"):
        build(n=[3, 1], fault=["", "lost"])
    with pytest.raises(RowsMismatch, match=r"fault \(2,\)"):
        build(**{name: [0.0] for name in FIELDS}, fault=["", ""])


def test_numbers_and_faults_of_any_array_are_taken() -> None:
    moments = build(mean_numerator=[10**30, 0], fault=np.array(["", "lost"], dtype=np.object_))
    assert moments.mean_numerator.tolist() == [1e30, 0]
    assert moments.fault.dtype.kind == "U"


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=5), st.integers(-(10**9), 10**9)), min_size=1))
def test_sums_of_any_length_are_centred_without_loss(table: list[tuple[list[int], int]]) -> None:
    """38 digits a sum; each centred moment is the double nearest to the exact fraction."""
    pairs = [[(x * 10**3, x * slope) for x in numerators] for numerators, slope in table]
    moments = Moments.from_sums(
        *table_of(
            *(
                (
                    len(p),
                    sum(a for a, _ in p),
                    sum(b for _, b in p),
                    sum(a * a for a, _ in p),
                    sum(a * b for a, b in p),
                    sum(b * b for _, b in p),
                )
                for p in pairs
            )
        )
    )
    for row, units_of_row in enumerate(pairs):
        mean_a, mean_b = (Fraction(sum(each), len(units_of_row)) for each in zip(*units_of_row, strict=True))
        expected = (
            mean_a,
            mean_b,
            sum((a - mean_a) ** 2 for a, _ in units_of_row),
            sum((b - mean_b) ** 2 for _, b in units_of_row),
            sum((a - mean_a) * (b - mean_b) for a, b in units_of_row),
        )
        assert [getattr(moments, name)[row] for name in FIELDS[1:]] == [float(x) for x in expected]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(10**6), 10**6), st.integers(0, 10**4)), max_size=30))
def test_moments_of_units_are_those_of_their_exact_sums(rows: list[tuple[int, int, int]]) -> None:
    """Whole numbers, so that both ways are open; four groups, of which some are empty."""
    group, numerator, denominator = ([row[column] for row in rows] for column in range(3))
    ours = Moments.from_units(np.array(numerator, dtype=np.int64), denominator, group=np.array(group, dtype=np.int64), groups=4)
    for index in range(4):
        chosen = [row for row in rows if row[0] == index]
        exact = moments_of([x for _, x, _ in chosen], [y for _, _, y in chosen])
        spread = float(np.sqrt(exact.m2_numerator[0] * exact.m2_denominator[0]))
        assert ours.n[index] == exact.n[0]
        for name in FIELDS[1:]:
            assert getattr(ours, name)[index] == pytest.approx(getattr(exact, name)[0], rel=1e-12, abs=1e-12 * spread), name


def test_units_that_agree_have_no_spread_at_all() -> None:
    moments = Moments.from_units([0.1] * 10 + [0.1, 0.2], [0.7] * 12, group=[0] * 10 + [1] * 2, groups=3)
    assert moments.m2_numerator.tolist() == [0, pytest.approx(0.005), 0]
    assert [moments.m2_denominator.tolist(), moments.c2.tolist()] == [[0, 0, 0]] * 2
    assert moments.mean_denominator.tolist() == [0.7, 0.7, 0]
    assert moments.mean_numerator.tolist() == [0.1, pytest.approx(0.15), 0]


def test_no_units_are_fine() -> None:
    assert Moments.from_units([]).n.tolist() == [0]
    assert len(Moments.from_units([], group=[], groups=0)) == 0


def test_a_mean_has_denominator_one() -> None:
    moments = Moments.from_units([True, False, True])
    assert [moments.mean_numerator.tolist(), moments.mean_denominator.tolist()] == [[pytest.approx(2 / 3)], [1]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"numerator": [1.0, np.nan, np.inf]}, "unit 1: numerator is nan, expected a finite number"),
        ({"denominator": [1.0, 1.0, -np.inf]}, "unit 2: denominator is -inf"),
        ({"numerator": ["1", "2", "3"]}, "numerator is an array of <U1, expected numbers"),
        ({"numerator": [Decimal(1), Decimal(2), None]}, "numerator is an array of object"),
        ({"group": [0, 2, -1]}, "unit 1: its group is 2, expected an index from 0 to 1"),
        ({"group": [0, 1, -1]}, "unit 2: its group is -1"),
        ({"group": [0.0, 1.0, 1.0]}, "group is an array of float64 for 2 groups"),
        ({"groups": -1}, "for -1 groups"),
    ],
)
def test_units_that_are_no_numbers_are_refused(values: dict[str, Any], words: str) -> None:
    given_values = {"numerator": [1.0, 2.0, 3.0], "denominator": [1.0, 1.0, 1.0], "group": [0, 1, 1], "groups": 2} | values
    with pytest.raises(UnitsInvalid, match=words):
        Moments.from_units(**given_values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"denominator": [1.0]}, r"numerator \(2,\), denominator \(1,\)"),
        ({"group": [0]}, r"each of 2 units, found an array of shape \(1,\)"),
        ({"numerator": [[1.0, 2.0]]}, r"one numerator a unit, shape \(units,\), found \(1, 2\)"),
    ],
)
def test_units_of_another_number_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(RowsMismatch, match=words):
        Moments.from_units(**({"numerator": [1.0, 2.0]} | values))


def test_one_unit_a_group_is_its_mean() -> None:
    moments = Moments.from_units([3.7, -2.2], group=[1, 0], groups=2)
    assert moments.mean_numerator.tolist() == [-2.2, 3.7]


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint64, np.float32])
def test_numbers_of_every_kind_are_taken(kind: type) -> None:
    assert Moments.from_units(np.array([1, 0, 1], dtype=kind)).mean_numerator.tolist() == [pytest.approx(2 / 3)]
    assert Moments.from_units([1.0], group=np.array([0], dtype=np.uint8)).n.tolist() == [1]


@pytest.mark.parametrize("numerator", [[1e308, 1.7e308, -1e308], [1e200, -1e200]])
def test_units_beyond_the_range_of_floats_are_refused(numerator: list[float]) -> None:
    with pytest.raises(ImpossibleMoments, match=r"row 0: \w+ is not finite"):
        Moments.from_units(numerator)


def test_sequences_of_different_length_are_refused() -> None:
    with pytest.raises(RowsMismatch, match=r"\[1, 1, 1, 1, 1, 0\]"):
        Moments.from_sums([1], [1], [1], [1], [1], [])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"n": [3, -1]}, "n is no count of units (found -1)"),
        ({"n": [3, 2.5]}, "n is no count of units (found 2.5)"),
        ({"mean_numerator": [2.0, np.nan]}, "mean_numerator is not finite (found nan)"),
        ({"m2_numerator": [2.0, -1e-3]}, "m2_numerator is negative (found -0.001)"),
        ({"m2_denominator": [8.0, -1e-3]}, "m2_denominator is negative (found -0.001)"),
        (
            {"n": [3, 3], "m2_numerator": [2.0, 2.0], "m2_denominator": [8.0, 8.0], "c2": [4.0, -4.0001]},
            "c2 exceeds the Cauchy-Schwarz bound (found -4.0001)",
        ),
        ({"n": [3, 1], "m2_numerator": [2.0, 0.5]}, "fewer than two units, yet a spread in m2_numerator (found 0.5)"),
        ({"n": [3, 1], "m2_denominator": [2.0, 0.5], "c2": [0, 0]}, "fewer than two units, yet a spread in m2_denominator (found 0.5)"),
        ({"mean_numerator": [2.0, -0.5]}, "no unit, yet mean_numerator (found -0.5)"),
        ({"mean_denominator": [1.0, 0.5]}, "no unit, yet mean_denominator (found 0.5)"),
    ],
)
def test_impossible_moments_are_refused(changes: dict[str, list[float]], fault: str) -> None:
    with pytest.raises(ImpossibleMoments) as caught:
        build(**changes)
    assert str(caught.value).startswith(f"moments, row 1: {fault}; ")


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


def test_merging_two_halves_is_one_pass() -> None:
    halves = moments_of([3, 5, 10], [1, 2, 6]), moments_of([30, 80], [9, 20])
    merged, whole = halves[0] + halves[1], moments_of([3, 5, 10, 30, 80], [1, 2, 6, 9, 20])
    for name in FIELDS:
        assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-14), name


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
