"""What explain shows of a switchback is what its windows hold, and the queries that it prints give the sums again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from analysis.explained_zones import BURN_IN, EMPTY, END, EXPRESSIONS, FIRST_WINDOW, PLAN, START, Zones, publish
from redshift_target import ENGINES
from splitmile.analysis.explain import explain
from splitmile.errors import AnalysisError
from splitmile.registry import Registry
from splitmile.results.explanations import WindowsExplanation
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, Warehouse, open_warehouse

ZONES = Zones()
METRICS = ("delivery_time", "orders", "cancelled")


@pytest.fixture
def access(engine: str, request: pytest.FixtureRequest) -> RedshiftAccess | None:
    """The marts are tables of these tests' own, so on Redshift in a database of their own."""
    found: RedshiftAccess | None = request.getfixturevalue("redshift_access") if engine == "redshift" else None
    return found


@pytest.fixture
def marts(settings: Settings, access: RedshiftAccess | None) -> Iterator[Warehouse]:
    with open_warehouse(settings, access) as warehouse:
        ZONES.build(warehouse)
        yield warehouse


def _explained(
    marts: Warehouse, settings: Settings, metric: str, as_of: date | None = None, window: str | None = None
) -> WindowsExplanation:
    found = explain(marts, settings, Registry((PLAN,), ()), EXPRESSIONS, "e", metric, as_of=as_of, unit_id=window)
    assert isinstance(found, WindowsExplanation)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_the_printed_queries_give_the_sums_and_the_published_effect_again(marts: Warehouse, settings: Settings) -> None:
    for as_of, windows in ((START, 8), (END, 12)):
        publish(marts, settings, as_of)
        for metric in METRICS:
            found = _explained(marts, settings, metric, as_of)
            expected = ZONES.sums(metric, windows)
            shown = {row.variant: (row.windows, row.sum_numerator, row.sum_denominator) for row in found.sums}
            assert shown == {variant: pytest.approx(parts) for variant, parts in expected.items()}
            assert [row.value for row in found.sums] == pytest.approx([above / below for _, above, below in expected.values()])
            assert found.queries.keys() == {"switchback_window_days", "deliveries"}
            for query in found.queries.values():
                again = {row["variant"]: tuple(map(float, list(row.values())[1:])) for row in marts.fetch(query)}
                assert again == {variant: pytest.approx(parts) for variant, parts in expected.items()}, query
            assert found.is_reproduced, metric
            assert found.effects[0].method == "switchback"
            assert found.effects[0].difference == pytest.approx(found.sums[1].value - found.sums[0].value)  # type: ignore[operator]
    trail = _explained(marts, settings, "delivery_time", window="north/2").trail
    assert trail is not None
    assert [each.as_scheduled for each in trail.exposures] == [False]
    assert all(each.adds_up for each in trail.sums)


def test_windows_are_counted_by_what_became_of_them(marts: Warehouse, settings: Settings) -> None:
    on = sum(variant == "on" for variant in ZONES.arms.values())
    over = sum(variant == "on" and window < 8 for (_, window), variant in ZONES.arms.items())
    counts = {row.variant: row for row in _explained(marts, settings, "delivery_time", START).counts}
    assert (counts["on"].scheduled, counts["on"].not_over) == (on, on - over)
    assert sum(row.scheduled for row in counts.values()) == len(ZONES.arms)
    # A ratio has nothing to divide by where there is no order; a sum of none is 0.
    assert counts[ZONES.arms[EMPTY]].without_denominator == 1
    assert counts[ZONES.arms[EMPTY]].counted == ZONES.sums("delivery_time", 8)[ZONES.arms[EMPTY]][0]
    assert [row.without_denominator for row in _explained(marts, settings, "orders", START).counts] == [0, 0]


def test_the_strongest_windows_and_one_windows_trail(marts: Warehouse, settings: Settings) -> None:
    zone, window = next(place for place in ZONES.arms if place[1] > 2 and ZONES.counts_from(*place).minute == BURN_IN.seconds // 60)
    found = _explained(marts, settings, "delivery_time", END, f"{zone}/{window}")
    values = ZONES.values("delivery_time", 12)
    ratio = {row.variant: row.value for row in found.sums}
    for variant in ("off", "on"):
        pulls = {place: parts[0] - ratio[variant] * parts[1] for place, parts in values.items() if ZONES.arms[place] == variant}  # type: ignore[operator]
        strongest = sorted(pulls, key=lambda place: -abs(pulls[place]))[:3]
        shown = [row for row in found.sample if row.variant == variant]
        assert [(row.zone_id, row.window_number) for row in shown] == strongest
        assert [row.contribution for row in shown] == pytest.approx([pulls[place] for place in strongest])
    trail, own = found.trail, ZONES.of(zone, window)
    assert trail is not None
    assert (trail.value.starts_at, trail.value.counts_from) == (FIRST_WINDOW + timedelta(hours=window), ZONES.counts_from(zone, window))
    assert (trail.value.numerator, trail.value.denominator) == values[zone, window]
    assert [(each.delivery_id, each.is_counted) for each in trail.deliveries] == [
        (each.delivery_id, each in ZONES.counted(zone, window)) for each in own
    ]
    assert {each.is_counted for each in trail.deliveries} == {True, False}
    assert [each.as_scheduled for each in trail.exposures] == [True]
    assert {each.measure: (each.total, each.adds_up) for each in trail.sums} == {
        "delivery_seconds": (values[zone, window][0], True),
        "delivered_orders": (values[zone, window][1], True),
    }
    nothing = _explained(marts, settings, "delivery_time", END, f"{EMPTY[0]}/{EMPTY[1]}").trail
    assert nothing is not None
    assert (nothing.deliveries, nothing.value.denominator, nothing.value.contribution) == ((), 0, None)


def test_rows_that_changed_since_are_noticed(marts: Warehouse, settings: Settings) -> None:
    assert _explained(marts, settings, "delivery_time").is_reproduced
    one = "zone_id = 'north' and window_number = 2"
    marts.execute(f"update marts.switchback_window_days set delivery_seconds = delivery_seconds + 1 where {one}")
    changed = _explained(marts, settings, "delivery_time", window="north/2")
    assert changed.is_reproduced is False
    assert changed.trail is not None
    assert [each.measure for each in changed.trail.sums if not each.adds_up] == ["delivery_seconds"]
    marts.execute(f"update marts.switchback_window_days set delivery_seconds = delivery_seconds - 1 where {one}")
    # What was published was made of other rows, though windows and deliveries agree.
    publish(marts, settings, END)
    assert _explained(marts, settings, "delivery_time").is_reproduced
    marts.execute("update results.experiment_results set absolute_estimate = absolute_estimate * 1.000001")
    assert _explained(marts, settings, "delivery_time").is_reproduced is False


@pytest.mark.parametrize(
    ("metric", "as_of", "window", "message"),
    [
        ("delivery_tim", None, None, "e has no metric 'delivery_tim'; did you mean `delivery_time`"),
        ("orders", date(2026, 3, 9), None, "e has no windows as of 2026-03-09; it has 2 dates from 2026-03-02 to 2026-03-03"),
        (
            "orders",
            START,
            "north/8",
            "e has no window 'north/8' that is over by 2026-03-02; it has 24, named by zone and number, such as east/0",
        ),
        ("orders", None, "north", "e has no window 'north' that is over by 2026-03-03; it has 36"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    marts: Warehouse, settings: Settings, metric: str, as_of: date | None, window: str | None, message: str
) -> None:
    with pytest.raises(AnalysisError) as raised:
        _explained(marts, settings, metric, as_of, window)
    assert message in str(raised.value)


def test_windows_of_another_design_are_named(marts: Warehouse, settings: Settings) -> None:
    publish(marts, settings, END)
    marts.execute("update staging.stg_switchback_windows set window_number = 12 where zone_id = 'south' and window_number = 4")
    with pytest.raises(AnalysisError, match=r"has windows that the design in its file has not, such as south/12; `splitmile run --date`"):
        _explained(marts, settings, "orders")
