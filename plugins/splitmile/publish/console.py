"""Where there is no Slack: the digest in the terminal, and the message as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from splitmile.publish import figures, story
from splitmile.publish.pages import write_page
from splitmile.publish.preview import preview_html
from splitmile.publish.slack_blocks import digest_blocks
from splitmile.results.catalogue import Catalogue
from splitmile.results.digests import Digest, ExperimentNews
from splitmile.results.scorecards import Decision, Scorecard
from splitmile.results.sentences import decision_words, say
from splitmile.settings import Language

_WIDTH = 100
_TABLE_WIDTH = 120
_STYLES = {
    Decision.invalid: "bold magenta",
    Decision.harmful: "bold red",
    Decision.ship: "bold green",
    Decision.no_effect: "bold",
    Decision.keep_running: "bold blue",
}


def print_digest(digest: Digest, *, console: Console | None = None) -> None:
    """Print the digest; it fits 100 columns, and a narrower terminal wraps it at words."""
    (console or _console()).print(_digest(digest))


def print_scorecard(scorecard: Scorecard, *, console: Console | None = None, language: Language = "en") -> None:
    """Print the verdict with its reasons, and the effects; an invalid experiment's figures are left out."""
    console = console or _console(_TABLE_WIDTH)
    words, decision = Catalogue(language), scorecard.verdict.decision
    which = words("console.as_of", experiment=scorecard.experiment_id, day=scorecard.as_of_date)
    console.print(Text.assemble((scorecard.title, "bold"), f" · {which}"))
    console.print(Text.assemble((decision_words(decision, language), _STYLES[decision]), f" ({decision.value})"))
    for reason in scorecard.verdict.reasons:
        console.print(f"  {figures.typographic(say(reason, scorecard, language))}")
    if decision is Decision.invalid:
        console.print(f"  {words('console.left_out')}")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("metric", "role", "treatment"):
        table.add_column(words(f"console.{heading}"))
    for heading in ("units", "absolute", "relative"):
        table.add_column(words(f"console.{heading}"), justify="right")
    for effect in scorecard.effects:
        counting = effect.counting(has_ended=scorecard.has_ended)
        table.add_row(
            effect.metric,
            words(f"page.role.{effect.role}"),
            effect.treatment,
            f"{effect.n_control:,} / {effect.n_treatment:,}",
            figures.difference(effect, counting.absolute, language),
            figures.relative(effect.relative.estimate, counting.relative, language),
        )
    console.print(table)


def print_alarm(
    title: str, lines: Sequence[str], business_date: date, *, console: Console | None = None, language: Language = "en"
) -> None:
    """Print an alarm."""
    words = Catalogue(language)
    parts: list[RenderableType] = [Text(f"🚨 {words('alarm.title', title=title, day=words.day(business_date))}", "bold red")]
    parts += [Padding(Text(line), (0, 0, 0, 3), expand=False) for line in lines]
    (console or _console()).print(Group(*parts))


def write_preview(digest: Digest, report_dir: Path, channel: str, *, even_if_older: bool = False) -> Path:
    """Write `digest.html`, which looks like the message in Slack and links to the pages beside it.

    Raises:
        PublishFailed: The folder cannot be written.
    """
    _, blocks = digest_blocks(digest, ".")
    path = report_dir / "digest.html"
    write_page(path, preview_html(blocks, channel, digest.as_of_date, digest.language), even_if_older=even_if_older)
    return path


def _console(width: int = _WIDTH) -> Console:
    console = Console(highlight=False, emoji=False, markup=False)
    if console.width > width or not console.is_terminal:
        console.width = width
    return console


def _digest(digest: Digest) -> RenderableType:
    words = Catalogue(digest.language)
    volume = {"orders": f"{digest.orders:,}", "deliveries": f"{digest.deliveries:,}"}
    parts: list[RenderableType] = [
        Rule(Text(story.heading(digest), "bold"), align="left", style="dim"),
        Text(words("day.orders", **volume, experiments=story.counts(digest))),
        Text.assemble((story.important_sentence(digest), "bold"), " ", story.important_reason(digest)),
        *(_experiment(news, digest.language) for news in digest.news),
    ]
    if digest.warnings:
        parts += [Text(), Text(story.warning_count(digest), "bold yellow")]
        parts += [_line(f"{'⛔' if w.severity == 'block' else '⚠️ '} {w.subject}: {w.message}") for w in digest.warnings]
    if digest.restatements:
        parts += [Text(), Text(words("restated"), "bold")]
        parts += [_line(story.restated(r, digest)) for r in digest.restatements]
    return Group(*parts)


def _experiment(news: ExperimentNews, language: Language) -> RenderableType:
    told = story.tell(news, language)
    heading = Text.assemble(f"{told.emoji} ", (told.verdict, _STYLES[news.scorecard.verdict.decision]), " · ", (told.title, "bold"))
    lines = [_line(concern) for concern in told.concerns]
    lines += [_line(_effect(effect)) for effect in told.effects]
    return Group(
        Text(),
        heading,
        *lines,
        _line(Text(told.change, "bold" if told.has_changed else "dim")),
        _line(Text(f"{' · '.join(told.facts)} ({told.experiment_id})", "dim")),
    )


def _effect(line: story.EffectLine) -> Text:
    text = Text(f"{line.label}: ")
    for shown in line.figures:
        estimate, bracket, interval = shown.partition(" (")
        text.append(estimate, "bold").append(f"{bracket}{interval}, ")
    return text.append(line.finding)


def _line(content: str | Text) -> Padding:
    return Padding(content if isinstance(content, Text) else Text(content), (0, 0, 0, 3), expand=False)
