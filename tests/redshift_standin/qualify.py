"""QUALIFY, which PostgreSQL lacks: its condition becomes a column of a subquery, and filters that."""

from __future__ import annotations

from redshift_standin.source_text import SourceText
from redshift_standin.statements import Refused

_KEPT, _ROW, _BELOW = "redshift_standin_kept", "redshift_standin_row", "redshift_standin_below"
_BEHIND = frozenset({"order", "limit", "offset", "union", "intersect", "except", "minus", ")"})
_END_OF_FROM = frozenset({"where", "group", "having", "qualify"})


def rewrite_qualify(text: SourceText, first: int, last: int) -> None:
    """Rewrite every QUALIFY between two words; all else in them must be rewritten already.

    Raises:
        Refused: A column of such a SELECT has no name to carry it through the subquery.
    """
    places = [index for index in range(first, last + 1) if text.words[index].lower == "qualify"]
    # The innermost first: the text of an outer condition is taken as it has become.
    for index in sorted(places, key=lambda place: -len(_around(text, place))):
        _rewrite_one(text, index, first, last)


def _rewrite_one(text: SourceText, qualify: int, first: int, last: int) -> None:
    enclosing = _around(text, qualify)
    begin, end = (enclosing[-1] + 1, text.closing[enclosing[-1]] - 1) if enclosing and enclosing[-1] >= first else (first, last)
    level = _words_of_level(text, begin, end)
    select = max(index for index in level if index < qualify and text.words[index].lower == "select")
    from_ = min(index for index in level if index > select and text.words[index].lower == "from")
    behind = next((index for index in level if index > qualify and text.words[index].lower in _BEHIND), end + 1)

    relations_end = min(index for index in level if index > from_ and text.words[index].lower in _END_OF_FROM)
    if relations_end == qualify and _is_bare_name(text, from_ + 1, relations_end - 1):
        raise Refused("the relation of FROM needs an alias where QUALIFY follows it at once", "42601")
    items_begin = select + 2 if text.word(select + 1).lower == "distinct" else select + 1
    names = _carry(text, _split(text, items_begin, from_ - 1), (from_ + 1, relations_end - 1))

    condition = text.rendered(qualify + 1, behind - 1)
    has_window = any(text.words[index].lower == "over" for index in range(qualify + 1, behind))
    text.insert_before(select, f"select {', '.join(names)} from (")
    if has_window:
        text.insert_before(from_, f", ({condition}) as {_KEPT} ")
    text.replace(qualify, behind - 1, f") as {_BELOW} where {_KEPT if has_window else condition}")


def _carry(text: SourceText, items: list[tuple[int, int]], relations: tuple[int, int]) -> list[str]:
    """The columns of a select list as the query around the subquery names them; a star goes through it as a whole row."""
    names: list[str] = []
    for number, (first, last) in enumerate(items):
        if text.words[last].text == "*" and (first == last or text.word(last - 1).lower == "."):
            relation = text.rendered(first, last - 2) if first < last else _only_relation(text, *relations)
            text.replace(first, last, f"{relation} as {_ROW}_{number}")
            names.append(f"({_BELOW}.{_ROW}_{number}).*")
        else:
            names.append(f"{_BELOW}.{_name(text, first, last)}")
    return names


def _only_relation(text: SourceText, first: int, last: int) -> str:
    if any(text.words[index].lower in ("join", ",") for index in _words_of_level(text, first, last)):
        raise Refused("SELECT * of a join with QUALIFY is not known to the stand-in", hint="Write `a.*, b.*`, or name the columns.")
    return text.rendered(last, last)


def _name(text: SourceText, first: int, last: int) -> str:
    is_column = all(text.words[index].lower == "." for index in range(last - 1, first, -2)) and (last - first) % 2 == 0
    before = text.word(last - 1).lower
    is_alias = last > first and (before == "as" or text.words[last - 1].text == ")" or not is_column) and before not in ("end", ".")
    if not (is_column or is_alias) or text.words[last].text == ")":
        raise Refused(
            f"a column without a name in a SELECT with QUALIFY is not known to the stand-in: {text.original(first, last)}",
            hint="Give it a name by AS.",
        )
    return text.rendered(last, last)


def _is_bare_name(text: SourceText, first: int, last: int) -> bool:
    return (last - first) % 2 == 0 and all(text.words[index].lower == "." for index in range(first + 1, last, 2))


def _split(text: SourceText, first: int, last: int) -> list[tuple[int, int]]:
    commas = [index for index in _words_of_level(text, first, last) if text.words[index].lower == ","]
    return list(zip([first, *(comma + 1 for comma in commas)], [*(comma - 1 for comma in commas), last], strict=True))


def _around(text: SourceText, index: int) -> list[int]:
    """The opening parentheses around a word, the innermost last."""
    return sorted(opening for opening, closing in text.closing.items() if opening < index < closing)


def _words_of_level(text: SourceText, first: int, last: int) -> list[int]:
    """The words from first to last that are in no parentheses of their own."""
    level: list[int] = []
    index = first
    while index <= last:
        level.append(index)
        index = text.closing.get(index, index) + 1
    return level
