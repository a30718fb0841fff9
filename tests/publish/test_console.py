from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import example_digests as ex
from splitmile.publish.console import print_alarm, print_digest, write_preview
from splitmile.publish.preview import mrkdwn_to_html, preview_html
from splitmile.results.digests import Digest


def printed(digest: Digest, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, emoji=False, markup=False)
    print_digest(digest, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_text_as_reviewed(golden: Callable[[str, str], None]) -> None:
    golden("digest.txt", printed(ex.whole_day()))
    golden("digest.ko.txt", printed(ex.in_korean(ex.whole_day())))


@pytest.mark.parametrize("width", [100, 60])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(cell_len(line) <= width for line in printed(ex.crowded_day(), width).splitlines())


def test_without_a_terminal_it_is_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_digest(ex.quiet_day())
    print_alarm("Quality gate 1 is blocked", ["deliveries: 0 rows; expected 50,000"], ex.TODAY)
    out = capsys.readouterr().out
    assert max(map(cell_len, out.splitlines())) == 100
    assert "🚨 Quality gate 1 is blocked (29 March 2026)\n   deliveries: 0 rows; expected 50,000\n" in out
    assert "\x1b" not in out


def test_markup_in_a_title_is_only_text() -> None:
    assert "Dispatch: <nearest> & *fastest* courier <!channel>" in printed(ex.whole_day())


def test_the_preview_is_the_message_and_links_to_the_pages_beside_it(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    path = write_preview(ex.whole_day(), tmp_path, "#experiments")
    html = path.read_text(encoding="utf-8")
    assert path == tmp_path / "digest.html"
    assert '<a href="./dispatch_ranking.html">' in html
    golden("digest.html", html)


def test_mrkdwn_is_drawn_and_its_entities_stay_escaped() -> None:
    assert mrkdwn_to_html("*bold* &lt;script&gt;\nnext") == "<b>bold</b> &lt;script&gt;<br>next"
    assert mrkdwn_to_html("*<./page.html|A &amp; B>*") == '<b><a href="./page.html">A &amp; B</a></b>'


def test_a_quote_in_an_address_cannot_leave_its_attribute() -> None:
    assert 'onclick="' not in mrkdwn_to_html('<https://a.example/" onclick="x|label>')


def test_dividers_and_headers_are_drawn() -> None:
    html = preview_html([{"type": "divider"}, {"type": "header", "text": {"text": "<Title>"}}], "#c", ex.TODAY)
    assert "<hr>" in html
    assert "&lt;Title&gt;" in html
