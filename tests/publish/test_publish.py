from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import example_digests as ex
from slack_server import SlackServer
from splitmile.publish import PublishedMessage, PublishIncomplete, publish_alarm, publish_digest
from splitmile.settings import Publishing, Settings


@pytest.fixture
def published(settings: Settings) -> Settings:
    """Settings with an address of the pages."""
    return settings.model_copy(update={"publishing": Publishing(report_url="https://reports.example.com")})


@pytest.fixture(autouse=True)
def channels(slack: SlackServer) -> None:
    """The channels that the example experiments name."""
    slack.channels["dispatch"] = "C0DISPATCH"
    slack.members.add("C0DISPATCH")


def known(messages: tuple[PublishedMessage, ...]) -> dict[str, str]:
    return {m.channel: m.message_ts for m in messages if m.message_ts}


def test_without_slack_it_is_printed_and_previewed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    messages = publish_digest(ex.whole_day(), settings, client=None, known={})
    assert messages == (PublishedMessage("console", ex.TODAY, "digest", None),)
    assert "Experiments on Sunday 29 March 2026" in capsys.readouterr().out
    assert {"index.html", "digest.html", "dispatch_ranking.html"} <= {path.name for path in settings.report_dir.iterdir()}


def test_the_installation_gets_all_and_a_channel_of_its_own_gets_its_experiments(published: Settings, slack: SlackServer) -> None:
    messages = publish_digest(ex.whole_day(), published, client=slack.client(), known={})
    assert [m.channel for m in messages] == ["#experiments", "#dispatch", "#promise"]
    everything, own = str(slack.in_channel("experiments")), str(slack.in_channel("promise"))
    assert all(f"/{n.scorecard.experiment_id}.html" in everything for n in ex.whole_day().news)
    assert "/promise_window.html" in own
    assert "/dispatch_ranking.html" not in own
    assert (Path(published.report_dir) / "digest.html").is_file()


def test_a_re_run_updates_every_message(published: Settings, slack: SlackServer) -> None:
    first = publish_digest(ex.whole_day(), published, client=slack.client(), known={})
    again = publish_digest(replace(ex.whole_day(), orders=99_999), published, client=slack.client(), known=known(first))
    assert again == first
    assert [m["edits"] for m in slack.in_all()] == [1, 1, 1]
    assert "99,999" in str(slack.in_channel("experiments"))


def test_a_run_that_forgot_everything_still_posts_nothing_twice(published: Settings, slack: SlackServer) -> None:
    digest = replace(ex.whole_day(), as_of_date=ex.TODAY.replace(year=2025))
    first = publish_digest(digest, published, client=slack.client(), known={})
    assert publish_digest(digest, published, client=slack.client(), known={}) == first


def test_an_own_channel_that_is_the_installations_gets_one_message(published: Settings, slack: SlackServer) -> None:
    news = ex.ship()
    digest = replace(ex.quiet_day(), news=(replace(news, scorecard=replace(news.scorecard, slack_channel="#experiments")),))
    publish_digest(digest, published, client=slack.client(), known={})
    assert len(slack.in_all()) == 1


def test_a_channel_that_fails_does_not_silence_the_others(published: Settings, slack: SlackServer) -> None:
    slack.members.discard("C0DISPATCH")
    with pytest.raises(PublishIncomplete, match="#dispatch: not_in_channel") as failure:
        publish_digest(ex.whole_day(), published, client=slack.client(), known={})
    assert [m.channel for m in failure.value.published] == ["#experiments", "#promise"]
    assert len(slack.in_channel("promise")) == 1


def test_a_crowd_fits_one_message(published: Settings, slack: SlackServer) -> None:
    publish_digest(ex.crowded_day(), published, client=slack.client(), known={})
    assert len(slack.in_channel("experiments")) == 1


def test_an_alarm_is_one_message_beside_the_digest(published: Settings, slack: SlackServer) -> None:
    publish_digest(ex.quiet_day(), published, client=slack.client(), known={})
    first = publish_alarm("Quality gate 1 is blocked", ["deliveries: 0 rows"], ex.TODAY, published, client=slack.client(), known={})
    again = publish_alarm(
        "Quality gate 1 is blocked", ["deliveries: 9 rows"], ex.TODAY, published, client=slack.client(), known=known(first)
    )
    assert again == first
    _, alarm = slack.in_channel("experiments")
    assert alarm["metadata"]["event_type"] == "splitmile_alarm"
    assert "9 rows" in str(alarm["blocks"])


def test_an_alarm_without_slack_is_printed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    messages = publish_alarm("analyze failed", ["dispatch_ranking: …"], ex.TODAY, settings, client=None, known={})
    assert messages == (PublishedMessage("console", ex.TODAY, "alarm", None),)
    assert "analyze failed" in capsys.readouterr().out
