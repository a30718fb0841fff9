"""What a run of dbt makes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from splitmile.settings import Settings
from splitmile.transform.replay import Built, Experiment, plan_replay

TODAY = date(2026, 3, 20)
YESTERDAY = TODAY - timedelta(days=1)
ENDED = Experiment("a", date(2026, 3, 1), date(2026, 3, 5))
RUNNING = Experiment("b", date(2026, 3, 10), date(2026, 3, 30))
BUILT = Built(
    built_to=YESTERDAY,
    first_date=date(2026, 2, 1),
    pending={"load": [TODAY]},
    totals=[date(2026, 3, 5), *(YESTERDAY - timedelta(days=back) for back in range(8))],
    experiments={"ended": ENDED, "running": RUNNING},
    experiments_before={"ended": ENDED, "running": RUNNING},
    used_metrics=["delivery_time"],
    unit_types=["courier"],
)


def test_a_usual_day_makes_itself_alone() -> None:
    replay = plan_replay(Settings(), BUILT, TODAY, TODAY, is_full_refresh=False)
    assert (replay.built_to, replay.replay_from, replay.refreeze_from, replay.changed_dates) == (TODAY, TODAY, TODAY, (TODAY,))
    assert (replay.totals_dates, replay.totals_base) == ((TODAY,), YESTERDAY)
    assert (replay.running_from, replay.has_ended_units) == (RUNNING.start_date, True)
    assert set(replay.totals_kept) == {ENDED.end_date} | {TODAY - timedelta(days=back) for back in range(8)}


def test_a_late_date_makes_the_running_sums_from_there_on() -> None:
    late = TODAY - timedelta(days=4)
    replay = plan_replay(Settings(), replace(BUILT, pending={"load": [TODAY], "late": [late]}), TODAY, TODAY, is_full_refresh=False)
    assert (replay.replay_from, replay.refreeze_from, replay.changed_dates) == (late, late, (late, TODAY))
    assert (replay.totals_dates[0], replay.totals_dates[-1], replay.totals_base) == (late, TODAY, late - timedelta(days=1))
    assert replay.running_from == RUNNING.start_date


def test_an_experiment_that_is_defined_anew_freezes_its_units_from_its_start_on() -> None:
    defined_anew = replace(BUILT, experiments=dict(BUILT.experiments, ended=replace(ENDED, definition="c")))
    replay = plan_replay(Settings(), defined_anew, TODAY, TODAY, is_full_refresh=False)
    assert (replay.replay_from, replay.refreeze_from, replay.running_from) == (TODAY, ENDED.start_date, ENDED.start_date)


def test_an_experiment_that_is_gone_is_named() -> None:
    gone = replace(BUILT, experiments={"running": RUNNING})
    variables = plan_replay(Settings(), gone, TODAY, TODAY, is_full_refresh=False).variables(Settings().business_day)
    assert variables["gone_experiments"] == ["ended"]
    # The cut-over in Seoul, the calendar day before in UTC.
    assert variables["running_start"] == "2026-03-09 20:00:00"
    assert plan_replay(Settings(), BUILT, TODAY, TODAY, is_full_refresh=False).gone_experiments == ()


def test_a_full_refresh_makes_everything() -> None:
    replay = plan_replay(Settings(), BUILT, TODAY, TODAY, is_full_refresh=True)
    assert (replay.replay_from, replay.totals_base) == (date(1970, 1, 1), date(1970, 1, 1))
    assert replay.totals_dates == replay.totals_kept
    assert (replay.running_from, replay.has_ended_units) == (ENDED.start_date, False)
