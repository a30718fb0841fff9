"""What a number was made of: the answer of `splitmile explain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class MeasureUse:
    """A measure of the metric.

    Attributes:
        part: numerator, denominator or, of a quantile, observations.
        name: Its column in unit_days and switchback_window_days.
        expression: The SQL over one delivery that is added up.
    """

    part: str
    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """The units of one variant; `assigned` is the sum of all others.

    Attributes:
        variant: Whose units.
        assigned: Met the variant by the as-of date.
        excluded: Left out by a list of units.
        not_activated: Have not had the event from which they count.
        contaminated: Were seen in another variant by then.
        window_open: The metric's window is not over for them.
        counted: Those in the moments.
    """

    variant: str
    assigned: int
    excluded: int
    not_activated: int
    contaminated: int
    window_open: int
    counted: int


@dataclass(frozen=True, slots=True)
class VariantMoments:
    """A row of experiment_moments and the estimate that follows from it.

    Attributes:
        variant: Whose units.
        units: How many.
        sums: The exact sums by their columns.
        value: The metric in this variant, unadjusted; none where there is no estimate.
        standard_error: Of `value`.
        formula: How `value` is made, with its numbers.
    """

    variant: str
    units: int
    sums: Mapping[str, int]
    value: float | None
    standard_error: float | None
    formula: str


@dataclass(frozen=True, slots=True)
class ExplainedEffect:
    """A treatment against the control: from the sums as they stand, and as it was published.

    Attributes:
        treatment: The treatment.
        difference: Treatment less control, without covariate, zones and hours taken into account.
        method: Of the published estimate; none where nothing is published as of the date, as all that follow.
        absolute_estimate, absolute_standard_error, relative_estimate: As published.
        theta, variance_removed: Of its covariate; none without one.
    """

    treatment: str
    difference: float | None
    method: str | None = None
    absolute_estimate: float | None = None
    absolute_standard_error: float | None = None
    relative_estimate: float | None = None
    theta: float | None = None
    variance_removed: float | None = None


@dataclass(frozen=True, slots=True)
class UnitValue:
    """A unit's row of experiment_unit_metrics.

    Attributes:
        contribution: Numerator less the variant's value times the denominator: how far it pulls the variant, and which way.
    """

    variant: str
    unit_id: str
    numerator: int
    denominator: int
    covariate_numerator: int
    covariate_denominator: int
    contribution: float | None


@dataclass(frozen=True, slots=True)
class TrailDelivery:
    """A delivery of the exposure day, which counts from the instant of exposure on, or of a window, where it does after the burn-in."""

    delivery_id: str
    ordered_at: datetime
    is_counted: bool
    values: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class TrailDay:
    """A row of unit_days; `place` says what it is for: before, exposure day, or counted."""

    business_date: date
    place: str
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TrailSum:
    """One measure of one unit since its exposure, twice: by running sums, and by its days.

    Attributes:
        measure: Which one.
        total: The running sum as of the date; none where unit_totals does not keep that date any more.
        base: The running sum at the instant of exposure.
        exposure_day: Of the deliveries of the exposure day that count.
        later_days: Of the days after it.
        adds_up: `total` less `base` is the sum of the other two; without a total, all days less `base` are.
    """

    measure: str
    total: int | None
    base: int
    exposure_day: int
    later_days: int
    adds_up: bool


@dataclass(frozen=True, slots=True)
class UnitTrail:
    """How one unit came to its value.

    Attributes:
        unit_id, variant, assigned_at, first_exposed_at, exposure_date, contamination_date, is_excluded, segments: As in experiment_units.
        deliveries: Those of the exposure day.
        days: From the first day of the covariate's window to the as-of date.
        sums: By measure.
        value: What it has in experiment_unit_metrics; none where it does not count.
    """

    unit_id: str
    variant: str
    assigned_at: datetime
    first_exposed_at: datetime | None
    exposure_date: date | None
    contamination_date: date | None
    is_excluded: bool
    segments: tuple[str, ...]
    deliveries: tuple[TrailDelivery, ...]
    days: tuple[TrailDay, ...]
    sums: tuple[TrailSum, ...]
    value: UnitValue | None


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """The windows of one variant in a switchback experiment; `scheduled` is the sum of all others.

    Attributes:
        variant: Whose windows.
        scheduled: Zones times windows that the schedule gives the variant.
        not_over: End after the as-of date.
        without_denominator: Have nothing to divide by, such as no delivered order.
        counted: Those in the estimate.
    """

    variant: str
    scheduled: int
    not_over: int
    without_denominator: int
    counted: int


@dataclass(frozen=True, slots=True)
class VariantWindows:
    """The windows of one variant added up.

    Attributes:
        variant: Whose windows.
        windows: How many count.
        sum_numerator: Over them.
        sum_denominator: Over them; of a mean the share of each window that the burn-in leaves, so no whole number.
        value: The one over the other; none without a window.
        formula: How `value` is made, with its numbers.
    """

    variant: str
    windows: int
    sum_numerator: int
    sum_denominator: float
    value: float | None
    formula: str


@dataclass(frozen=True, slots=True)
class WindowValue:
    """A window of a zone and what the metric has in it.

    Attributes:
        variant: The scheduled one.
        zone_id, window_number, starts_at, counts_from, ends_at: Of the schedule, in UTC; before `counts_from` is the burn-in.
        numerator, denominator: After the burn-in.
        contribution: Numerator less the variant's value times the denominator: how far it pulls the variant, and which way.
    """

    variant: str
    zone_id: str
    window_number: int
    starts_at: datetime
    counts_from: datetime
    ends_at: datetime
    numerator: int
    denominator: float
    contribution: float | None


@dataclass(frozen=True, slots=True)
class WindowExposure:
    """An exposure of the zone within the window; `as_scheduled` says whether it met the window's variant."""

    exposed_at: datetime
    variant: str
    as_scheduled: bool


@dataclass(frozen=True, slots=True)
class WindowSum:
    """One measure of one window, twice: as switchback_window_days has it, and from its deliveries after the burn-in."""

    measure: str
    total: int
    of_deliveries: int
    adds_up: bool


@dataclass(frozen=True, slots=True)
class WindowTrail:
    """How one window came to its value.

    Attributes:
        value: The window, and what it has in the metric.
        exposures: Of the zone, within the window.
        deliveries: Ordered in the zone within the window; those that do not count are of its burn-in.
        sums: By measure.
    """

    value: WindowValue
    exposures: tuple[WindowExposure, ...]
    deliveries: tuple[TrailDelivery, ...]
    sums: tuple[WindowSum, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The rows and the SQL behind a metric of an experiment as of a business date.

    Attributes:
        experiment_id, title, unit_type, start_date, end_date, metric, label, kind, role: Of the plan.
        as_of_date: The business date.
        definition: What is counted, in words: window, cap, covariate, quantile, burn-in.
        measures: What is added up.
        is_reproduced: The rows as they are now give these figures. Where they do not, they have changed since the figures were
            made, and running the date again restates them. None where there is nothing to compare.
        effects: One a treatment.
        compiled: The models that made it and the files with their SQL as it ran.
        queries: By what they read, queries that give the sums again, ready to paste.
    """

    experiment_id: str
    title: str
    unit_type: str
    start_date: date
    end_date: date
    metric: str
    label: str
    kind: str
    role: str
    as_of_date: date
    definition: tuple[str, ...]
    measures: tuple[MeasureUse, ...]
    is_reproduced: bool | None
    effects: tuple[ExplainedEffect, ...]
    compiled: Mapping[str, str]
    queries: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsExplanation(Explanation):
    """Of an experiment whose units keep their variant.

    Attributes:
        counts: Units by variant, in the plan's order, as are the moments.
        moments: Empty for a quantile, which is made from histograms.
        sample: Of each variant the units that pull most, the strongest first.
        trail: Of the unit that was asked for.
    """

    counts: tuple[UnitCounts, ...]
    moments: tuple[VariantMoments, ...]
    sample: tuple[UnitValue, ...]
    trail: UnitTrail | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsExplanation(Explanation):
    """Of a switchback experiment, whose zones switch between the variants.

    Attributes:
        counts: Windows by variant, the control first, as are the sums.
        sums: The windows that count, added up.
        sample: Of each variant the windows that pull most, the strongest first.
        trail: Of the window that was asked for.
    """

    counts: tuple[WindowCounts, ...]
    sums: tuple[VariantWindows, ...]
    sample: tuple[WindowValue, ...]
    trail: WindowTrail | None
