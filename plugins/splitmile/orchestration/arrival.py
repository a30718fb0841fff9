"""Waiting for the feeds of a business date, without a worker: the sensor looks once, the triggerer watches the listing.

Read while a DAG file is parsed, so everything heavy is imported where it is used.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout
from airflow.triggers.base import BaseTrigger, TriggerEvent

from splitmile.orchestration.business_dates import last_complete_date
from splitmile.settings import Settings, load_settings

_NO_TRIGGERER = timedelta(minutes=15)
"""How long after the end of its patience a wait that no triggerer looked after is ended by the scheduler."""

_log = logging.getLogger(__name__)


class FeedsSensor(BaseSensorOperator):  # type: ignore[misc]
    """Wait until every feed has objects of the last complete business date.

    Patience is bounded, and nothing fails when it ends: what is there is loaded, and what comes later is found by a later run.
    Of a feed that came while it waited, the listing must have rested for one `poke_interval`, so that no half-written partition is taken.
    """

    def execute(self, context: Any) -> None:
        """Look; go on, or give up the worker until the listing changes."""
        from splitmile.ingest import FEEDS, list_partition, partition_prefix
        from splitmile.orchestration.connections import open_store

        settings = load_settings()
        business_date = last_complete_date(context, settings.business_day)
        store = open_store(settings)
        prefixes = [partition_prefix(settings, feed, business_date) for feed in FEEDS]
        # Taken before the look: what comes between the two is a change that the trigger sees.
        seen = listing_hash((stored.key, stored.etag) for prefix in prefixes for stored in store.list_objects(prefix))
        missing = [feed for feed in FEEDS if not list_partition(store, settings, feed, business_date).objects]
        if not missing:
            _log.info("every feed has objects of %s", business_date)
            return
        deadline = patience_ends(context, settings)
        patience = deadline - datetime.now(UTC)
        if patience <= timedelta():
            _log.warning("no objects of %s for %s; going on with what is there", business_date, " and ".join(missing))
            return
        _log.info("no objects of %s for %s yet; waiting until %s", business_date, " and ".join(missing), deadline)
        trigger = ListingTrigger(
            bucket=store.bucket,
            prefixes=prefixes,
            seen=seen,
            deadline=deadline.timestamp(),
            poke_interval=self.poke_interval,
            is_path_style=store.credentials.endpoint_url is not None,
        )
        self.defer(trigger=trigger, method_name="look_again", timeout=patience + _NO_TRIGGERER)

    def look_again(self, context: Any, event: Mapping[str, Any]) -> None:  # noqa: ARG002 (why it is awake does not matter)
        """The listing changed, or patience ended."""
        self.execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """As usual, except that a wait which the scheduler had to end fails nothing, either."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout:
            _log.warning("nobody watched for the feeds: is a triggerer running? Going on with what is there")
            return None


class ListingTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when the objects below some prefixes are not those that were seen and have rested for a while, or at the deadline.

    It lists by the Amazon provider's asynchronous client, from `aws_default`. An S3 that is out of reach for some time is no reason
    to give up.
    """

    def __init__(
        self, *, bucket: str, prefixes: list[str], seen: str, deadline: float, poke_interval: float, is_path_style: bool = False
    ) -> None:
        """Keep what to watch.

        Args:
            bucket: Of all prefixes.
            prefixes: What to list.
            seen: `listing_hash` of what is known already.
            deadline: When to fire in any case, in seconds since 1970.
            poke_interval: Seconds between two listings, of which two must be the same.
            is_path_style: Whether the bucket is named in the path of the address, as S3 servers other than AWS want it.
        """
        super().__init__()
        self.bucket, self.prefixes, self.seen = bucket, prefixes, seen
        self.deadline, self.poke_interval, self.is_path_style = deadline, poke_interval, is_path_style

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it from."""
        names = ("bucket", "prefixes", "seen", "deadline", "poke_interval", "is_path_style")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields one event."""
        previous = None
        while (left := self.deadline - datetime.now(UTC).timestamp()) > 0:
            current = await self._look()
            if current is not None and current != self.seen and current == previous:
                yield TriggerEvent({"status": "changed"})
                return
            previous = current
            await asyncio.sleep(min(left, self.poke_interval))
        yield TriggerEvent({"status": "deadline"})

    async def _look(self) -> str | None:
        """`listing_hash` of what is there now; none while S3 is out of reach."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        from splitmile.orchestration.connections import AWS_CONNECTION

        hook = S3Hook(aws_conn_id=AWS_CONNECTION, config=Config(s3={"addressing_style": "path"}) if self.is_path_style else None)
        found: list[tuple[str, str]] = []
        try:
            # A client of its own each time: temporary credentials do not last as long as patience.
            async with await hook.get_async_conn() as client:
                for prefix in self.prefixes:
                    listing = hook.get_file_metadata_async(client, self.bucket, prefix)
                    found.extend([(entry["Key"], entry["ETag"].strip('"')) async for entry in listing])
        except (BotoCoreError, ClientError) as error:
            self.log.warning("s3://%s cannot be listed just now: %s", self.bucket, error)
            return None
        return listing_hash(found)


def patience_ends(context: Any, settings: Settings) -> datetime:
    """Until when a run waits: so many hours after it was due, however late it started or was cleared.

    A run by hand waits only if its parameter `wait_hours` says so.
    """
    run = context["dag_run"]
    hours = context["params"].get("wait_hours")
    if hours is None:
        hours = settings.feeds.wait_hours if run.run_type == "scheduled" else 0
    due: datetime = run.logical_date or run.run_after
    return due + timedelta(hours=hours)


def listing_hash(objects: Iterable[tuple[str, str]]) -> str:
    """Tells one listing from another by the keys and etags in it, in whatever order."""
    return hashlib.sha256(repr(sorted(objects)).encode()).hexdigest()[:32]
