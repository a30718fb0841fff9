"""Runs by hand: the real DAGs in this process for one date or many, against the embedded S3 or one that is configured."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

from splitmile.embedded_s3 import EmbeddedS3
from splitmile.errors import SplitmileError
from splitmile.object_store import ObjectStore
from splitmile.orchestration.embedded import DEFAULT_PORTS, embedded_environment, prepare_airflow, run_business_date, run_ingest
from splitmile.orchestration.standalone import is_healthy
from splitmile.results.types import Digest
from splitmile.settings import Settings
from splitmile.simulate import DemoFeed

_AWS_CONNECTION = "AIRFLOW_CONN_AWS_DEFAULT"


def digest_of(settings: Settings, business_date: date) -> Digest:
    """The digest of a business date from the results that are kept, without computing anything again."""
    from splitmile.analysis import compose_digest
    from splitmile.transform import read_registry
    from splitmile.warehouse import open_warehouse

    registry = read_registry(settings)
    with open_warehouse(settings) as warehouse:
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
    from splitmile.warehouse import open_warehouse

    with _environment(settings) as environment:
        prepare_airflow(settings, environment)
        for business_date in sorted(dates):
            # Not emitted: a scheduler that is started later would run every date once more.
            run_ingest(settings, business_date, environment, emit=False)
            run_business_date(settings, business_date, environment)
            with open_warehouse(settings) as warehouse:
                mark_emitted(warehouse, settings, [business_date])
            progress(business_date)


def write_feed(settings: Settings, feed: DemoFeed, dates: Sequence[date], progress: Callable[[date], None] = lambda _: None) -> None:
    """Put a demo feed's partitions into the embedded S3, as the services of a delivery company would."""
    with EmbeddedS3(settings.state / "s3") as server:
        store = ObjectStore(settings.feeds.bucket, server.credentials)
        store.ensure_bucket()
        for business_date in dates:
            feed.write_day(store, settings, business_date)
            progress(business_date)


@contextmanager
def _environment(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Airflow's environment, with a connection to S3: the one configured, the one of `splitmile up`, or one for the time being."""
    configured = os.environ.get(_AWS_CONNECTION)
    if configured:
        yield {**embedded_environment(settings), _AWS_CONNECTION: configured}
    elif is_healthy(DEFAULT_PORTS):
        raise SplitmileError(
            "Airflow is running (`splitmile up`), and DuckDB has one writer. Trigger the DAG there with the param business_date, "
            "or end it with `splitmile down` first."
        )
    else:
        with EmbeddedS3(settings.state / "s3") as server:
            ObjectStore(settings.feeds.bucket, server.credentials).ensure_bucket()
            yield embedded_environment(settings, s3_endpoint=server.credentials.endpoint_url)
