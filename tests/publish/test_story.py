from __future__ import annotations

from dataclasses import replace

import pytest

import example_digests as ex
from splitmile.publish import story
from splitmile.results.comparisons import Estimate, Interval
from splitmile.results.digests import Digest, ExperimentNews
from splitmile.results.scorecards import Decision, Interaction


def figures_of(news: ExperimentNews) -> list[str]:
    """Every effect number of an experiment as it would be shown."""
    return [part for e in story.primary_effects(news.scorecard) for part in ("−7.77", "−156", f"{100 * (e.relative.estimate or 0):.2f}")]


@pytest.mark.parametrize("news", [ex.invalid_by_ratio(), ex.invalid_by_contamination()])
def test_an_invalid_experiment_says_why_and_shows_no_effect(news: ExperimentNews) -> None:
    told = story.tell(news)
    assert told.effects == ()
    assert told.concerns
    assert not any(number in str(told) for number in figures_of(news))


def test_an_invalid_experiment_without_a_known_reason_points_to_the_warnings() -> None:
    news = ex.invalid_by_ratio()
    card = replace(news.scorecard, verdict=replace(news.scorecard.verdict, reasons=()))
    assert story.tell(replace(news, scorecard=card)).concerns == ("The data cannot be trusted; the data warnings say why.",)


def test_a_harmed_guardrail_is_named() -> None:
    assert "Cancellation rate" in story.tell(ex.harmful()).concerns[0]


def test_what_changed_since_yesterday() -> None:
    assert story.tell(ex.ship()).change == "Changed since yesterday: Keep running → Ship it"
    assert story.tell(ex.keep_running()).change.startswith("Same verdict as yesterday (effect then")
    assert story.tell(ex.first_day()).change == "First day in the digest"
    assert story.tell(replace(ex.keep_running(), courses=())).change == "Same verdict as yesterday"
    assert story.tell(ex.invalid_by_contamination()).change == "Same verdict as yesterday"


def test_a_guardrail_says_whether_harm_is_ruled_out() -> None:
    assert story.finding(ex.cancellations(), has_ended=True).startswith("no harm beyond")
    assert story.finding(ex.cancellations(is_safe=False), has_ended=False).endswith("not ruled out")


def test_a_win_says_which_guardrail_is_not_shown_to_be_safe() -> None:
    (concern,) = story.tell(ex.unproven()).concerns
    assert concern.startswith("Cancellation rate in ranked is not shown to be safe")
    assert story.tell(ex.ship()).concerns == ()


def test_an_effect_that_depends_on_another_experiment_is_told_but_not_where_the_numbers_must_not_be_read() -> None:
    found = Interaction("delivery_time", "ranked", "region_merge", "merged", -12.5, Interval(-20.0, -5.0), 0.002)
    news = ex.ship()
    (concern,) = story.tell(replace(news, scorecard=replace(news.scorecard, interactions=(found,)))).concerns
    assert concern.replace("\N{NO-BREAK SPACE}", " ") == (
        "Delivery time in ranked depends on the experiment region_merge: among units in merged there, the effect differs by "
        "−12.5 s (−20.0 to −5.0) from that among units of its control."
    )
    invalid = ex.invalid_by_ratio()
    withheld = replace(found, treatment="merged")
    assert "depends" not in str(story.tell(replace(invalid, scorecard=replace(invalid.scorecard, interactions=(withheld,)))))


def test_an_experiment_that_keeps_running_says_what_it_waits_for() -> None:
    news = ex.keep_running()
    assert "about 9 more days to see 1 %" in (fact.replace("\N{NO-BREAK SPACE}", " ") for fact in story.tell(news).facts)
    (planned,) = news.scorecard.planning
    waits = {1: "about 1 more day to see 1 %", 0: "enough units to see 1 %", None: "1,870 zones needed to see 1 %, more than will come"}
    for days, told in waits.items():
        card = replace(news.scorecard, planning=(planned, replace(planned, days_to_go=days, units_needed=1870)))
        longest = told if days is None else "about 9 more days to see 1 %"
        assert story.outlook(card).replace("\N{NO-BREAK SPACE}", " ") == longest
        assert story.to_go(replace(planned, days_to_go=days), card).replace("\N{NO-BREAK SPACE}", " ") == told
    assert story.outlook(replace(news.scorecard, planning=(replace(planned, minimum_effect=None, units_needed=None),))) == ""
    assert story.outlook(ex.ship().scorecard) == ""


def test_what_has_no_estimate_says_why() -> None:
    line = story.tell(ex.first_day()).effects[0]
    assert (line.figures, line.finding) == ((), "no estimate, fewer than 2 units in nearest")
    assert story.tell(ex.no_units()).concerns == ("No unit has been exposed yet.",)
    assert story.tell(ex.no_units()).effects == ()


def test_an_effect_without_a_relative_one_is_told_in_its_own_unit() -> None:
    news = ex.ship()
    first, *others = news.scorecard.effects
    bare = replace(first, relative=Estimate(None, None, None, None, "the denominator is zero"), sequential=None)
    line = story.tell(replace(news, scorecard=replace(news.scorecard, effects=(bare, *others)))).effects[0]
    assert len(line.figures) == 1
    assert line.finding == "no relative effect, the denominator is zero; better"


def test_the_sentence_of_the_day() -> None:
    assert story.important_sentence(ex.whole_day()).startswith("Do not read the numbers: Region recommendation")
    assert "59.1" in story.important_reason(ex.whole_day())
    assert story.important_sentence(ex.quiet_day()) == "No experiment needs a decision today."
    assert story.important_reason(ex.quiet_day()) == ""
    empty = replace(ex.quiet_day(), news=())
    assert story.important_sentence(empty) == "No experiment is running."
    assert story.counts(empty) == "0 experiments"


def test_a_restatement_of_an_invalid_experiment_withholds_its_figures() -> None:
    digest = ex.whole_day()
    valid, invalid = (story.restated(r, digest) for r in digest.restatements)
    assert "−1.88" in valid
    assert "−1.97" in valid
    assert "7.01" not in invalid
    assert "7.88" not in invalid


def test_a_channel_of_its_own_gets_its_experiments_and_the_warnings_of_the_feeds() -> None:
    digest = ex.whole_day()
    warnings = (*digest.warnings, replace(digest.warnings[1], subject="tms_batching"))
    part: Digest = story.for_experiments(replace(digest, warnings=warnings), frozenset({"promise_window"}))
    assert [n.scorecard.experiment_id for n in part.news] == ["promise_window"]
    assert [w.subject for w in part.warnings] == ["route_broken", "deliveries"]
    assert part.restatements == ()


def test_every_decision_has_an_emoji() -> None:
    assert set(story.EMOJI) == set(Decision)
