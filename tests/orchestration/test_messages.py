from __future__ import annotations

from datetime import date

from splitmile.orchestration.messages import ALARM, DIGEST, known_messages, remember_messages
from splitmile.publish import PublishedMessage
from splitmile.warehouse import Warehouse

DAY = date(2026, 3, 2)


def test_messages_are_known_by_channel_date_and_kind(warehouse: Warehouse) -> None:
    remember_messages(warehouse, DAY, DIGEST, (PublishedMessage("#a", DAY, "digest", "1.0"), PublishedMessage("#b", DAY, "digest", "2.0")))
    remember_messages(warehouse, DAY, DIGEST, (PublishedMessage("#a", DAY, "digest", "3.0"),))
    remember_messages(warehouse, DAY, ALARM, (PublishedMessage("#a", DAY, "alarm", "4.0"),))
    assert known_messages(warehouse, DAY, DIGEST) == {"#a": "3.0", "#b": "2.0"}
    assert known_messages(warehouse, DAY, ALARM) == {"#a": "4.0"}
    assert known_messages(warehouse, date(2026, 3, 3), DIGEST) == {}


def test_what_was_only_printed_has_nothing_to_update(warehouse: Warehouse) -> None:
    remember_messages(warehouse, DAY, DIGEST, (PublishedMessage("console", DAY, "digest", None),))
    assert known_messages(warehouse, DAY, DIGEST) == {}
    assert len(warehouse.fetch("select * from ops.published_messages")) == 1
