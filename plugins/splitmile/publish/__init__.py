"""Publishing: finished results become Slack messages, report pages, or lines in a terminal. Nothing here queries or computes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from slack_sdk import WebClient

from splitmile.errors import PublishFailed
from splitmile.publish.console import print_alarm, print_digest, write_preview
from splitmile.publish.pages import page_name, write_pages
from splitmile.publish.slack import Kind, PublishedMessage, PublishIncomplete, SlackPublisher
from splitmile.publish.slack_blocks import alarm_blocks, digest_blocks
from splitmile.publish.story import for_experiments
from splitmile.results.digests import Digest
from splitmile.settings import Settings

__all__ = ["PublishIncomplete", "PublishedMessage", "page_name", "publish_alarm", "publish_digest", "write_pages", "write_preview"]

CONSOLE = "console"
_log = logging.getLogger(__name__)


def publish_digest(
    digest: Digest, settings: Settings, *, client: WebClient | None, known: Mapping[str, str]
) -> tuple[PublishedMessage, ...]:
    """Write the pages and the preview, then send the digest to Slack or print it.

    Args:
        digest: What to publish.
        settings: Where to.
        client: A client with a bot token; `None` prints the digest instead.
        known: Timestamps of this business date's digest by channel, from an earlier run; such a message is updated.

    Returns:
        One message a channel: the installation's with all experiments first, then one for each channel that experiments name for
        themselves, with those experiments.

    Raises:
        PublishIncomplete: Some channels failed, each with its reason; its `published` are the messages that are out.
        PublishFailed: The pages cannot be written.
    """
    write_pages(digest, settings.report_dir)
    preview = write_preview(digest, settings.report_dir, settings.publishing.slack_channel)
    _log.info("The report pages are in %s, the preview of the message is %s.", settings.report_dir, preview)
    if client is None:
        print_digest(digest)
        return (PublishedMessage(CONSOLE, digest.as_of_date, "digest", None),)
    contents = {
        channel: digest_blocks(part, settings.publishing.report_url)
        for channel, part in _by_channel(digest, settings.publishing.slack_channel).items()
    }
    return _send(contents, digest.as_of_date, "digest", client, known)


def publish_alarm(
    title: str, lines: Sequence[str], business_date: date, settings: Settings, *, client: WebClient | None, known: Mapping[str, str]
) -> tuple[PublishedMessage, ...]:
    """Tell the installation's channel, or the terminal, that a business date is not published.

    Args:
        title: What happened, such as `Quality gate 1 is blocked`.
        lines: What failed, with its numbers, and what to do.
        business_date: The business date that is held up.
        settings: Where to.
        client: A client with a bot token; `None` prints the alarm instead.
        known: Timestamp of this business date's alarm by channel, from an earlier run.

    Raises:
        PublishIncomplete: Slack refused or could not be reached.
    """
    if client is None:
        print_alarm(title, lines, business_date, language=settings.publishing.language)
        return (PublishedMessage(CONSOLE, business_date, "alarm", None),)
    blocks = alarm_blocks(title, lines, business_date, settings.publishing.language)
    return _send({settings.publishing.slack_channel: blocks}, business_date, "alarm", client, known)


def _by_channel(digest: Digest, channel: str) -> dict[str, Digest]:
    """What each channel is told, the installation's first."""
    own: dict[str, set[str]] = {}
    for news in digest.news:
        name = news.scorecard.slack_channel
        if name is not None and name != channel:
            own.setdefault(name, set()).add(news.scorecard.experiment_id)
    return {channel: digest} | {name: for_experiments(digest, frozenset(ids)) for name, ids in sorted(own.items())}


def _send(
    contents: Mapping[str, tuple[str, list[dict[str, Any]]]],
    business_date: date,
    kind: Kind,
    client: WebClient,
    known: Mapping[str, str],
) -> tuple[PublishedMessage, ...]:
    """Send to every channel, so that one that fails does not silence the others."""
    publisher = SlackPublisher(client)
    published: list[PublishedMessage] = []
    failures: list[PublishFailed] = []
    for channel, (text, blocks) in contents.items():
        try:
            published.append(publisher.publish(channel, business_date, kind, text, blocks, known.get(channel)))
        except PublishFailed as failure:
            failures.append(failure)
    if failures:
        raise PublishIncomplete(" ".join(map(str, failures)), tuple(published)) from failures[0]
    return tuple(published)
