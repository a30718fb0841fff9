"""A digest or an alarm as one Slack message in Block Kit, within Slack's limits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from splitmile.publish import story
from splitmile.publish.pages import page_name
from splitmile.results.catalogue import Catalogue
from splitmile.results.digests import Digest
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Language

Block = dict[str, Any]

MAX_BLOCKS = 50
MAX_TEXT = 3000
MAX_HEADER = 150
# Slack refuses a message whose blocks are too long as a whole (`msg_blocks_too_long`). The limit is documented nowhere;
# senders have met it between 11,300 characters of text and 13,300 of JSON, so the whole JSON stays below this.
MAX_MESSAGE = 11_000
# Above so many experiments nobody reads a message to its end: the first ones are told in full, the rest in one line each.
ALL_IN_FULL = 8
FIRST_IN_FULL = 5
MAX_EFFECTS = 4
MAX_NOTICES = 5
_DIVIDER: Block = {"type": "divider"}
# Slack has no escape for its marks, so those that would format a title become look-alikes.
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "∗", "~": "∼", "`": "ˋ", "\n": " ", "\r": " "})


def digest_blocks(digest: Digest, report_url: str | None) -> tuple[str, list[Block]]:
    """The digest as notification text and blocks.

    Args:
        digest: What to say; its order is kept.
        report_url: Address of the folder of report pages; `None` leaves the links out.

    Returns:
        The text of the notification and the blocks: at most 50, each text and the message as a whole within Slack's limits.
        Experiments that do not fit in full are told in one line each, those that do not fit at all are counted.
    """
    parts = _parts(digest, report_url)
    total = len(digest.news)
    in_full = total if total <= ALL_IN_FULL else FIRST_IN_FULL
    in_lines = total - in_full
    blocks = _message(parts, in_full, in_lines)
    while not _fits(blocks) and (in_lines or in_full > 1):
        if in_lines:
            in_lines -= 1
        else:
            in_full -= 1
        blocks = _message(parts, in_full, in_lines)
    words = Catalogue(digest.language)
    sentence = f"{story.important_sentence(digest)} {story.important_reason(digest)}".rstrip()
    return mrkdwn(words("day.notification", day=words.day(digest.as_of_date), sentence=sentence), limit=600), blocks


def alarm_blocks(title: str, lines: Sequence[str], business_date: date, language: Language = "en") -> tuple[str, list[Block]]:
    """An alarm as notification text and blocks: a blocked gate, a failed task."""
    words = Catalogue(language)
    shown = [f"• {mrkdwn(line, limit=500)}" for line in lines[:MAX_NOTICES]]
    if len(lines) > MAX_NOTICES:
        shown.append(words("more.lines", count=len(lines) - MAX_NOTICES))
    blocks = [
        _header(f"🚨 {title}"),
        *([_section(shown)] if shown else []),
        _context([words("alarm.date", day=words.day(business_date))]),
    ]
    return mrkdwn(f"🚨 {words('alarm.title', title=title, day=words.day(business_date))}", limit=600), blocks


def mrkdwn(plain: str, *, limit: int) -> str:
    """Plain text made safe for mrkdwn; cut before it is escaped, so that no entity is ever broken."""
    cut = plain if len(plain) <= limit else f"{plain[: limit - 1].rstrip()}…"
    return cut.translate(_MARKUP)


@dataclass(frozen=True, slots=True)
class _Parts:
    """All that a message may hold, before it is known how much fits.

    Attributes:
        head, tail: Always there.
        full: Each experiment's blocks when told in full.
        lines: Each experiment in one line.
        all_pages: Where to see those that are left out.
        language: Of all these.
    """

    head: tuple[Block, ...]
    full: tuple[tuple[Block, ...], ...]
    lines: tuple[str, ...]
    tail: tuple[Block, ...]
    all_pages: str
    language: Language


def _parts(digest: Digest, report_url: str | None) -> _Parts:
    words = Catalogue(digest.language)
    told = [story.tell(news, digest.language) for news in digest.news]
    notices = _notices(digest)
    return _Parts(
        head=(_header(story.heading(digest)), _section(_summary(digest))),
        full=tuple((_DIVIDER, _section(_full(one, report_url, words)), _context(_facts(one))) for one in told),
        lines=tuple(_one_line(news.scorecard, one, report_url, words) for news, one in zip(digest.news, told, strict=True)),
        tail=(*((_DIVIDER, *_sections(notices)) if notices else ()), _context([_footnote(digest, report_url)])),
        all_pages=_link(report_url, "index.html", words("more.all_experiments")) if report_url else words("more.pages"),
        language=digest.language,
    )


def _message(parts: _Parts, in_full: int, in_lines: int) -> list[Block]:
    blocks = [*parts.head, *(block for told in parts.full[:in_full] for block in told)]
    rest = list(parts.lines[in_full : in_full + in_lines])
    left_out = len(parts.lines) - in_full - in_lines
    if left_out:
        rest.append(Catalogue(parts.language)("more.experiments", count=left_out, pages=parts.all_pages))
    if rest:
        blocks += [_DIVIDER, *_sections(rest)]
    return [*blocks, *parts.tail]


def _summary(digest: Digest) -> list[str]:
    words = Catalogue(digest.language)
    volume = {"orders": f"*{digest.orders:,}*", "deliveries": f"*{digest.deliveries:,}*"}
    lines = [
        words("day.orders", **volume, experiments=story.counts(digest)),
        f"*{mrkdwn(story.important_sentence(digest), limit=600)}*",
    ]
    warnings = story.warning_count(digest)
    return [*lines, f"⚠️ {words('warnings.below', warnings=warnings)}"] if warnings else lines


def _full(told: story.Story, report_url: str | None, words: Catalogue) -> list[str]:
    lines = [f"{told.emoji} *{told.verdict}* · *{_title(told, report_url)}*"]
    lines += [f"⚠️ {mrkdwn(concern, limit=400)}" for concern in told.concerns[:MAX_EFFECTS]]
    lines += [_effect(effect) for effect in told.effects[:MAX_EFFECTS]]
    unsaid = len(told.effects[MAX_EFFECTS:])
    if unsaid:
        lines.append(words.count("more.effects", unsaid))
    if told.has_changed:
        lines.append(f"🔔 {told.change}")
    return lines


def _effect(line: story.EffectLine) -> str:
    """One effect: the estimates stand out, their intervals do not."""
    parts = []
    for shown in line.figures:
        estimate, bracket, interval = mrkdwn(shown, limit=150).partition(" (")
        parts.append(f"*{estimate}*{bracket}{interval}")
    return f"{mrkdwn(line.label, limit=120)}: {', '.join([*parts, mrkdwn(line.finding, limit=300)])}"


def _facts(told: story.Story) -> list[str]:
    facts = told.facts if told.has_changed else (told.change, *told.facts)
    return [mrkdwn(" · ".join(facts), limit=400)]


def _one_line(card: Scorecard, told: story.Story, report_url: str | None, words: Catalogue) -> str:
    parts = [f"{told.emoji} {_title(told, report_url)}", told.verdict]
    first = next(iter(story.primary_effects(card)), None)
    if told.effects and first is not None and first.relative.estimate is not None:
        parts.append(story.short_effect(first, words.language, has_ended=card.has_ended))
    if told.has_changed:
        parts.append(f"🔔 {words('change.new')}")
    return " · ".join(parts)


def _notices(digest: Digest) -> list[str]:
    words = Catalogue(digest.language)
    lines = [
        f"{'⛔' if w.severity == 'block' else '⚠️'} *{mrkdwn(w.subject, limit=80)}*: {mrkdwn(w.message, limit=300)}"
        for w in digest.warnings[:MAX_NOTICES]
    ]
    if len(digest.warnings) > MAX_NOTICES:
        lines.append(words("warnings.more", count=len(digest.warnings) - MAX_NOTICES))
    told = [mrkdwn(story.restated(r, digest), limit=300) for r in digest.restatements[:MAX_NOTICES]]
    lines += [f"↩️ {words('restated.line', sentence=sentence)}" for sentence in told]
    if len(digest.restatements) > MAX_NOTICES:
        lines.append(words("restated.more", count=len(digest.restatements) - MAX_NOTICES))
    return lines


def _footnote(digest: Digest, report_url: str | None) -> str:
    words = Catalogue(digest.language)
    if not report_url or not digest.news:
        return words("footnote")
    return f"{words('footnote')} {_link(report_url, 'index.html', words('page.all_experiments'))}"


def _title(told: story.Story, report_url: str | None) -> str:
    return _link(report_url, page_name(told.experiment_id), told.title) if report_url else mrkdwn(told.title, limit=120)


def _link(report_url: str | None, page: str, label: str) -> str:
    return f"<{quote((report_url or '').rstrip('/'), safe=':/?#[]@!$()+,;=%.~-_')}/{page}|{mrkdwn(label, limit=120)}>"


def _header(text: str) -> Block:
    plain = text if len(text) <= MAX_HEADER else f"{text[: MAX_HEADER - 1]}…"
    return {"type": "header", "text": {"type": "plain_text", "text": plain.replace("\n", " "), "emoji": True}}


def _section(lines: Iterable[str]) -> Block:
    """One section; a line that would pass the limit is left out whole, so that no link is ever broken."""
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 <= MAX_TEXT:
            text = f"{text}\n{line}" if text else line
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _sections(lines: Sequence[str]) -> list[Block]:
    """As many sections as the lines need."""
    groups: list[list[str]] = [[]]
    for line in lines:
        if groups[-1] and sum(len(text) + 1 for text in groups[-1]) + len(line) > MAX_TEXT:
            groups.append([])
        groups[-1].append(line)
    return [_section(group) for group in groups]


def _context(texts: Sequence[str]) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text} for text in texts]}


def _fits(blocks: Sequence[Block]) -> bool:
    return len(blocks) <= MAX_BLOCKS and len(json.dumps(blocks, ensure_ascii=False)) <= MAX_MESSAGE
