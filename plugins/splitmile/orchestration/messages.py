"""The memory of what was posted, so that a run again updates a message and never posts a second."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from splitmile.warehouse import Warehouse, retried_on_conflict

if TYPE_CHECKING:
    from splitmile.publish import PublishedMessage

DIGEST = "digest"
ALARM = "alarm"


def known_messages(warehouse: Warehouse, business_date: date, kind: str) -> dict[str, str]:
    """Slack's stamp of the message already posted for a business date, by channel."""
    rows = warehouse.fetch(
        "select channel, message_ts from ops.published_messages where business_date = ? and kind = ? and message_ts is not null",
        [business_date, kind],
    )
    return {row["channel"]: row["message_ts"] for row in rows}


@retried_on_conflict
def remember_messages(warehouse: Warehouse, business_date: date, kind: str, messages: tuple[PublishedMessage, ...]) -> None:
    """Keep the stamps of the messages of a business date; one row a channel and kind, whatever was there before."""
    published_at = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.transaction():
        for message in messages:
            warehouse.execute(
                "delete from ops.published_messages where channel = ? and business_date = ? and kind = ?",
                [message.channel, business_date, kind],
            )
        warehouse.append(
            "ops.published_messages",
            [
                {
                    "channel": message.channel,
                    "business_date": business_date,
                    "kind": kind,
                    "message_ts": message.message_ts,
                    "published_at": published_at,
                }
                for message in messages
            ],
        )
