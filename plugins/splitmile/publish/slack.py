"""Messages in Slack: one per channel, business date and kind, whatever happens between two runs.

Slack has no idempotent post. So a message carries metadata that says what it is, a run that knows its timestamp updates it, and a
run that does not looks for it in the channel's history before it posts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web import SlackResponse

from splitmile.errors import PublishFailed

Kind = Literal["digest", "alarm"]

_log = logging.getLogger(__name__)
_RATE_LIMIT_RETRIES = 3
_PAGE = 200
_MAX_HISTORY_PAGES = 10
_MAX_CHANNEL_PAGES = 50
_REMEDIES = {
    "channel_not_found": "create the channel, or correct publishing.slack_channel in splitmile.toml (or slack_channel in the "
    "experiment's file); a private channel must invite the app first",
    "not_in_channel": "invite the app: /invite @Splitmile in the channel",
    "is_archived": "unarchive the channel, or name another one",
    "invalid_auth": "the token of the Slack connection is wrong; copy the bot token (xoxb-…) of the app again",
    "not_authed": "the Slack connection has no token; enter the bot token (xoxb-…) of the app",
    "account_inactive": "the app was removed from the workspace; install it again and enter the new token",
    "token_revoked": "the token was revoked; install the app again and enter the new token",
    "cant_update_message": "another app posted today's message; delete it in the channel and run again",
    "edit_window_closed": "the workspace forbids late edits; delete the message in the channel and run again",
    "msg_blocks_too_long": "this is a fault of Splitmile: please report it with the digest's JSON",
    "invalid_blocks": "this is a fault of Splitmile: please report it with the digest's JSON",
}


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A message that is out.

    Attributes:
        channel: As configured, or `console` where there is no Slack.
        business_date: The business date it tells of.
        kind: `digest` or `alarm`.
        message_ts: Slack's timestamp, by which a re-run updates it; `None` on the console.
    """

    channel: str
    business_date: date
    kind: Kind
    message_ts: str | None


class PublishIncomplete(PublishFailed):
    """Some channels did not get their message; `published` has those that did, to be remembered all the same."""

    def __init__(self, message: str, published: tuple[PublishedMessage, ...]) -> None:
        """The failures in words, and the messages that are out."""
        super().__init__(message)
        self.published = published


class SlackPublisher:
    """Posts and updates messages.

    Scopes of the app: `chat:write`; to find a message that an interrupted run left behind, `channels:history` (`groups:history` for
    private channels); where the settings name a channel instead of its ID, `channels:read` (`groups:read`).
    """

    def __init__(self, client: WebClient) -> None:
        """Take over the client's retries.

        Args:
            client: A client with a bot token. Its retry handlers are replaced: waiting out a rate limit is safe, sending a post
                again after a lost connection is not, since Slack may have it already.
        """
        client.retry_handlers[:] = [RateLimitErrorRetryHandler(max_retry_count=_RATE_LIMIT_RETRIES)]
        self._client = client
        self._channel_ids: dict[str, str] = {}

    def publish(
        self,
        channel: str,
        business_date: date,
        kind: Kind,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        known_ts: str | None,
    ) -> PublishedMessage:
        """Bring the channel's one message of this business date and kind up to date, or post it.

        Args:
            channel: `#name` or an ID.
            business_date: The business date it tells of.
            kind: What it is.
            text: Text of the notification.
            blocks: Block Kit.
            known_ts: Timestamp under which an earlier run posted it.

        Raises:
            PublishFailed: Slack refused or could not be reached; the message says what to do.
        """
        content: dict[str, Any] = {"text": text, "blocks": list(blocks), "metadata": _metadata(kind, business_date)}
        found = known_ts or self._find(channel, business_date, kind)
        if found and self._update(channel, found, content):
            return PublishedMessage(channel, business_date, kind, found)
        posted = _call(
            channel,
            "chat:write",
            self._client.chat_postMessage,
            channel=channel,
            unfurl_links=False,
            unfurl_media=False,
            **content,
        )
        return PublishedMessage(channel, business_date, kind, str(posted["ts"]))

    def _update(self, channel: str, message_ts: str, content: Mapping[str, Any]) -> bool:
        """Update the message; false where somebody has deleted it."""
        channel_id = self._channel_id(channel)
        try:
            _call(channel, "chat:write", self._client.chat_update, channel=channel_id, ts=message_ts, **content)
        except PublishFailed as failure:
            if _code(failure.__cause__) != "message_not_found":
                raise
            _log.warning("The message %s in %s was deleted; posting it again.", message_ts, channel)
            return False
        return True

    def _find(self, channel: str, business_date: date, kind: Kind) -> str | None:
        """Timestamp of a message that an interrupted run has posted; `None` where there is none or it cannot be looked for."""
        try:
            channel_id = self._channel_id(channel)
            return self._search(channel, channel_id, business_date, kind)
        except PublishFailed as failure:
            if _code(failure.__cause__) != "missing_scope":
                raise
            _log.warning("Cannot look for an earlier message, so a run that was interrupted may post twice. %s", failure)
            return None

    def _search(self, channel: str, channel_id: str, business_date: date, kind: Kind) -> str | None:
        # No digest of a business date is older than that date; a day's margin covers every time zone.
        oldest = datetime.combine(business_date - timedelta(days=1), time(), UTC).timestamp()
        wanted = _metadata(kind, business_date)
        cursor: str | None = None
        for _ in range(_MAX_HISTORY_PAGES):
            page = _call(
                channel,
                "channels:history (groups:history for a private channel)",
                self._client.conversations_history,
                channel=channel_id,
                include_all_metadata=True,
                oldest=f"{oldest:.6f}",
                limit=_PAGE,
                cursor=cursor,
            )
            for message in page["messages"]:
                metadata = message.get("metadata") or {}
                if metadata.get("event_type") == wanted["event_type"] and metadata.get("event_payload") == wanted["event_payload"]:
                    return str(message["ts"])
            cursor = _next_cursor(page)
            if not cursor:
                return None
        _log.warning("Looked through the last %d messages of %s only.", _MAX_HISTORY_PAGES * _PAGE, channel)
        return None

    def _channel_id(self, channel: str) -> str:
        """The ID of a channel; only `chat.postMessage` accepts a name."""
        if not channel.startswith("#"):
            return channel
        if channel not in self._channel_ids:
            self._channel_ids[channel] = self._look_up(channel)
        return self._channel_ids[channel]

    def _look_up(self, channel: str) -> str:
        types = "public_channel,private_channel"
        cursor: str | None = None
        for _ in range(_MAX_CHANNEL_PAGES):
            page = _call(
                channel,
                "channels:read and groups:read, or give the channel's ID instead of its name",
                self._client.conversations_list,
                types=types,
                exclude_archived=True,
                limit=_PAGE,
                cursor=cursor,
            )
            for known in page["channels"]:
                if known["name"] == channel.removeprefix("#"):
                    return str(known["id"])
            cursor = _next_cursor(page)
            if not cursor:
                break
        raise PublishFailed(f"Slack channel {channel}: channel_not_found; {_REMEDIES['channel_not_found']}.")


def _metadata(kind: Kind, business_date: date) -> dict[str, Any]:
    return {"event_type": f"splitmile_{kind}", "event_payload": {"business_date": business_date.isoformat(), "kind": kind}}


def _next_cursor(page: SlackResponse) -> str | None:
    metadata: Mapping[str, Any] = page.get("response_metadata") or {}
    return str(metadata.get("next_cursor") or "") or None


def _call(named: str, scopes: str, request: Callable[..., SlackResponse], /, **arguments: object) -> SlackResponse:
    """One request, every failure turned into one that says what to do."""
    try:
        return request(**arguments)
    except SlackApiError as error:
        code = _code(error) or "no error code"
        if code == "missing_scope":
            remedy = f"the app lacks the scope {scopes}; add it under OAuth & Permissions and install the app again"
        elif code == "ratelimited":
            remedy = f"Slack still limits the rate after {_RATE_LIMIT_RETRIES} retries; run the task again later"
        else:
            remedy = _REMEDIES.get(code, "Slack's API reference explains the code; a server error passes by itself, so run the task again")
        raise PublishFailed(f"Slack channel {named}: {code}; {remedy}.") from error
    except (SlackClientError, URLError, OSError) as error:
        raise PublishFailed(
            f"Slack channel {named}: Slack cannot be reached ({error}); check network and proxy, then run the task again: "
            "it looks for a message that got through before it posts."
        ) from error


def _code(error: BaseException | None) -> str | None:
    if not isinstance(error, SlackApiError):
        return None
    response: Any = error.response
    return str(response.get("error") or f"HTTP {response.get('status_code', '')}".strip()) if hasattr(response, "get") else None
