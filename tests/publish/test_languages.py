"""The same day in Korean: the same figures, and no English words but those that people, data and methods bring."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import example_digests as ex
from slack_server import SlackServer
from splitmile.publish import publish_alarm, publish_digest, write_pages
from splitmile.publish.console import print_alarm, print_digest, print_scorecard
from splitmile.publish.slack_blocks import digest_blocks
from splitmile.results.digests import Digest
from splitmile.settings import Publishing, Settings

DAY = replace(ex.whole_day(), news=(*ex.whole_day().news, ex.unproven()))
# Names of people, methods, tables, formats and units; and what comes from the data, a file or an error as it is.
NAMES = {
    "Splitmile",
    "CUPED",
    "CR",
    "Welch",
    "Holm",
    "Benjamini",
    "Hochberg",
    "Bell",
    "McCaffrey",
    "KRW",
    "pp",
    "results",
    "experiment_results",
}
NAMES |= {
    "ID",
    "experiments",
    "format",
    "json",
    "csv",
    "team",
    "example",
    "com",
    "Late",
    "deliveries",
    "were",
    "loaded",
    "fewer",
    "than",
    "units",
}


def brought(digest: Digest) -> set[str]:
    """Words of the experiments' files and the data."""
    texts = [w.message for w in digest.warnings] + [w.subject for w in digest.warnings]
    for card in (news.scorecard for news in digest.news):
        texts += [card.title, card.service, card.owner, card.hypothesis, card.experiment_id, card.revision]
        texts += [text for e in card.effects for text in (e.label, e.control, e.treatment, e.relative.reason or "")]
        texts += [text for found in card.segments for text in (found.dimension, *(each.segment for each in found.effects))]
    return words(" ".join(texts))


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]{2,}", text))


def figures_of(text: str) -> set[str]:
    """Signed percentages, which are the same in every language."""
    return set(re.findall(r"[+−]\d+\.\d+\s%", text))


def visible(page: str) -> str:
    text = re.sub(r"<style>.*?</style>|<meta[^>]*>", "", page, flags=re.DOTALL)
    attributes = " ".join(re.findall(r'(?:aria-label|data-label)="([^"]*)"', text))
    return html.unescape(re.sub(r"<[^>]*>", " ", text) + attributes)


def test_the_message_in_korean() -> None:
    english, korean = (json.dumps(digest_blocks(replace(DAY, language=language), None), ensure_ascii=False) for language in ("en", "ko"))
    plain = re.sub(r"\\n", " ", korean)
    keys = {"type", "section", "header", "divider", "context", "text", "mrkdwn", "plain_text", "emoji", "elements", "true"}
    assert words(plain) - brought(DAY) - NAMES - keys - {"amp", "lt", "gt"} == set()
    assert figures_of(korean) == figures_of(english) != set()


def test_the_pages_in_korean(tmp_path: Path) -> None:
    for language in ("en", "ko"):
        write_pages(replace(DAY, language=language), tmp_path / language)
    for page in sorted((tmp_path / "ko").iterdir()):
        korean = page.read_text(encoding="utf-8")
        assert '<html lang="ko">' in korean
        assert words(visible(korean)) - brought(DAY) - NAMES == set(), page.name
        assert figures_of(visible(korean)) == figures_of(visible((tmp_path / "en" / page.name).read_text(encoding="utf-8"))), page.name


def test_the_terminal_in_korean(capsys: pytest.CaptureFixture[str]) -> None:
    print_digest(replace(DAY, language="ko"))
    for news in DAY.news:
        print_scorecard(news.scorecard, language="ko")
    print_alarm("실패", [], ex.TODAY, language="ko")
    # What stands in brackets after a verdict is its name in the tables.
    decisions = {word for news in DAY.news for word in news.scorecard.verdict.decision.value.split()}
    metrics = {effect.metric for news in DAY.news for effect in news.scorecard.effects}
    assert words(capsys.readouterr().out) - brought(DAY) - NAMES - decisions - metrics == set()


def test_the_check_sees_an_english_word() -> None:
    assert words("실험 Ship it") - NAMES == {"Ship", "it"}


def test_the_setting_reaches_slack(settings: Settings, slack: SlackServer) -> None:
    korean = settings.model_copy(update={"publishing": Publishing(language="ko")})
    publish_digest(replace(ex.quiet_day(), language="ko"), korean, client=slack.client(), known={})
    publish_alarm("실패", ["이유"], ex.TODAY, korean, client=slack.client(), known={})
    digest, alarm = (str(message["blocks"]) for message in slack.in_channel("experiments"))
    assert "2026년 3월 29일 일요일 실험 현황" in digest
    assert "영업일 2026년 3월 29일" in alarm
