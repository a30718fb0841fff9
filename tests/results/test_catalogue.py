"""The catalogue: both languages say the same things, and nothing is said that the catalogue does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from splitmile import stats
from splitmile.results.catalogue import SENTENCES, Catalogue
from splitmile.results.scorecards import Decision, ReasonCode
from splitmile.settings import Language

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins" / "splitmile"


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Codes that only one of two languages has, or whose placeholders differ."""
    return sorted(
        code
        for code in one.keys() | other.keys()
        if code not in one or code not in other or placeholders(one[code]) != placeholders(other[code])
    )


def test_both_languages_have_the_same_sentences() -> None:
    assert differing(SENTENCES["en"], SENTENCES["ko"]) == []


def test_a_missing_sentence_or_placeholder_is_noticed() -> None:
    assert differing({"a": "x {n}", "b": "y", "c": "z"}, {"a": "x {m}", "c": "z"}) == ["a", "b"]


def test_every_decision_and_reason_has_its_sentence() -> None:
    wanted = (
        {f"decision.{d.name}" for d in Decision} | {f"decisions.{d.name}" for d in Decision} | {f"reason.{r.value}" for r in ReasonCode}
    )
    assert wanted <= SENTENCES["en"].keys()


def test_korean_is_korean() -> None:
    english = [code for code, text in SENTENCES["ko"].items() if text == SENTENCES["en"][code] and re.search("[A-Za-z]{2}", bare(text))]
    assert english == []


def bare(template: str) -> str:
    return re.sub(r"\{\w+\}", "", template)


FAMILIES = ("decision", "decisions", "reason", "why", "units", "unit", "weekday", "month", "restated.cause", "console")
FAMILIES += ("page.role", "page.direction", "page.method", "page.other_warnings", "page.split")
"""Codes that are put together where they are said."""


def unsaid(codes: Iterable[str], said: str) -> list[str]:
    """Sentences that no module and no template says."""
    singles = {re.sub(r"\.(one|many)$", "", code) for code in codes if not code.startswith(tuple(f"{family}." for family in FAMILIES))}
    return sorted(code for code in singles if f'"{code}"' not in said and f"'{code}'" not in said)


def test_no_sentence_is_left_that_nobody_says() -> None:
    files = [path for path in PLUGINS.rglob("*") if path.suffix in {".py", ".html"} and path.name not in {"en.py", "ko.py"}]
    assert unsaid(SENTENCES["en"], "\n".join(path.read_text(encoding="utf-8") for path in files)) == []


def test_an_unsaid_sentence_is_noticed() -> None:
    assert unsaid(["a.one", "a.many", "b", "why.c"], "count('a', 2)") == ["b"]


def test_numbers_of_things_and_dates() -> None:
    english, korean = Catalogue("en"), Catalogue("ko")
    assert [english.count("experiments", n) for n in (0, 1, 1200)] == ["0 experiments", "1 experiment", "1,200 experiments"]
    assert korean.count("units.courier", 1200) == "배달원 1,200명"
    assert (english.day(date(2026, 3, 9)), korean.day(date(2026, 3, 9))) == ("9 March 2026", "2026년 3월 9일")
    assert (english.short_day(date(2026, 3, 9)), korean.short_day(date(2026, 3, 9))) == ("9 Mar", "3월 9일")
    assert english.period(date(2026, 3, 2), date(2026, 3, 29)) == "2 Mar to 29 Mar 2026"
    assert korean.period(date(2025, 12, 29), date(2026, 1, 11)) == "2025년 12월 29일 ~ 2026년 1월 11일"


def reasons_of_the_statistics() -> list[str]:
    """What `stats` says of units that allow no estimate, no relative effect or no test."""
    values = {"one": [3.0], "zero": [0.0, 0.0, 0.0], "same": [2.0, 2.0, 2.0], "noisy": [-5.0, 0.0, 6.0], "fine": [4.0, 5.0, 6.0]}
    pairs = [("one", "fine"), ("fine", "one"), ("same", "same"), ("noisy", "fine"), ("fine", "zero")]
    sides = [
        stats.Moments.from_units(
            np.concatenate([values[pair[side]] for pair in pairs]),
            group=np.repeat(np.arange(len(pairs)), [len(values[pair[side]]) for pair in pairs]),
            groups=len(pairs),
        )
        for side in (0, 1)
    ]
    zero_denominator = stats.Moments.from_units(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    return [
        *stats.absolute_effect(*sides).reason.tolist(),
        *stats.relative_effect(*sides).reason.tolist(),
        *stats.absolute_effect(zero_denominator, zero_denominator).reason.tolist(),
    ]


def test_every_reason_of_the_statistics_is_told_in_korean() -> None:
    reasons = {reason for reason in reasons_of_the_statistics() if reason}
    assert len(reasons) >= 6
    for reason in reasons:
        assert Catalogue("en").why(reason) == reason
        assert not re.search("[A-Za-z]{2}", Catalogue("ko").why(reason)), reason


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_reason_that_nobody_knows_stays_as_it_is(language: Language) -> None:
    assert Catalogue(language).why("the moon is full") == "the moon is full"
