"""Conditions as clients write them to Redshift's catalog, where WHERE may name a column of the select list, and 1 is true."""

from __future__ import annotations

from redshift_standin.source_text import SourceText


def rewrite_catalog_conditions(text: SourceText, first: int, last: int) -> None:
    """Put the expression in the place of each alias that a WHERE between two words compares, as in `and schema = 'marts'`."""
    for index in range(first, last + 1):
        if text.starts_with("where", "1", at=index):
            text.replace(index + 1, index + 1, "true")
        if text.word(index).lower == "and" and text.word(index + 2).lower == "=":
            aliased = _aliased(text, index + 1, first)
            if aliased is not None:
                text.replace(index + 1, index + 1, text.rendered(*aliased))


def _aliased(text: SourceText, index: int, first: int) -> tuple[int, int] | None:
    """First and last word of the column that the select list before a word names as that word."""
    select = next((place for place in range(index, first - 1, -1) if text.words[place].lower == "select"), first)
    for place in range(select, index):
        if text.starts_with("as", text.words[index].lower, at=place):
            if text.word(place - 2).lower == ".":
                return place - 3, place - 1
            if text.word(place - 2).lower in ("select", ","):
                return place - 1, place - 1
    return None
