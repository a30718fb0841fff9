"""Runs by hand: the real DAGs in this process for one date or many, against the embedded S3 or one that is configured."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

from splitmile.embedded_s3 import EmbeddedS3
from splitmile.errors import SplitmileError
from splitmile.object_store import ObjectStore
from splitmile.orchestration.embedded import (
    AWS_VARIABLE,
    embedded_environment,
    output_to,
    prepare_airflow,
    run_business_date,
    run_ingest,
    run_log,
)
from splitmile.orchestration.standalone import is_running
from splitmile.results.digests import Digest
from splitmile.settings import Settings
from splitmile.simulate import DemoFeed


def digest_of(settings: Settings, business_date: date) -> Digest:
    """The digest of a business date from the results that are kept, without computing anything again."""
    from splitmile.analysis import compose_digest
    from splitmile.orchestration.connections import open_warehouse
    from splitmile.transform import read_registry

    registry = read_registry(settings)
    # After a run in this process Airflow's own log stands on standard output.
    with output_to(run_log(settings)), open_warehouse(settings, "digest_of") as warehouse:
        return compose_digest(warehouse, settings, registry, business_date)


def date_range(first: date, last: date) -> tuple[date, ...]:
    """All dates from the first to the last.

    Raises:
        SplitmileError: The last lies before the first.
    """
    if last < first:
        raise SplitmileError(f"the last date, {last}, lies before the first, {first}; exchange them")
    return tuple(first + timedelta(days=day) for day in range((last - first).days + 1))


def run_dates(settings: Settings, dates: Sequence[date], progress: Callable[[date], None] = lambda _: None) -> None:
    """Run both DAGs in this process for each date, oldest first.

    Args:
        settings: The installation.
        dates: Business dates.
        progress: Called with each date when it is published.

    Raises:
        RunFailed: A task failed; the dates before it are published.
    """
    from splitmile.ingest import mark_emitted
    from splitmile.orchestration.connections import open_warehouse

    with _environment(settings) as environment:
        prepare_airflow(settings, environment)
        for business_date in sorted(dates):
            # Not emitted: a scheduler that is started later would run every date once more.
            run_ingest(settings, business_date, environment, emit=False)
            run_business_date(settings, business_date, environment)
            with output_to(run_log(settings)), open_warehouse(settings, "run_dates") as warehouse:
                mark_emitted(warehouse, settings, [business_date])
            progress(business_date)


def run_range(settings: Settings, first: date, last: date) -> None:
    """Run both DAGs in this process once for all dates of a range; the digest of the last one is published.

    Raises:
        SplitmileError: The last date lies before the first.
        RunFailed: A task failed.
    """
    from splitmile.ingest import mark_emitted
    from splitmile.orchestration.connections import open_warehouse

    dates = date_range(first, last)
    with _environment(settings) as environment:
        prepare_airflow(settings, environment)
        run_ingest(settings, last, environment, first_date=first, emit=False)
        run_business_date(settings, last, environment, first_date=first)
        with output_to(run_log(settings)), open_warehouse(settings, "run_range") as warehouse:
            mark_emitted(warehouse, settings, dates)


def write_feed(settings: Settings, feed: DemoFeed, dates: Sequence[date], progress: Callable[[date], None] = lambda _: None) -> None:
    """Put a demo feed's partitions into S3, as the services of a delivery company would.

    Raises:
        SplitmileError: A bucket or Redshift that is configured holds other feeds as well, and the demo would mix with them.
    """
    from splitmile.orchestration.connections import open_store

    is_own_s3 = AWS_VARIABLE not in os.environ
    with _environment(settings) as environment:
        prepare_airflow(settings, environment)
        with output_to(run_log(settings)):
            store = open_store(settings)
            if not is_own_s3:
                _require_no_other_objects(settings, store, feed)
            if settings.warehouse.engine == "redshift":
                _require_no_other_rows(settings, feed)
        for business_date in dates:
            feed.write_day(store, settings, business_date)
            progress(business_date)


def _require_no_other_objects(settings: Settings, store: ObjectStore, feed: DemoFeed) -> None:
    from splitmile.ingest import FEEDS, partition_prefix

    for name in FEEDS:
        own = tuple(partition_prefix(settings, name, business_date) for business_date in feed.dates)
        for stored in store.list_objects(own[0].rpartition("date=")[0]):
            if not stored.key.startswith(own):
                raise SplitmileError(
                    f"{store.url(stored.key)} is not of the demo {feed.name}, which would mix with it; give the demo a bucket or a prefix "
                    "of its own by SPLITMILE_FEEDS__BUCKET or SPLITMILE_FEEDS__PREFIX."
                )


def _require_no_other_rows(settings: Settings, feed: DemoFeed) -> None:
    from splitmile.orchestration.connections import open_warehouse

    with open_warehouse(settings, "demo") as warehouse:
        loaded = {row["partition_date"] for row in warehouse.fetch("select distinct partition_date from ops.load_ledger")}
    if others := sorted(loaded - set(feed.dates)):
        raise SplitmileError(
            f"Redshift holds feeds of {others[0]}, which are not of the demo {feed.name} and would mix with it; give the demo "
            "a database of its own as the schema of AIRFLOW_CONN_REDSHIFT_DEFAULT."
        )


@contextmanager
def _environment(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Airflow's environment, with a connection to S3: the one configured, or an embedded one for the time being."""
    if is_running(settings):
        raise SplitmileError(
            "Airflow is running (`splitmile up`), and its scheduler would take up the same tasks. Trigger the DAG there with the param "
            "business_date, or end it with `splitmile down` first."
        )
    configured = os.environ.get(AWS_VARIABLE)
    if configured:
        yield {**embedded_environment(settings), AWS_VARIABLE: configured}
        return
    with EmbeddedS3(settings.state / "s3") as server:
        ObjectStore(settings.feeds.bucket, server.credentials).ensure_bucket()
        try:
            yield embedded_environment(settings, s3_endpoint=server.credentials.endpoint_url)
        finally:
            # A run makes the environment that of this process, and this S3 ends here.
            os.environ.pop(AWS_VARIABLE, None)
