"""Report pages: an index of all experiments and a scorecard of each, as files that need nothing but a browser."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from splitmile.errors import PublishFailed
from splitmile.publish import breakdowns, charts, figures, rows, story
from splitmile.publish.remarks import remarks
from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect, Interval
from splitmile.results.digests import Digest, ExperimentNews
from splitmile.results.scorecards import Decision, Scorecard
from splitmile.settings import Language

_log = logging.getLogger(__name__)
_TEMPLATES = Path(__file__).parent / "templates"
_AS_OF = re.compile(r'<meta name="splitmile-as-of" content="(\d{4}-\d{2}-\d{2})">')
_HEAD_CHARACTERS = 1000
_OWN_PAGES = frozenset({"index", "digest"})
_VIEW_COLUMNS = ("chance", "loss", "credible", "variance_removed", "unadjusted", "safe_p")


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One experiment in the index."""

    story: story.Story
    card: Scorecard
    page: str
    row: rows.EffectRow | None
    more_effects: int
    days_run: int
    days_planned: int


def write_pages(digest: Digest, report_dir: Path, *, even_if_older: bool = False) -> None:
    """Write `index.html` and a scorecard page for each experiment.

    Args:
        digest: What to show.
        report_dir: Folder of the pages; made where it is missing.
        even_if_older: Replace pages of a later business date too. Runs of several dates finish in any order, so by default a page
            never goes back in time.

    Raises:
        PublishFailed: The folder cannot be written.
    """
    for news in digest.news:
        write_page(report_dir / page_name(news.scorecard.experiment_id), scorecard_html(news, digest), even_if_older=even_if_older)
    write_page(report_dir / "index.html", index_html(digest), even_if_older=even_if_older)


def page_name(experiment_id: str) -> str:
    """File name of a scorecard; an experiment may be called like a page of ours, an identifier never has a hyphen."""
    return f"{experiment_id}-experiment.html" if experiment_id in _OWN_PAGES else f"{experiment_id}.html"


def write_page(path: Path, html: str, *, even_if_older: bool = False) -> None:
    """Put a whole page in place at once; readers see the old one or the new one, never half of it.

    A page that says it is of a later business date stays, unless `even_if_older`.

    Raises:
        PublishFailed: The folder cannot be written.
    """
    try:
        there, new = _as_of(path), _as_of_text(html)
        if there and new and there > new and not even_if_older:
            _log.info("%s shows %s and stays; %s is older.", path, there, new)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(html)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PublishFailed(
            f"{path} cannot be written: {error}. Free the space or correct the rights of the report folder, then run again."
        ) from error


def index_html(digest: Digest) -> str:
    """The index page."""
    firsts = [_first_effect(news.scorecard) for news in digest.news]
    axis = charts.forest_axis([(effect, interval) for effect, interval in firsts if effect is not None])
    entries = []
    for news, (effect, _) in zip(digest.news, firsts, strict=True):
        card = news.scorecard
        run, planned = story.days(card)
        entries.append(
            IndexEntry(
                story=story.tell(news, digest.language),
                card=card,
                page=page_name(card.experiment_id),
                row=rows.effect_row(effect, card, axis, digest.language) if effect else None,
                more_effects=max(0, len(story.primary_effects(card)) - 1),
                days_run=run,
                days_planned=planned,
            )
        )
    return render(
        "index.html",
        digest.language,
        digest=digest,
        entries=entries,
        axis=axis,
        restated=[story.restated(r, digest) for r in digest.restatements],
    )


def scorecard_html(news: ExperimentNews, digest: Digest) -> str:
    """The page of one experiment."""
    card, language = news.scorecard, digest.language
    is_valid = card.verdict.decision is not Decision.invalid
    effects = card.effects if is_valid else ()
    shown = [(e, e.counting(has_ended=card.has_ended).relative) for e in effects]
    axis = charts.forest_axis(shown)
    shown_rows = [rows.effect_row(effect, card, axis, language) for effect in effects]
    views = [rows.other_view(effect, language) for effect in effects if effect.bayesian or effect.covariate]
    run, planned = story.days(card)
    return render(
        "scorecard.html",
        language,
        digest=digest,
        card=card,
        story=story.tell(news, language),
        reasons=(*story.reasons(card, language), *(remarks(card, language) if is_valid else ())),
        is_valid=is_valid,
        axis=axis,
        rows=shown_rows,
        segments=breakdowns.segment_tables(card, language) if is_valid else (),
        by_day=breakdowns.day_tables(card, language) if is_valid else (),
        views=views,
        view_columns=[name for name in _VIEW_COLUMNS if any(getattr(view, name) for view in views)],
        outlook=rows.outlook_rows(card) if is_valid else (),
        courses=rows.courses_of(news, language) if is_valid else (),
        warnings=[w for w in digest.warnings if w.subject == card.experiment_id],
        other_warnings=sum(w.subject != card.experiment_id for w in digest.warnings),
        restated=[story.restated(r, digest) for r in digest.restatements if r.experiment_id == card.experiment_id],
        days_run=run,
        days_planned=planned,
        methods=sorted({e.method for e in effects}),
    )


def render(template: str, language: Language, **values: object) -> str:
    """One template of the `templates` folder; everything is escaped, an unknown name is an error."""
    words = Catalogue(language)

    def say(code: str, **figures: object) -> Markup:
        return escape(words.template(code)).format(**figures)

    def count(code: str, number: int) -> Markup:
        return escape(words.count(code, number))

    return _environment().get_template(template).render(t=say, count=count, words=words, **values)


def _first_effect(card: Scorecard) -> tuple[Effect | None, Interval | None]:
    """The first primary effect with the interval that counts; none where the numbers must not be read."""
    effect = next(iter(story.primary_effects(card)), None)
    if effect is None or card.verdict.decision is Decision.invalid:
        return None, None
    return effect, effect.counting(has_ended=card.has_ended).relative


def _as_of(path: Path) -> date | None:
    """The business date a page in place shows."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        return _as_of_text(file.read(_HEAD_CHARACTERS))


def _as_of_text(html: str) -> date | None:
    found = _AS_OF.search(html[:_HEAD_CHARACTERS])
    return date.fromisoformat(found[1]) if found else None


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(figures=figures, story_words=story)
    return environment
