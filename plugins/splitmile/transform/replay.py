"""What a run of dbt has to make again: which dates changed, which running sums and which experiments depend on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import Warehouse

_BEFORE_ALL = date(1970, 1, 1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Experiment:
    """As far as the state depends on an experiment: a hash of what decides its units, and its dates."""

    definition: str
    start_date: date
    end_date: date


@dataclass(frozen=True, slots=True)
class Built:
    """What the tables hold before the run, and what has changed since.

    Attributes:
        built_to: Last business date that the state covers; none before the first run.
        first_date: First business date that ever had a row; none without any.
        pending: Loads that no run has taken up, by their id, with the business dates that they changed.
        totals: Dates that `unit_totals` has.
        experiments: Those of the registry now, by id.
        experiments_before: Those that the last run saw.
        used_metrics, unit_types: Of the registry now.
    """

    built_to: date | None
    first_date: date | None
    pending: Mapping[str, Collection[date]]
    totals: Collection[date]
    experiments: Mapping[str, Experiment]
    experiments_before: Mapping[str, Experiment]
    used_metrics: Sequence[str]
    unit_types: Sequence[str]


@dataclass(frozen=True, slots=True)
class Replay:
    """What one run makes.

    Attributes:
        first_date, last_date: As-of dates of the results.
        built_to: Last business date that the state covers afterwards.
        replay_from: First business date whose rows changed, or that the state had not reached; the day after `built_to` without one.
        refreeze_from: First business date from which on what depends on experiments is made again.
        running_from: First business date of the experiments that have not ended before; no unit of theirs was exposed before it, and no
            delivery before it has a part in them.
        has_ended_units: Whether experiments that have ended began before that, so that there are units to leave alone.
        changed_dates: Business dates whose unit-days are made again.
        totals_dates: Dates whose running sums are made.
        totals_base: The date that they are built upon; `1970-01-01` for none.
        totals_kept: Dates whose running sums are kept afterwards.
        gone_experiments: Those that were built and are in the registry no longer.
    """

    first_date: date
    last_date: date
    built_to: date
    replay_from: date
    refreeze_from: date
    running_from: date
    has_ended_units: bool
    changed_dates: tuple[date, ...]
    totals_dates: tuple[date, ...]
    totals_base: date
    totals_kept: tuple[date, ...]
    gone_experiments: tuple[str, ...]

    def variables(self, business_day: BusinessDay) -> dict[str, Any]:
        """As dbt's variables."""
        return {
            "as_of_from": self.first_date.isoformat(),
            "as_of_date": self.last_date.isoformat(),
            "built_to": self.built_to.isoformat(),
            "replay_from": self.replay_from.isoformat(),
            "refreeze_from": self.refreeze_from.isoformat(),
            "running_from": self.running_from.isoformat(),
            "has_ended_units": self.has_ended_units,
            "replay_start": _instant(business_day.starts_at(self.replay_from)),
            "refreeze_start": _instant(business_day.starts_at(self.refreeze_from)),
            "running_start": _instant(business_day.starts_at(self.running_from)),
            "built_end": _instant(business_day.starts_at(self.built_to + _DAY)),
            "changed_dates": _texts(self.changed_dates),
            "totals_dates": _texts(self.totals_dates),
            "totals_base": self.totals_base.isoformat(),
            "gone_experiments": list(self.gone_experiments),
        }


def read_built(warehouse: Warehouse) -> Built:
    """What the tables hold now."""
    pending: dict[str, list[date]] = {}
    for row in warehouse.fetch("select load_id, business_date from ops.changed_dates where transformed_at is null"):
        pending.setdefault(row["load_id"], []).append(row["business_date"])
    built_to = warehouse.fetch("select max(built_to) as built_to from ops.transform_runs")[0]["built_to"]
    totals = warehouse.fetch("select distinct business_date from marts.unit_totals") if built_to else []
    experiments = warehouse.fetch("select experiment_id, unit_type, definition, start_date, end_date from registry.experiments")
    return Built(
        built_to=built_to,
        first_date=warehouse.fetch("select min(business_date) as first_date from ops.changed_dates")[0]["first_date"],
        pending=pending,
        totals={row["business_date"] for row in totals},
        experiments={row["experiment_id"]: _experiment(row) for row in experiments},
        experiments_before={
            row["experiment_id"]: _experiment(row)
            for row in warehouse.fetch("select experiment_id, definition, start_date, end_date from ops.built_experiments")
        },
        used_metrics=[row["metric"] for row in warehouse.fetch("select distinct metric from registry.experiment_metrics order by 1")],
        unit_types=sorted({row["unit_type"] for row in experiments}),
    )


def plan_replay(settings: Settings, built: Built, first_date: date, last_date: date, *, is_full_refresh: bool) -> Replay:
    """What has to be made for the results as of some dates.

    Running sums are kept for the dates within the look-back of late data, and for the last date of each experiment, whose units
    analysts go on reading.
    """
    built_to = max(last_date, built.built_to or last_date)
    changed = sorted({day for days in built.pending.values() for day in days if day <= built_to})
    is_first = built.built_to is None or is_full_refresh
    # Days that the state has not reached are made, too, though nothing happened on them: windows may end there.
    replay_from = _BEFORE_ALL if is_first else min([(built.built_to or built_to) + _DAY, *changed])
    known = built.experiments_before
    redefined = [
        min(experiment.start_date, known[experiment_id].start_date) if experiment_id in known else experiment.start_date
        for experiment_id, experiment in built.experiments.items()
        if experiment_id not in known or known[experiment_id].definition != experiment.definition
    ]
    horizon = settings.feeds.lookback_dates + 1
    kept = {built_to - timedelta(days=back) for back in range(horizon)} | {each.end_date for each in built.experiments.values()}
    kept = {day for day in kept if (built.first_date or built_to) <= day <= built_to} | {built_to}
    wanted = kept | {first_date + timedelta(days=each) for each in range((last_date - first_date).days + 1)}
    there: set[date] = set() if is_first else {day for day in built.totals if day < replay_from}
    to_make = sorted(wanted - there)
    below = [day for day in there if to_make and day < to_make[0]]
    refreeze_from = min([replay_from, *redefined])
    running = [each.start_date for each in built.experiments.values() if each.end_date >= min(refreeze_from, first_date)]
    running_from = min(running, default=built_to)
    return Replay(
        first_date=first_date,
        last_date=last_date,
        built_to=built_to,
        replay_from=replay_from,
        refreeze_from=refreeze_from,
        running_from=running_from,
        has_ended_units=any(each.start_date < running_from for each in built.experiments.values()),
        changed_dates=tuple(changed),
        totals_dates=tuple(to_make),
        totals_base=max(below, default=_BEFORE_ALL),
        totals_kept=tuple(sorted(kept)),
        gone_experiments=tuple(sorted(known.keys() - built.experiments.keys())),
    )


def _experiment(row: Mapping[str, Any]) -> Experiment:
    return Experiment(row["definition"], row["start_date"], row["end_date"])


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _texts(dates: Sequence[date]) -> list[str]:
    return [day.isoformat() for day in dates]
