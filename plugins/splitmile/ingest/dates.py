"""Which business dates the rest of the platform has to look at after a load.

A business date is complete when both feeds have a loaded partition of that date. The rule, in full:

1. A date is due when it is complete and the objects of its own two partitions are not those for which it was last emitted:
   it is new, or it was delivered again. A date that was emitted stays known, so one whose objects vanish is due as well.
2. Another time zone or cut-over hour moves rows between business dates, so after such a change every known date is due.
3. When an older date is due, the newest known date is due with it: results as of the newest date are made of all rows before it.

Late rows inside a newer partition make no older date due: the run of the newer date brings the tables of every changed date
up to date and so has them in its own results. An older day's results are restated only when that day itself is delivered
again; the days between it and the newest one keep what was known when they were computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime

from splitmile.ingest.contract import FEEDS
from splitmile.settings import BusinessDay, Settings
from splitmile.warehouse import Warehouse, retried_on_conflict


def complete_new_dates(warehouse: Warehouse, settings: Settings) -> list[date]:
    """The business dates that are due, oldest first; `mark_emitted` says that they were passed on."""
    emitted = _emitted(warehouse)
    loaded = _loaded(warehouse)
    known = {day for day, feeds in loaded.items() if feeds.keys() == FEEDS.keys()} | emitted.keys()
    due = {day for day in known if emitted.get(day) != _fingerprint(settings.business_day, loaded.get(day, {}))}
    if due:
        due.add(max(known))
    return sorted(due)


@retried_on_conflict
def mark_emitted(warehouse: Warehouse, settings: Settings, dates: Iterable[date]) -> None:
    """Record that dates were passed on as they are loaded now.

    Until then `complete_new_dates` returns them again, so a crash in between makes a date run twice, never not at all.
    """
    loaded = _loaded(warehouse)
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        {"business_date": day, "fingerprint": _fingerprint(settings.business_day, loaded.get(day, {})), "emitted_at": now}
        for day in sorted(set(dates))
    ]
    with warehouse.transaction():
        for row in rows:
            warehouse.execute("delete from ops.emitted_dates where business_date = ?", [row["business_date"]])
        warehouse.append("ops.emitted_dates", rows)


def _loaded(warehouse: Warehouse) -> dict[date, dict[str, list[tuple[str, str]]]]:
    """Key and etag of every loaded object, by date and feed."""
    loaded: dict[date, dict[str, list[tuple[str, str]]]] = {}
    for row in warehouse.fetch("select partition_date, feed, object_key, etag from ops.load_ledger order by feed, object_key"):
        loaded.setdefault(row["partition_date"], {}).setdefault(row["feed"], []).append((row["object_key"], row["etag"]))
    return loaded


def _emitted(warehouse: Warehouse) -> dict[date, str]:
    return {row["business_date"]: row["fingerprint"] for row in warehouse.fetch("select business_date, fingerprint from ops.emitted_dates")}


def _fingerprint(business_day: BusinessDay, objects_by_feed: dict[str, list[tuple[str, str]]]) -> str:
    whole = json.dumps([business_day.timezone, business_day.cutover_hour, objects_by_feed], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]
