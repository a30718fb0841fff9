"""What is said of a switchback experiment besides its effects: whether its schedule was kept, and the tests that its design allows."""

from __future__ import annotations

from dataclasses import dataclass

from splitmile.results.comparisons import Comparison, Estimate


@dataclass(frozen=True, slots=True)
class RandomizationTest:
    """The p-value of "no window would have had another outcome", from schedules that could have been drawn as well.

    Attributes:
        metric: The outcome.
        method: The estimate that is compared, as in the effects.
        p_value: `None` where there is no estimate; 1/(draws + 1) at the least.
        draws: Schedules drawn.
    """

    metric: str
    method: str
    p_value: float | None
    draws: int


@dataclass(frozen=True, slots=True)
class CarryoverTest:
    """Whether an assignment still acts further back than was allowed for.

    Attributes:
        metric: The outcome.
        order: Windows of carry-over that were allowed for.
        gain: What the effect would gain with one window more; zero where `order` is enough.
    """

    metric: str
    order: int
    gain: Estimate


@dataclass(frozen=True, slots=True)
class ScheduleCheck:
    """The exposures of the zones, held against the stored schedule.

    Attributes:
        exposures: All exposures so far.
        outside: Those in a zone or at an instant that the schedule does not have.
        violations: Those, of the others, of another variant than the scheduled one. Their windows count by the schedule.
        share: Of violations; `None` before the first exposure within the schedule.
        is_broken: The share is above the limit.
        limit: The limit.
    """

    exposures: int
    outside: int
    violations: int
    share: float | None
    is_broken: bool
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchbackChecks:
    """Of a scorecard whose zones switched between two variants over time.

    Attributes:
        zones, windows: Zones, and planned windows in each.
        window_minutes: Length of a window.
        burn_in_minutes: Left out after every switch.
        burn_in_orders: Orders that were left out so far.
        schedule: Whether the schedule was kept.
        order: Windows of carry-over that the effects below allow for; the scorecard's own allow for none.
        effects: By the design alone (`hajek`, `horvitz_thompson`); at the planned end, empty before.
        randomization_tests: Of the scorecard's effect (`switchback`) and of `hajek`; likewise.
        carryover_tests: Whether the scorecard's effects should have allowed for carry-over; likewise.
    """

    zones: int
    windows: int
    window_minutes: int
    burn_in_minutes: int
    burn_in_orders: int
    schedule: ScheduleCheck
    order: int
    effects: tuple[Comparison, ...] = ()
    randomization_tests: tuple[RandomizationTest, ...] = ()
    carryover_tests: tuple[CarryoverTest, ...] = ()
