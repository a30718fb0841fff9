from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

import example_digests as ex
from splitmile.errors import PublishFailed
from splitmile.publish.pages import page_name, scorecard_html, write_page, write_pages
from splitmile.results.digests import Digest, ExperimentNews

VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    """Reads a page as strictly as a template's mistakes deserve."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name == "href" and value]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A self-closing element of SVG opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, str]:
    """Every page of the whole day."""
    write_pages(ex.whole_day(), tmp_path)
    return {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}


def test_there_is_a_page_for_each_experiment_and_an_index(pages: dict[str, str]) -> None:
    assert set(pages) == {"index.html"} | {f"{n.scorecard.experiment_id}.html" for n in ex.whole_day().news}


def test_every_page_is_whole_and_needs_nothing_else(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        page = Page(html)
        assert len(page.ids) == len(set(page.ids)), name
        assert page.headings[0] == "h1", name
        assert page.headings.count("h1") == 1, name
        assert not re.search(r"https?://|@import|<script|url\((?!#)", html), name
        local = [link for link in page.links if not link.startswith("#")]
        assert all(link in pages for link in local), (name, local)
        assert "None" not in html, name
        assert "nan" not in re.findall(r"\bnan\b|\binf\b", html), name


def test_the_reader_of_pages_sees_a_broken_one() -> None:
    with pytest.raises(AssertionError):
        Page("<main><p>unclosed</main>")


def test_the_index_and_scorecards_as_reviewed(pages: dict[str, str], golden: Callable[[str, str], None]) -> None:
    for name in ("index.html", "dispatch_ranking.html", "region_merge.html"):
        golden(name, re.sub(r"<style>.*?</style>", "<style></style>", pages[name], flags=re.DOTALL))


def test_the_index_keeps_the_digests_order(pages: dict[str, str]) -> None:
    ids = [n.scorecard.experiment_id for n in ex.whole_day().news]
    assert re.findall(r'<h3><a href="(\w+)\.html">', pages["index.html"]) == ids


@pytest.mark.parametrize("news", [ex.invalid_by_ratio(), ex.invalid_by_contamination()])
def test_an_invalid_experiment_has_its_reason_and_no_effect(news: ExperimentNews, pages: dict[str, str]) -> None:
    html = pages[page_name(news.scorecard.experiment_id)]
    assert "Effects withheld" in html
    assert 'class="effects"' not in html
    assert 'class="course' not in html
    for number in ("7.77", "7.88", "2.06"):
        assert number not in html
    entry = pages["index.html"].split(f'href="{news.scorecard.experiment_id}.html"')[1].split("</li>")[0]
    assert "Effects withheld" in entry
    assert "<svg" not in entry


def test_both_intervals_stand_side_by_side_at_the_end_only(pages: dict[str, str]) -> None:
    assert "Fixed-horizon" in pages["dispatch_ranking.html"]
    assert "Fixed-horizon" not in pages["demand_hourly.html"]
    assert "Anytime-valid" in pages["demand_hourly.html"]


def test_what_only_some_readers_want_is_folded_away(pages: dict[str, str]) -> None:
    html = pages["dispatch_ranking.html"]
    folded = "".join(re.findall(r"<details.*?</details>", html, flags=re.DOTALL))
    for shown in ("Chance to be better", "Expected loss", "38\N{NO-BREAK SPACE}%", "Without adjustment", "Exposed on"):
        assert shown in folded
        assert shown not in re.sub(r"<details.*?</details>", "", html, flags=re.DOTALL)
    assert "Adjusted effects: what the same couriers did before" in html
    assert "Adjusted effects" not in pages["route_graph.html"]


def test_a_running_experiment_says_how_much_longer(pages: dict[str, str]) -> None:
    assert "How much longer?" in pages["demand_hourly.html"]
    assert '<td class="number">1,870</td>' in pages["demand_hourly.html"]
    assert "How much longer?" not in pages["dispatch_ranking.html"]


def test_days_without_enough_units_have_shares_and_no_test() -> None:
    html = scorecard_html(ex.first_day(), ex.whole_day())
    assert "3 <small>75\N{NO-BREAK SPACE}%</small>" in html


def test_a_broken_day_is_named() -> None:
    html = scorecard_html(ex.invalid_by_ratio(), ex.whole_day())
    assert "the split does not hold on 2026-03-02" in html


def test_a_mismatch_without_a_single_broken_day_does_not_say_that_the_days_are_fine() -> None:
    news = ex.invalid_by_ratio()
    srm = replace(news.scorecard.srm, by_day=ex.ship().scorecard.srm.by_day)
    html = scorecard_html(replace(news, scorecard=replace(news.scorecard, srm=srm)), ex.whole_day())
    assert "no single day stands out" in html


def test_what_a_person_wrote_is_escaped(pages: dict[str, str]) -> None:
    assert "&lt;nearest&gt; &amp; *fastest* courier &lt;!channel&gt;" in pages["dispatch_nearest.html"]
    assert "<nearest>" not in pages["dispatch_nearest.html"] + pages["index.html"]


def test_an_experiment_named_like_a_page_of_ours_does_not_replace_it(tmp_path: Path) -> None:
    news = ex.ship()
    for name in ("index", "digest"):
        digest = replace(ex.quiet_day(), news=(replace(news, scorecard=replace(news.scorecard, experiment_id=name)),))
        write_pages(digest, tmp_path)
        assert (tmp_path / f"{name}-experiment.html").is_file()
        assert "1 experiment: 1 to ship" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "digest.html").exists()


def test_pages_never_go_back_in_time(tmp_path: Path) -> None:
    yesterday = replace(ex.quiet_day(), as_of_date=ex.TODAY - timedelta(days=1))
    write_pages(ex.quiet_day(), tmp_path)
    write_pages(yesterday, tmp_path)
    assert f'content="{ex.TODAY}"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    write_pages(yesterday, tmp_path, even_if_older=True)
    assert f'content="{yesterday.as_of_date}"' in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_the_same_date_is_written_again(tmp_path: Path) -> None:
    write_pages(ex.quiet_day(), tmp_path)
    write_pages(replace(ex.quiet_day(), orders=7), tmp_path)
    assert "<dd>7</dd>" in (tmp_path / "index.html").read_text(encoding="utf-8")


def disk_full(_temporary: Path, _target: Path) -> None:
    raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_the_old_page_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "index.html"
    write_page(page, "old")
    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(PublishFailed, match="No space left on device"):
        write_page(page, "new")
    assert page.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(PublishFailed, match="reports"):
        write_pages(ex.quiet_day(), tmp_path / "reports")


def test_an_empty_day_has_an_index(tmp_path: Path) -> None:
    write_pages(Digest(ex.TODAY, (), (), (), 0, 0), tmp_path)
    assert "No experiment is running" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_scorecard_without_any_estimate_has_no_chart() -> None:
    html = scorecard_html(ex.first_day(), ex.whole_day())
    assert 'class="course' not in html
    assert "fewer than 2 units in nearest" in html
