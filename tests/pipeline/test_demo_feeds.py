"""What the demo promises: planted truths are found on the whole city, and real flights show no effect where none was made."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline import spine
from splitmile.analysis import compose_digest
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.publish import page_name, write_pages, write_preview
from splitmile.results.digests import Digest
from splitmile.results.scorecards import Decision
from splitmile.settings import Feeds, Settings
from splitmile.simulate import City, DemoFeed, Flights
from splitmile.transform import read_registry
from splitmile.warehouse import open_warehouse


def _digest(feed: DemoFeed, s3: StoreCredentials, state: Path, dates: tuple[date, ...]) -> tuple[Settings, Digest]:
    """Load all dates of a feed and publish the last."""
    settings = Settings(
        state_dir=state,
        feeds=Feeds(bucket=f"demo-{feed.name}", lookback_dates=len(dates)),
        business_day=feed.business_day,
        experiments_dir=feed.experiments_dir,
    )
    store = ObjectStore(settings.feeds.bucket, s3)
    store.ensure_bucket()
    for business_date in dates:
        feed.write_day(store, settings, business_date)
    spine.load(settings, store, dates[-1])
    spine.run(settings, dates[-1])
    with open_warehouse(settings) as warehouse:
        return settings, compose_digest(warehouse, settings, read_registry(settings), dates[-1])


@pytest.mark.slow
def test_the_city_shows_what_was_planted(s3: StoreCredentials, tmp_path: Path) -> None:
    city = City()
    settings, digest = _digest(city, s3, tmp_path, city.dates)
    decisions = {news.scorecard.experiment_id: news.scorecard.verdict.decision for news in digest.news}
    assert decisions == {truth.experiment_id: truth.decision for truth in city.truths}
    assert {Decision.ship, Decision.harmful, Decision.invalid, Decision.no_effect} <= set(decisions.values())
    write_pages(digest, settings.report_dir)
    message = write_preview(digest, settings.report_dir, "#experiments").read_text()
    index = (settings.report_dir / "index.html").read_text()
    for text in (message, index):
        assert "Ship it" in text
        assert "Stop it" in text
        assert "Do not read the numbers" in text
    assert "Cancelled orders in batching got worse" in message
    mismatch = (settings.report_dir / page_name("region_recommendation")).read_text()
    assert "The variants did not get the units they should have" in mismatch
    effect = next(
        e
        for news in digest.news
        if news.scorecard.experiment_id == "dispatch_ranking"
        for e in news.scorecard.effects
        if e.role == "primary"
    )
    assert effect.relative.interval is not None
    assert effect.relative.interval.low is not None
    assert effect.relative.interval.high is not None
    assert effect.relative.interval.low < -0.05 < effect.relative.interval.high < 0


@pytest.mark.slow
def test_flights_show_no_effect_where_none_was_made(s3: StoreCredentials, tmp_path: Path) -> None:
    flights = Flights()
    _, digest = _digest(flights, s3, tmp_path, flights.dates[:7])
    assert digest.orders > 500
    assert {news.scorecard.experiment_id for news in digest.news} == {truth.experiment_id for truth in flights.truths}
    for news in digest.news:
        assert news.scorecard.verdict.decision in (Decision.keep_running, Decision.no_effect)
