from __future__ import annotations

import logging
from datetime import date
from typing import Any

import pytest

from slack_server import SlackServer
from splitmile.errors import PublishFailed
from splitmile.publish.slack import PublishedMessage, SlackPublisher

DAY = date(2025, 3, 29)
BLOCKS: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]


def publish(
    slack: SlackServer, known_ts: str | None = None, *, channel: str = "#experiments", text: str = "hello", **others: Any
) -> PublishedMessage:
    publisher = SlackPublisher(slack.client(**others))
    return publisher.publish(channel, DAY, "digest", text, BLOCKS, known_ts)


def test_the_first_run_posts_with_metadata(slack: SlackServer) -> None:
    message = publish(slack)
    [stored] = slack.in_channel("experiments")
    assert message == PublishedMessage("#experiments", DAY, "digest", stored["ts"])
    assert stored["metadata"] == {
        "event_type": "splitmile_digest",
        "event_payload": {"business_date": "2025-03-29", "kind": "digest"},
    }
    assert stored["blocks"] == BLOCKS


def test_a_re_run_updates_the_message(slack: SlackServer) -> None:
    first = publish(slack)
    again = publish(slack, first.message_ts, text="corrected")
    [stored] = slack.in_channel("experiments")
    assert again == first
    assert (stored["text"], stored["edits"]) == ("corrected", 1)


def test_a_run_that_died_before_it_remembered_is_found_in_the_history(slack: SlackServer) -> None:
    first = publish(slack)
    for number in range(5):
        slack.client().chat_postMessage(channel="#experiments", text=f"chatter {number}")
    again = publish(slack, None, text="corrected")
    assert again == first
    assert sum("metadata" in m for m in slack.in_channel("experiments")) == 1
    assert slack.calls.count("conversations.history") > 1


def test_another_date_or_kind_is_another_message(slack: SlackServer) -> None:
    publish(slack)
    publisher = SlackPublisher(slack.client())
    publisher.publish("#experiments", date(2025, 3, 30), "digest", "next day", BLOCKS, None)
    publisher.publish("#experiments", DAY, "alarm", "alarm", BLOCKS, None)
    assert len(slack.in_channel("experiments")) == 3


def test_an_answer_that_is_lost_after_posting_leads_to_one_message(slack: SlackServer) -> None:
    slack.hang_up_after.add("chat.postMessage")
    with pytest.raises(PublishFailed, match=r"cannot be reached.*looks for a message that got through"):
        publish(slack)
    assert slack.calls.count("chat.postMessage") == 1
    publish(slack)
    assert len(slack.in_channel("experiments")) == 1


def test_a_deleted_message_is_posted_again(slack: SlackServer) -> None:
    first = publish(slack)
    slack.messages.clear()
    again = publish(slack, first.message_ts)
    assert again.message_ts != first.message_ts
    assert len(slack.in_channel("experiments")) == 1


def test_a_channel_given_by_its_id_needs_no_list_of_channels(slack: SlackServer) -> None:
    slack.scopes.discard("channels:read")
    first = publish(slack, channel="C0EXPERIMENTS")
    assert publish(slack, channel="C0EXPERIMENTS") == first
    assert "conversations.list" not in slack.calls


@pytest.mark.parametrize("scope", ["channels:history", "channels:read"])
def test_a_missing_scope_for_the_search_does_not_block_posting_but_says_so(
    slack: SlackServer, scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    slack.scopes.discard(scope)
    with caplog.at_level(logging.WARNING, "splitmile.publish.slack"):
        publish(slack)
    assert len(slack.in_channel("experiments")) == 1
    assert f"lacks the scope {scope}" in caplog.text
    assert "may post twice" in caplog.text


def test_a_known_message_that_cannot_be_addressed_is_never_posted_twice(slack: SlackServer) -> None:
    first = publish(slack)
    slack.scopes.discard("channels:read")
    with pytest.raises(PublishFailed, match="channel's ID instead of its name"):
        publish(slack, first.message_ts)
    assert len(slack.in_channel("experiments")) == 1


def test_a_rate_limit_is_waited_out(slack: SlackServer) -> None:
    slack.statuses["chat.postMessage"] = 429
    publish(slack)
    assert slack.calls.count("chat.postMessage") == 2
    assert len(slack.in_channel("experiments")) == 1


def test_an_unknown_channel_says_what_to_do(slack: SlackServer) -> None:
    with pytest.raises(PublishFailed, match=r"#nowhere: channel_not_found; create the channel, or correct publishing.slack_channel"):
        publish(slack, channel="#nowhere")
    with pytest.raises(PublishFailed, match="C0NOWHERE: channel_not_found"):
        publish(slack, channel="C0NOWHERE")


def test_a_channel_without_the_app_says_what_to_do(slack: SlackServer) -> None:
    slack.members.clear()
    with pytest.raises(PublishFailed, match="not_in_channel; invite the app"):
        publish(slack)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("missing_scope", "lacks the scope chat:write"),
        ("is_archived", "unarchive the channel"),
        ("cant_update_message", "delete it in the channel"),
        ("token_revoked", "install the app again"),
        ("fatal_error", "run the task again"),
    ],
)
def test_a_refusal_says_what_to_do(slack: SlackServer, code: str, remedy: str) -> None:
    slack.errors["chat.postMessage"] = code
    with pytest.raises(PublishFailed, match=f"{code}; .*{remedy}"):
        publish(slack)


@pytest.mark.parametrize(("token", "code"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed")])
def test_a_wrong_token_says_what_to_do(slack: SlackServer, token: str, code: str) -> None:
    with pytest.raises(PublishFailed, match=f"{code}; .*bot token"):
        publish(slack, token=token)


def test_a_server_error_says_that_it_passes(slack: SlackServer) -> None:
    slack.statuses["chat.postMessage"] = 503
    with pytest.raises(PublishFailed, match="run the task again"):
        publish(slack)


def test_no_network_says_what_to_do(slack: SlackServer) -> None:
    client = slack.client()
    client.base_url = "http://127.0.0.1:9/api/"
    with pytest.raises(PublishFailed, match=r"cannot be reached.*check network and proxy"):
        SlackPublisher(client).publish("C0EXPERIMENTS", DAY, "digest", "hello", BLOCKS, None)
