"""Effects by segment: recomputed from the units, suppressed where there are few, named only where they differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from analysis.plans import a_plan, sums_of
from splitmile.analysis import ExposureCount, compute_scorecard
from splitmile.analysis.looks import corrected_for_looks, is_look, planned_looks
from splitmile.analysis.moments import MomentSums
from splitmile.analysis.segments import compare_segments, effects_by_segment
from splitmile.publish.remarks import remarks
from splitmile.registry import Plan, Role
from splitmile.results.breakdowns import SegmentedEffect
from splitmile.results.codec import from_json, to_json
from splitmile.results.comparisons import Effect
from splitmile.results.rows import flat_rows
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Trust

PLAN = replace(
    a_plan(
        ("orders", "mean", Role.primary, "increase"),
        ("fees", "mean", Role.secondary, "increase"),
        ("late", "mean", Role.guardrail, "decrease"),
    ),
    segments=("vehicle", "zone"),
)
END = PLAN.end_date
METRICS = ("orders", "fees", "late")


def town(effects: dict[str, int], *, each: int = 240, few: int = 30) -> pd.DataFrame:
    """Couriers by vehicle, whose orders the treatment changes by so many; mopeds are few, and zones make no difference."""
    random = np.random.default_rng(11)
    frames = []
    for vehicle, effect in effects.items():
        n = few if vehicle == "moped" else each
        for variant in ("a", "b"):
            frame = pd.DataFrame({metric: random.poisson(60, n) for metric in METRICS})
            frame["orders"] += effect if variant == "b" else 0
            frames.append(frame.assign(vehicle=vehicle, variant=variant, zone=[f"z{place % 2}" for place in range(n)]))
    return pd.concat(frames, ignore_index=True)


def moments(couriers: pd.DataFrame) -> list[MomentSums]:
    """What `experiment_moments` has of them."""
    groups = [(("all", variant), part) for variant, part in couriers.groupby("variant")]
    for dimension in ("vehicle", "zone"):
        groups += [((f"{dimension}={value}", variant), part) for (value, variant), part in couriers.groupby([dimension, "variant"])]
    return [
        replace(row, segment=segment)
        for (segment, variant), part in groups
        for row in sums_of(variant, **{metric: part[metric].to_numpy() for metric in METRICS})
    ]


def broken_down(
    couriers: pd.DataFrame, as_of: date = END, least_units: int = 100, plan: Plan = PLAN
) -> tuple[tuple[Effect, ...], tuple[SegmentedEffect, ...]]:
    sums, has_ended = moments(couriers), as_of >= plan.end_date
    effects = effects_by_segment(plan, sums, has_ended=has_ended, least_units=least_units)
    return effects, compare_segments(plan, as_of, sums, effects, has_ended=has_ended, least_units=least_units)


def card_of(couriers: pd.DataFrame, as_of: date = END) -> Scorecard:
    counts = couriers.groupby("variant").size()
    exposures = [ExposureCount(variant, PLAN.start_date, int(units), 0) for variant, units in counts.items()]
    card = compute_scorecard(PLAN, as_of, moments(couriers), exposures, Trust(), "r")
    return replace(card, segments=broken_down(couriers, as_of)[1])


def test_an_effect_in_a_segment_is_that_of_its_units_alone() -> None:
    couriers = town({"bike": 9, "car": 0, "moped": 3})
    effects, _ = broken_down(couriers)
    assert {(e.segment, e.metric) for e in effects} == {
        (segment, metric) for segment in ("vehicle=bike", "vehicle=car", "zone=z0", "zone=z1") for metric in ("orders", "late")
    }
    for effect in effects:
        dimension, _, value = effect.segment.partition("=")
        sides = [couriers[(couriers[dimension] == value) & (couriers.variant == variant)][effect.metric] for variant in ("a", "b")]
        expected = scipy_stats.ttest_ind(sides[1], sides[0], equal_var=False)
        assert effect.absolute.estimate == pytest.approx(sides[1].mean() - sides[0].mean(), rel=1e-12)
        assert effect.absolute.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        interval = expected.confidence_interval(0.95)
        assert effect.absolute.interval is not None
        assert effect.absolute.interval.low == pytest.approx(interval.low, rel=1e-9)
        assert (effect.n_control, effect.n_treatment) == (len(sides[0]), len(sides[1]))
        assert (effect.is_better, effect.is_worse) == (False, False)


def test_segments_with_few_units_are_neither_shown_nor_tested_and_counted() -> None:
    couriers = town({"bike": 0, "car": 0, "moped": 40})
    _, (by_vehicle, by_zone) = broken_down(couriers)
    assert [each.segment for each in by_vehicle.effects] == ["bike", "car"]
    assert (by_vehicle.suppressed, by_zone.suppressed, by_vehicle.least_units) == (1, 0, 100)
    assert not by_vehicle.is_different
    _, (with_mopeds, _) = broken_down(couriers, least_units=20)
    assert with_mopeds.is_different
    effects, tables = broken_down(couriers, least_units=10_000)
    assert effects == ()
    assert [(table.effects, table.suppressed, table.p_value) for table in tables] == [((), 3, None), ((), 2, None)]


def test_the_test_is_welchs_f_over_the_segments_corrected_for_the_family_and_the_looks() -> None:
    couriers = town({"bike": 2, "car": 0})
    _, tables = broken_down(couriers)
    # With two segments the interaction is one contrast of four means; F is the square of its t, by Welch.
    p_values = []
    for dimension in ("vehicle", "zone"):
        cells = [part["orders"] for _, part in couriers.groupby([dimension, "variant"])]
        contrast = (cells[1].mean() - cells[0].mean()) - (cells[3].mean() - cells[2].mean())
        variances = np.array([cell.var(ddof=1) / len(cell) for cell in cells])
        freedom = variances.sum() ** 2 / sum(variance**2 / (len(cell) - 1) for variance, cell in zip(variances, cells, strict=True))
        p_values.append(2 * scipy_stats.t.sf(abs(contrast) / np.sqrt(variances.sum()), freedom))
    assert [table.p_value for table in tables] == [pytest.approx(p, rel=1e-9) for p in p_values]
    holm = [min(1.0, 2 * tables[0].p_value), max(2 * tables[0].p_value, tables[1].p_value)]  # type: ignore[operator]
    assert [table.p_value_adjusted for table in tables] == [pytest.approx(min(1.0, 4 * p), rel=1e-12) for p in holm]


def test_a_segment_is_named_only_where_the_effect_differs_and_at_a_look_only() -> None:
    differing, alike = town({"bike": 9, "car": 0}), town({"bike": 5, "car": 5})
    (sentence,) = remarks(card_of(differing))
    assert "Orders in b differs by vehicle" in sentence
    assert "for bike" in sentence
    assert "for car" in sentence
    assert remarks(card_of(alike)) == ()
    assert any("vehicle" in text for text in remarks(card_of(differing), "ko"))
    sunday, monday = PLAN.start_date + timedelta(days=6), PLAN.start_date + timedelta(days=7)
    assert len(remarks(card_of(differing, sunday))) == 1
    between = card_of(differing, monday)
    assert remarks(between) == ()
    assert {(table.p_value, table.i_squared, table.is_different) for table in between.segments} == {(None, None, False)}


def test_the_largest_segments_are_kept_and_a_scorecard_stays_small() -> None:
    random = np.random.default_rng(5)
    sizes = {f"z{place:03d}": 100 + place for place in range(300)}
    sums = [
        replace(row, segment=f"zone={zone}")
        for zone, size in sizes.items()
        for variant in ("a", "b")
        for row in sums_of(variant, orders=random.poisson(60, size), late=random.poisson(9, size))
    ]
    plan = replace(PLAN, segments=("zone",))
    effects = effects_by_segment(plan, sums, has_ended=True, least_units=100)
    (table,) = compare_segments(plan, END, sums, effects, has_ended=True, least_units=100)
    assert len(effects) == 600
    assert [each.segment for each in table.effects] == [f"z{place:03d}" for place in range(240, 300)]
    assert table.more == 240
    exposures = [ExposureCount(variant, PLAN.start_date, sum(sizes.values()), 0) for variant in ("a", "b")]
    card = replace(compute_scorecard(plan, END, sums, exposures, Trust(), "r"), segments=(table,))
    assert len(card.srm.by_segment) == 30
    assert len(to_json(card).encode()) < 65_535
    assert from_json(Scorecard, to_json(card)) == card
    assert [row["segment"] for row in flat_rows(card, effects)][-1] == "zone=z299"


def test_a_split_that_broke_in_one_segment_is_found_there() -> None:
    couriers = town({"bike": 0, "car": 0})
    lost = couriers[(couriers.vehicle == "bike") & (couriers.variant == "b")].index[:120]
    by_segment = card_of(couriers.drop(lost)).srm.by_segment
    assert [part.segment for part in by_segment if part.is_mismatch] == ["vehicle=bike"]
    assert by_segment[0].units == (240, 120)
    assert by_segment[0].p_value == pytest.approx(scipy_stats.chisquare([240, 120]).pvalue, rel=1e-9)


def test_looks_are_the_ends_of_weeks_and_the_planned_end() -> None:
    assert planned_looks(PLAN) == 4
    days = [PLAN.start_date + timedelta(days=day) for day in range(28)]
    assert [(day - PLAN.start_date).days for day in days if is_look(PLAN, day)] == [6, 13, 20, 27]
    longer = replace(PLAN, end_date=PLAN.end_date + timedelta(days=2))
    assert planned_looks(longer) == 5
    assert corrected_for_looks([0.01, 0.2, np.nan], PLAN)[:2].tolist() == [0.08, 0.8]
