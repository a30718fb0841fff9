from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

import example_digests as ex
from splitmile.publish.slack_blocks import MAX_MESSAGE, alarm_blocks, digest_blocks, mrkdwn
from splitmile.results.digests import DataWarning, Digest

URL = "https://reports.example.com/splitmile"


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    found = [block["text"]["text"] for block in blocks if "text" in block]
    return found + [element["text"] for block in blocks for element in block.get("elements", [])]


def assert_slack_accepts(blocks: list[dict[str, Any]]) -> None:
    """What slack_sdk's models check, and the limits of the whole message that they do not know."""
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict() == block
    assert len(blocks) <= 50
    assert all(0 < len(text) <= 3000 for text in texts(blocks))
    assert len(json.dumps(blocks, ensure_ascii=False)) <= MAX_MESSAGE
    for text in texts(blocks):
        assert not re.search(r"&(?!amp;|lt;|gt;)", text), text
        assert text.count("<") == text.count(">") == len(re.findall(r"<https://[^|<>]+\|[^<>]+>", text)), text


def flooded() -> Digest:
    """A digest whose every text is far too long."""
    news = ex.ship()
    card = replace(news.scorecard, title="<&> " * 500, owner="&" * 900, effects=news.scorecard.effects * 12)
    warnings = tuple(DataWarning("warn", "&<>" * 90, "<!channel> & " * 900) for _ in range(40))
    entries = tuple(replace(news, scorecard=replace(card, experiment_id=f"flood_{i}")) for i in range(200))
    return Digest(ex.TODAY, entries, warnings, ex.whole_day().restatements * 20, 1, 1)


@pytest.mark.parametrize(
    "digest",
    [ex.whole_day(), ex.quiet_day(), ex.crowded_day(), flooded(), replace(ex.quiet_day(), news=())],
    ids=["whole", "quiet", "crowded", "flooded", "empty"],
)
def test_any_digest_is_one_message_within_slacks_limits(digest: Digest) -> None:
    text, blocks = digest_blocks(digest, URL)
    assert_slack_accepts(blocks)
    assert 0 < len(text) < 3000


def test_the_check_of_limits_sees_a_bad_message() -> None:
    with pytest.raises(AssertionError):
        assert_slack_accepts([{"type": "section", "text": {"type": "mrkdwn", "text": "a & b <!channel>"}}])
    with pytest.raises(AssertionError):
        assert_slack_accepts([{"type": "divider"}] * 51)


def test_the_message_as_reviewed(golden: Callable[[str, str], None]) -> None:
    text, blocks = digest_blocks(ex.whole_day(), URL)
    golden("digest.json", json.dumps({"text": text, "blocks": blocks}, indent=2, ensure_ascii=False) + "\n")


def test_the_most_important_comes_first_and_keeps_the_digests_order() -> None:
    _, blocks = digest_blocks(ex.whole_day(), URL)
    message = "\n".join(texts(blocks))
    ids = [n.scorecard.experiment_id for n in ex.whole_day().news]
    places = [message.index(f"/{experiment_id}.html") for experiment_id in ids]
    assert places == sorted(places)


def test_an_invalid_experiment_shows_no_effect_number() -> None:
    digest = replace(ex.whole_day(), news=(ex.invalid_by_ratio(), ex.invalid_by_contamination()))
    message = "\n".join(texts(digest_blocks(digest, URL)[1]))
    for number in ("7.77", "7.01", "7.88", "2.06", "156", "−41"):
        assert number not in message
    assert message.index("did not get the units") < message.index("Changed since yesterday")


def test_a_crowd_degrades_from_full_to_lines_to_a_count() -> None:
    message = "\n".join(texts(digest_blocks(ex.crowded_day(60), URL)[1]))
    told = len(set(re.findall(r"/(\w+)\.html\|(?!all experiments|All experiments)", message)))
    left = re.search(r"… and (\d+) more: see <https://[^|]+/index\.html\|", message)
    assert left is not None
    assert told > 30
    assert told + int(left[1]) == 60


def test_a_line_of_an_invalid_experiment_shows_no_number_either() -> None:
    digest = replace(ex.crowded_day(20), news=(*ex.crowded_day(20).news, ex.invalid_by_ratio()))
    line = next(line for text in texts(digest_blocks(digest, URL)[1])[::-1] for line in text.split("\n") if "/region_merge.html" in line)
    assert "%" not in line


def test_without_an_address_there_are_no_links() -> None:
    _, blocks = digest_blocks(ex.whole_day(), None)
    assert not any("<" in text for text in texts(blocks))


def test_titles_cannot_mention_format_or_link() -> None:
    message = "\n".join(texts(digest_blocks(replace(ex.quiet_day(), news=(ex.first_day(),)), URL)[1]))
    assert "<!channel>" not in message
    assert "&lt;nearest&gt; &amp; ∗fastest∗ courier &lt;!channel&gt;" in message


def test_text_is_cut_before_it_is_escaped() -> None:
    assert mrkdwn("&" * 10, limit=4) == "&amp;&amp;&amp;…"


def test_an_alarm_names_what_failed() -> None:
    text, blocks = alarm_blocks("Quality gate 1 is blocked", [f"deliveries: check {i} <failed>" for i in range(9)], ex.TODAY)
    assert_slack_accepts(blocks)
    assert "Quality gate 1 is blocked" in text
    assert "deliveries: check 0 &lt;failed&gt;" in texts(blocks)[1]
    assert "and 4 more" in texts(blocks)[1]
    assert_slack_accepts(alarm_blocks("T" * 400, [], ex.TODAY)[1])
