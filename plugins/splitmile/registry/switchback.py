"""A switchback experiment: its design against the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from splitmile.registry.contradictions import used_metrics
from splitmile.registry.document import Location, name_of
from splitmile.registry.plan import Metric, MetricKind, Switchback
from splitmile.registry.spec import ExperimentSpec, SwitchbackSpec
from splitmile.settings import BusinessDay

_SHARES_TOLERANCE = 1e-9
# They are about units that keep their variant; a zone of a switchback has all of them.
_OF_UNITS = ("segments", "activation", "allowed_units", "denied_units", "layer", "holdout_of")


def switchback_contradictions(
    spec: ExperimentSpec, metrics: Mapping[str, Metric], business_day: BusinessDay
) -> Iterator[tuple[Location, str]]:
    """What is wrong with the design of a switchback experiment, alone and beside the rest of the file."""
    design = spec.switchback
    if design is None:
        return
    if spec.unit != "zone":
        yield ("unit",), f"`unit` is {spec.unit!r} in a switchback experiment; expected zone, for zones switch; correct it"
    if len(spec.variants) != 2:
        yield (
            ("variants",),
            f"`variants` are {len(spec.variants)} in a switchback experiment; expected the control and one treatment; take the others out",
        )
    for key in _OF_UNITS:
        if getattr(spec, key):
            yield (key,), f"`{key}` is about units that keep their variant, and zones of a switchback experiment do not; take it out"
    for location, name in used_metrics(spec.metrics):
        metric = metrics.get(name)
        if metric and (metric.kind is MetricKind.quantile or metric.window or metric.cap):
            yield (
                location,
                f"{name_of(location)} is {name!r}, a quantile or with a window or cap of each unit, and a switchback experiment compares "
                "sums of zones' windows; take another metric",
            )
    if design.windows < 2:
        yield (
            ("switchback", "windows"),
            "`switchback.windows` is 1, so no zone ever switches; expected at least 2; lengthen the schedule, or shorten the windows",
        )
    if design.burn_in_minutes >= design.window_minutes:
        yield (
            ("switchback", "burn_in_minutes"),
            f"`switchback.burn_in_minutes` is {design.burn_in_minutes}, which leaves nothing of a window of {design.window_minutes} "
            "minutes; expected fewer; shorten it, or lengthen the windows",
        )
    yield from _drawable(spec, design, business_day)


def planned_switchback(spec: SwitchbackSpec) -> Switchback:
    """The stored design of a valid spec."""
    from splitmile.stats import SwitchbackDesign

    return Switchback(SwitchbackDesign.from_dict(_fields(spec)).to_dict(), spec.burn_in_minutes)


def _drawable(spec: ExperimentSpec, design: SwitchbackSpec, business_day: BusinessDay) -> Iterator[tuple[Location, str]]:
    # Here, because the schedulers read the registry without ever needing numpy.
    from splitmile.stats import SwitchbackDesign, SwitchbackDesignInvalid

    try:
        drawn = SwitchbackDesign.from_dict(_fields(design))
    except SwitchbackDesignInvalid as error:
        location = ("switchback", error.field)
        yield location, f"{name_of(location)}: {str(error).partition(f'{error.field}: ')[2]}; correct it (docs/experiments.md)"
        return
    planned = 1 - spec.variants.get(spec.control, 0)
    if abs(planned - drawn.treatment_share) > _SHARES_TOLERANCE:
        yield (
            ("switchback", "treatment_share"),
            f"`switchback.treatment_share` is {drawn.treatment_share:.12g}, and the treatment's share in `variants` {planned:.12g}; "
            "expected the same; correct one of them",
        )
    first, last = business_day.starts_at(spec.start), business_day.starts_at(spec.end + timedelta(days=1))
    if drawn.start < first:
        yield (
            ("switchback", "start"),
            f"`switchback.start` is {design.start}, before `start` {spec.start}, which begins at {first.isoformat()}; "
            "expected an instant from then on; move one of them",
        )
    # As minutes, not as an instant: so many windows may end beyond the last year of a calendar.
    if drawn.window_minutes * drawn.windows > (last - drawn.start) / timedelta(minutes=1):
        yield (
            ("switchback", "windows"),
            f"`switchback.windows` is {drawn.windows}, so that windows lie after `end` {spec.end}, which is over at {last.isoformat()}; "
            "expected windows within `start` and `end`; take fewer, or move `end`",
        )


def _fields(spec: SwitchbackSpec) -> dict[str, Any]:
    return spec.model_dump(exclude={"burn_in_minutes"})
