"""The page of a switchback experiment: its schedule instead of a sample ratio, windows instead of units."""

from __future__ import annotations

import re
from datetime import date

import pytest

from analysis.switchback_plans import START, a_switchback_scorecard
from splitmile.analysis.switchback import ExposureCounts
from splitmile.publish.pages import scorecard_html
from splitmile.results.digests import Digest, ExperimentNews
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Language


def _page(card: Scorecard, language: Language = "en") -> str:
    news = ExperimentNews(card, None, ())
    html = scorecard_html(news, Digest(date(2026, 3, 3), (news,), (), (), 1, 1, language=language))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_schedule_stands_where_the_sample_ratio_does_elsewhere() -> None:
    page = _page(a_switchback_scorecard())
    assert "The schedule was kept" in page
    assert "Sample ratio" not in page
    assert "3 zones with 12 planned windows of 60 minutes each; 10 minutes after every switch, and 7 orders in them" in page
    assert "Horvitz–Thompson" in page
    assert "Switchback: regression over windows of zones" in page
    broken = _page(a_switchback_scorecard(exposures=ExposureCounts(36, 4, 0)))
    assert "The schedule was not kept" in broken
    assert "Horvitz–Thompson" not in broken


@pytest.mark.parametrize("card", [a_switchback_scorecard(), a_switchback_scorecard(as_of=START)], ids=["ended", "running"])
def test_it_is_told_in_korean(card: Scorecard) -> None:
    assert "일정이 지켜졌습니다" in _page(card, "ko")
