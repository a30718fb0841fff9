"""The one catalogue of sentences: all that Splitmile says to a stakeholder, by code and language.

`en.py` and `ko.py` hold the same codes with the same placeholders; what is said in one language only does not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from splitmile.results.catalogue.en import SENTENCES as ENGLISH
from splitmile.results.catalogue.ko import SENTENCES as KOREAN
from splitmile.settings import Language

SENTENCES: dict[Language, dict[str, str]] = {"en": ENGLISH, "ko": KOREAN}
_WHY = "why."
_PLACEHOLDER = re.compile(r"\\{(\w+)\\}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The sentences of one language.

    Example:
        >>> Catalogue("en").count("experiments", 2), Catalogue("ko").count("experiments", 2)
        ('2 experiments', '실험 2건')
    """

    language: Language

    def __call__(self, code: str, **figures: object) -> str:
        """A sentence with its figures.

        Raises:
            KeyError: There is no such sentence, or a placeholder of it is not given.
        """
        return self.template(code).format(**figures)

    def template(self, code: str) -> str:
        """A sentence with its placeholders."""
        return SENTENCES[self.language][code]

    def count(self, code: str, number: int, **figures: object) -> str:
        """A sentence about a number of things: that of `code.one`, or of `code.many`."""
        return self(f"{code}.{'one' if number == 1 else 'many'}", count=f"{number:,}", **figures)

    def day(self, a_date: date) -> str:
        """A date as it is spoken, such as `29 March 2026`."""
        return self("date", day=a_date.day, month=self(f"month.{a_date.month}"), year=a_date.year)

    def short_day(self, a_date: date) -> str:
        """A date without its year, such as `29 Mar`."""
        return self("date.short", day=a_date.day, month=self(f"month.{a_date.month}.short"))

    def period(self, first: date, last: date) -> str:
        """Two dates and what lies between, such as `2 Mar to 29 Mar 2026`."""
        months = {"first_month": self(f"month.{first.month}.short"), "last_month": self(f"month.{last.month}.short")}
        days = {"first_day": first.day, "last_day": last.day}
        if first.year == last.year:
            return self("period", **days, **months, year=last.year)
        return self("period.years", **days, **months, first_year=first.year, last_year=last.year)

    def why(self, reason: str) -> str:
        """A reason of the statistics, which come in English, in this language; one that the catalogue does not know stays as it is."""
        if self.language == "en":
            return reason
        for code, pattern in _reasons().items():
            if found := pattern.fullmatch(reason):
                parts = found.groupdict()
                return self(code, **({**parts, "why": self.why(parts["why"])} if "why" in parts else parts))
        return reason


@cache
def _reasons() -> dict[str, re.Pattern[str]]:
    """How each reason reads in English, its placeholders as named groups."""
    return {
        code: re.compile(_PLACEHOLDER.sub(r"(?P<\1>.+)", re.escape(template)))
        for code, template in ENGLISH.items()
        if code.startswith(_WHY)
    }
