"""What explain shows is what the rows say, and the queries that it prints give the moments again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from math import ceil

import pytest

from analysis.explained_town import AS_OF, EXPRESSIONS, METRICS, PLAN, START, Town, unborn_plan
from redshift_target import ENGINES
from splitmile.analysis.explain import explain
from splitmile.analysis.provenance import SAMPLE_SIZE
from splitmile.errors import AnalysisError
from splitmile.registry import MetricKind, Registry
from splitmile.results.explanations import UnitsExplanation
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse

REGISTRY = Registry((PLAN, unborn_plan()), ())


@pytest.fixture
def access(engine: str, request: pytest.FixtureRequest) -> RedshiftAccess | None:
    """The marts are tables of these tests' own, so on Redshift in a database of their own."""
    found: RedshiftAccess | None = request.getfixturevalue("redshift_access") if engine == "redshift" else None
    return found


@pytest.fixture
def town(settings: Settings) -> Town:
    return Town(settings)


@pytest.fixture
def marts(settings: Settings, access: RedshiftAccess | None, town: Town) -> Iterator[Warehouse]:
    with open_warehouse(settings, access) as warehouse:
        town.build(warehouse)
        yield warehouse


def _explained(marts: Warehouse, settings: Settings, metric: str, **more: object) -> UnitsExplanation:
    found = explain(marts, settings, REGISTRY, EXPRESSIONS, "e", metric, **more)  # type: ignore[arg-type]
    assert isinstance(found, UnitsExplanation)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_the_printed_queries_give_the_moments_again(marts: Warehouse, settings: Settings, town: Town) -> None:
    for metric in METRICS[:-1]:
        found = _explained(marts, settings, metric.name, unit_id="u2")
        expected = town.moments(metric)
        assert {row.variant: {"units": row.units, **row.sums} for row in found.moments} == expected
        assert len(expected) == 2
        assert any(row["sum_numerator"] for row in expected.values()), metric.name
        assert found.queries.keys() == {"unit_days", "deliveries"}
        for query in found.queries.values():
            again = {row.pop("variant"): {name: int(value) for name, value in row.items()} for row in marts.fetch(query)}
            assert again == expected, metric.name
        assert found.is_reproduced
        assert {row.variant: row.counted for row in found.counts} == {variant: row["units"] for variant, row in expected.items()}
        assert all(row.value == pytest.approx(_value(expected[row.variant], metric.denominator)) for row in found.moments)
        assert found.trail is not None
        assert all(each.adds_up for each in found.trail.sums)
    _assert_the_quantile_is_found(marts, settings, town)


def _assert_the_quantile_is_found(marts: Warehouse, settings: Settings, town: Town) -> None:
    metric = METRICS[-1]
    expected = {}
    for variant in "ab":
        fees = sorted(d.fee_krw for unit, rows in town.counted(metric) if unit.variant == variant for d in rows if d.fee_krw is not None)
        expected[variant] = {"observations": len(fees), "quantile": fees[ceil(0.5 * len(fees)) - 1]}
    found = _explained(marts, settings, metric.name, unit_id="u0")
    again = {row.pop("variant"): {name: int(value) for name, value in row.items()} for row in marts.fetch(found.queries["deliveries"])}
    assert again == expected
    assert (found.moments, found.is_reproduced) == ((), None)
    assert metric.kind is MetricKind.quantile
    assert found.trail is not None
    assert [each.adds_up for each in found.trail.sums] == [True]


def _value(sums: dict[str, int], denominator: str | None) -> float:
    return sums["sum_numerator"] / (sums["sum_denominator"] if denominator else sums["units"])


def test_units_are_counted_by_what_became_of_them(marts: Warehouse, settings: Settings, town: Town) -> None:
    found = _explained(marts, settings, "days_1_3")
    by_variant = {row.variant: row for row in found.counts}
    assert [(row.excluded, row.not_activated, row.contaminated) for row in found.counts] == [(0, 1, 0), (1, 0, 1)]
    exposed = [unit for unit in town.units if unit.variant == "a" and unit.exposure_date]
    assert by_variant["a"].window_open == sum(unit.exposure_date > AS_OF - timedelta(days=3) for unit in exposed if unit.exposure_date) > 0
    assert sum(row.assigned for row in found.counts) == len(town.units)


def test_the_strongest_units_and_one_units_trail(marts: Warehouse, settings: Settings, town: Town) -> None:
    found = _explained(marts, settings, "fee_per_order", unit_id="u2")
    values = town.values(METRICS[0])
    ratio = {row.variant: row.value for row in found.moments}
    for variant in "ab":
        pulls = {name: parts[0] - ratio[variant] * parts[1] for name, (each, parts) in values.items() if each == variant}
        strongest = sorted(pulls, key=lambda name: -abs(pulls[name]))[:SAMPLE_SIZE]
        shown = [unit for unit in found.sample if unit.variant == variant]
        assert [unit.unit_id for unit in shown] == strongest
        assert [unit.contribution for unit in shown] == pytest.approx([pulls[name] for name in strongest])
    trail, unit = found.trail, town.units[2]
    assert trail is not None
    own = [d for d in town.of(unit) if d.business_date == unit.exposure_date]
    assert [each.is_counted for each in trail.deliveries] == [
        d.ordered_at >= unit.assigned_at for d in sorted(own, key=lambda d: d.ordered_at)
    ]
    assert {each.place for each in trail.days} <= {"before", "exposure day", "counted"}
    sums = {each.measure: each for each in trail.sums}
    assert all(each.adds_up for each in trail.sums)
    assert trail.value is not None
    assert sums["fees"].exposure_day + sums["fees"].later_days == trail.value.numerator == values["u2"][1][0]
    assert sums["fees"].total == sums["fees"].base + trail.value.numerator
    assert trail.segments == ("vehicle=bike",)


def test_a_unit_that_does_not_count_has_a_trail_and_no_value(marts: Warehouse, settings: Settings) -> None:
    mixed = _explained(marts, settings, "fee_per_order", unit_id="u5").trail
    idle = _explained(marts, settings, "fee_per_order", unit_id="u4").trail
    assert mixed is not None
    assert idle is not None
    assert (mixed.contamination_date is None, mixed.value, idle.exposure_date, idle.days) == (False, None, None, ())


def test_sums_that_do_not_add_up_and_rows_that_changed_since_are_noticed(marts: Warehouse, settings: Settings, town: Town) -> None:
    unit = next(name for name, (_, parts) in town.values(METRICS[0]).items() if parts[0])
    marts.execute("update marts.unit_days set fees = fees + 1 where unit_id = ?", [unit])
    found = _explained(marts, settings, "fee_per_order", unit_id=unit)
    assert found.is_reproduced is False
    assert found.trail is not None
    assert [each.measure for each in found.trail.sums if not each.adds_up] == ["fees"]
    # Without running sums of the date, its days have to do.
    marts.execute("update marts.unit_days set fees = fees - 1 where unit_id = ?", [unit])
    marts.execute("delete from marts.unit_totals")
    trail = _explained(marts, settings, "fee_per_order", unit_id=unit).trail
    assert trail is not None
    assert [(each.total, each.adds_up) for each in trail.sums] == [(None, True)] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "fee_per_order", None, None), "there is no experiment 'x'; every known experiment: e, unborn"),
        (("e", "fee_per_ordr", None, None), "e has no metric 'fee_per_ordr'; did you mean `fee_per_order`"),
        (("e", "active", START, None), "e has no moments as of 2026-03-02; it has 1 dates from 2026-03-09 to 2026-03-09"),
        (("unborn", "active", None, None), "unborn has no moments yet; `splitmile run --date` makes them"),
        (("e", "active", None, "courier-1"), "e has no unit 'courier-1'; it has 24 of type courier, such as u0"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    marts: Warehouse, settings: Settings, arguments: tuple[str, str, date | None, str | None], message: str
) -> None:
    experiment, metric, as_of, unit = arguments
    with pytest.raises(AnalysisError) as raised:
        explain(marts, settings, REGISTRY, EXPRESSIONS, experiment, metric, as_of=as_of, unit_id=unit)
    assert message in str(raised.value)
