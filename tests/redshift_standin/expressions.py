"""Names, functions, types and literals within a statement, rewritten word by word."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot.tokenizer_core import TokenType

from redshift_standin import function_names
from redshift_standin.data_types import rewrite_type
from redshift_standin.source_text import SourceText, Word, names
from redshift_standin.statements import Refused

SCHEMA = "redshift_standin"

# Catalogs that the shims have once more, with Redshift's columns.
_CATALOGS = {
    ("pg_catalog", "pg_class"): "pg_class",
    ("pg_catalog", "pg_attribute"): "pg_attribute",
    ("pg_catalog", "pg_attrdef"): "pg_attrdef",
    ("information_schema", "columns"): "columns",
    ("information_schema", "table_constraints"): "table_constraints",
    ("information_schema", "key_column_usage"): "key_column_usage",
}

# Words that a parenthesis may follow without a call.
_NO_FUNCTIONS = names(
    """all and array as between by case distinct else end except exists filter from group having ilike in insert intersect into is join
    key lateral like limit not offset on only or order over partition primary qualify recursive references select set similar sets
    table then to union unique update using values when where with within rollup cube grouping interval escape returning conflict
    varchar nvarchar char character nchar varying bpchar decimal numeric timestamp time text float"""
)

_DATE_PARTS = {
    alias: part
    for part, aliases in {
        "year": "year years yr yrs y",
        "quarter": "quarter quarters qtr qtrs",
        "month": "month months mon mons",
        "week": "week weeks w",
        "day": "day days d",
        "hour": "hour hours h hr hrs",
        "minute": "minute minutes m min mins",
        "second": "second seconds s sec secs",
        "millisecond": "millisecond milliseconds msec msecs ms",
        "microsecond": "microsecond microseconds microsec microsecs us usec usecs",
    }.items()
    for alias in aliases.split()
}
_WHOLE_EXTRACTS = names("year quarter month week day dow doy hour minute epoch")


def rewrite_expressions(text: SourceText, first: int = 0, last: int | None = None, *, is_catalog_query: bool = False) -> None:
    """Change all that PostgreSQL would read otherwise from one word to another.

    Raises:
        Refused: A function, type or operator that Redshift lacks or the stand-in does not know.
    """
    end = len(text) if last is None else last + 1
    index = first
    while index < end:
        index = _rewrite_word(text, index, is_catalog_query) + 1


def _rewrite_word(text: SourceText, index: int, is_catalog_query: bool) -> int:
    """Rewrite what begins at a word; the index of the last word that is done."""
    word = text.words[index]
    before, after = text.word(index - 1), text.word(index + 1)
    if before.kind is TokenType.DCOLON or (before.lower == "as" and _is_in_cast(text, index)):
        return rewrite_type(text, index)
    if is_relation_position(text, index) and (taken := _rewrite_catalog(text, index)):
        return index + taken - 1
    if word.kind in (TokenType.ARROW, TokenType.DARROW, TokenType.HASH_ARROW, TokenType.DHASH_ARROW, TokenType.AT_GT, TokenType.LT_AT):
        raise Refused(f'operator "{word.text}" is not supported on Redshift', "42883", hint="Use JSON_EXTRACT_PATH_TEXT.")
    if word.is_quoted or word.lower.startswith("#"):
        rewrite_identifier(text, index)
    elif word.lower in ("sysdate", "current_timestamp", "localtimestamp", "current_time", "localtime") and before.lower != ".":
        if word.lower != "sysdate":
            raise function_names.refused_function(word.lower)
        text.replace(index, index, f"{SCHEMA}.sysdate()" if after.lower != "(" else f"{SCHEMA}.sysdate")
    elif word.lower == "approximate" and after.lower in ("count", "percentile_disc"):
        text.remove(index, index)
    if after.lower == "(" and _is_call(text, index):
        _rewrite_call(text, index, is_catalog_query)
    return index


def rewrite_identifier(text: SourceText, index: int) -> None:
    """Redshift folds quoted names to small letters, too; a temporary table may be named `#…`."""
    word = text.words[index]
    if word.is_quoted and word.text != word.text.lower():
        text.replace(index, index, quoted(word.text.lower()))
    elif not word.is_quoted and word.lower.startswith("#"):
        text.replace(index, index, quoted(word.lower))


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def is_relation_position(text: SourceText, index: int) -> bool:
    """Whether a word begins the name of a relation of FROM or JOIN."""
    before = text.word(index - 1).lower
    return before in ("from", "join") or (before == "," and text.word(index + 1).lower != "(" and text.word(index).lower.startswith("pg_"))


def _rewrite_catalog(text: SourceText, index: int) -> int:
    """Put the stand-in's catalog in the place of PostgreSQL's; the number of words that its name has, 0 where it is none."""
    for (schema, name), ours in _CATALOGS.items():
        if text.starts_with(schema, ".", name, at=index) and text.word(index + 3).lower != ".":
            text.replace(index, index + 2, f"{SCHEMA}.{ours}")
            return 3
        is_alone = schema == "pg_catalog" and text.word(index).lower == name and text.word(index + 1).lower != "."
        if is_alone:
            text.replace(index, index, f"{SCHEMA}.{ours}")
            return 1
    return 0


def _is_in_cast(text: SourceText, index: int) -> bool:
    """Whether the innermost parenthesis around a word is that of a CAST."""
    enclosing = [opening for opening, closing in text.closing.items() if opening < index < closing]
    return bool(enclosing) and text.word(max(enclosing) - 1).lower in ("cast", "try_cast")


def _is_call(text: SourceText, index: int) -> bool:
    word, before = text.words[index], text.word(index - 1)
    if word.is_string or word.kind is TokenType.NUMBER or word.lower in _NO_FUNCTIONS or not (word.lower[:1].isalpha() or word.is_quoted):
        return False
    begin = index
    while text.word(begin - 1).lower == ".":
        begin -= 2
    introducer = text.word(begin - 1)
    if introducer.lower in ("into", "as", ")"):
        return False  # a table's or an alias' columns
    if word.lower in ("any", "some") and text.word(index + 2).lower in ("select", "with"):
        return False
    is_cte = text.starts_with("as", "(", at=text.closing[index + 1] + 1)
    is_alias = before.kind in (TokenType.VAR, TokenType.IDENTIFIER) and before.lower not in ("approximate",)
    return not is_cte and not is_alias


def _rewrite_call(text: SourceText, index: int, is_catalog_query: bool) -> None:
    name = text.words[index].lower
    qualifier: Word | None = text.words[index - 2] if text.word(index - 1).lower == "." else None
    if qualifier is not None and qualifier.lower != "pg_catalog":
        raise Refused(
            f"function {qualifier.lower}.{name}() is not known to the stand-in", "42883", hint="It has no user-defined functions."
        )
    begin = index if qualifier is None else index - 2
    if name in _CALLS:
        _CALLS[name](text, begin, index)
    elif name in function_names.QUALIFIED:
        text.replace(begin, index, f"{SCHEMA}.{name}")
    elif is_catalog_query and name in function_names.OF_CATALOG:
        return
    elif name not in function_names.COMMON | function_names.SHIMMED_IN_PLACE:
        raise function_names.refused_function(name)


def _date_part(text: SourceText, name: str, index: int, *, without: frozenset[str] = frozenset()) -> str:
    part = _DATE_PARTS.get(text.word(index).text.lower())
    if part is None or part in without:
        raise Refused(
            f"date part {text.word(index).text!r} of {name.upper()} is not known to the stand-in",
            hint="Teach redshift_standin.expressions and shims/functions.sql where AWS documents it.",
        )
    return part


def _rewrite_dateadd(text: SourceText, begin: int, index: int) -> None:
    name = text.words[index].lower
    # Where a week begins for DATEDIFF, the documentation leaves open.
    part = _date_part(text, name, index + 2, without=frozenset({"week"}) if name == "datediff" else frozenset())
    text.replace(begin, index, f"{SCHEMA}.{name}")
    text.replace(index + 2, index + 2, f"'{part}'")


def _rewrite_extract(text: SourceText, begin: int, index: int) -> None:
    """EXTRACT and DATE_PART of whole units are integers; PostgreSQL gives NUMERIC and DOUBLE PRECISION."""
    part = text.word(index + 2).text.lower()
    part = part if part in _WHOLE_EXTRACTS else _DATE_PARTS.get(part, part)
    if part not in _WHOLE_EXTRACTS:
        raise Refused(
            f"date part {part!r} of {text.words[index].text.upper()} is not known to the stand-in",
            hint="Use DATEDIFF, or teach redshift_standin.expressions what AWS documents of its type.",
        )
    # Without the floor, PostgreSQL would round up half a second of an epoch.
    text.insert_before(begin, "cast(floor(")
    text.insert_after(text.closing[index + 1], ") as integer)")


def _rewrite_nvl(text: SourceText, begin: int, index: int) -> None:
    text.replace(begin, index, "coalesce")


def _rewrite_nvl2(text: SourceText, begin: int, index: int) -> None:
    arguments = text.arguments(index + 1)
    if len(arguments) != 3:
        raise Refused("NVL2 takes three arguments", "42883")
    (_, first_end), (_, second_end), _ = arguments
    text.replace(begin, index + 1, "case when (")
    text.replace(first_end + 1, first_end + 1, ") is not null then ")
    text.replace(second_end + 1, second_end + 1, " else ")
    closing = text.closing[index + 1]
    text.replace(closing, closing, " end")


def _rewrite_json_path(text: SourceText, begin: int, index: int) -> None:
    arguments = text.arguments(index + 1)
    if not 2 <= len(arguments) <= 7:
        raise Refused("JSON_EXTRACT_PATH_TEXT takes a text, one to five path elements and a boolean", "42883")
    (_, document_end), *path = arguments
    first, last = path[-1]
    is_flag = first == last and text.words[first].lower in ("true", "false")
    flag = text.words[first].lower if is_flag else "false"
    text.replace(begin, index, f"{SCHEMA}.json_path")
    text.insert_after(document_end, f", {flag}")
    if is_flag:
        text.remove(first - 1, last)


def _rewrite_median(text: SourceText, begin: int, index: int) -> None:
    _refuse_over(text, text.closing[index + 1], "MEDIAN")
    text.replace(begin, index + 1, "percentile_cont(0.5) within group (order by ")


def _rewrite_listagg(text: SourceText, begin: int, index: int) -> None:
    closing = text.closing[index + 1]
    arguments = text.arguments(index + 1)
    text.replace(begin, index, f"{SCHEMA}.listagg")
    separator = "" if len(arguments) == 2 else ", ''"
    if text.starts_with("within", "group", "(", at=closing + 1):
        _refuse_over(text, text.closing[closing + 3], "LISTAGG")
        text.replace(closing, closing + 3, f"{separator} ")
    else:
        _refuse_over(text, closing, "LISTAGG")
        text.insert_before(closing, separator)


def _rewrite_percentile(text: SourceText, begin: int, index: int) -> None:
    name = text.words[index].text.upper()
    closing = text.closing[index + 1]
    if not text.starts_with("within", "group", "(", at=closing + 1):
        raise Refused(f"{name} needs WITHIN GROUP (ORDER BY …)", "42601")
    if name == "PERCENTILE_DISC" and text.word(begin - 1).lower != "approximate":
        raise Refused("PERCENTILE_DISC is an aggregate on Redshift only as APPROXIMATE PERCENTILE_DISC", hint="Or use PERCENTILE_CONT.")
    _refuse_over(text, text.closing[closing + 3], name)


def _refuse_over(text: SourceText, closing: int, name: str) -> None:
    if text.word(closing + 1).lower == "over":
        raise Refused(f"{name} as a window function is not known to the stand-in", hint="PostgreSQL lacks it; aggregate and join.")


_CALLS: dict[str, Callable[[SourceText, int, int], None]] = {
    "date_part": _rewrite_extract,
    "dateadd": _rewrite_dateadd,
    "datediff": _rewrite_dateadd,
    "extract": _rewrite_extract,
    "json_extract_path_text": _rewrite_json_path,
    "listagg": _rewrite_listagg,
    "median": _rewrite_median,
    "nvl": _rewrite_nvl,
    "nvl2": _rewrite_nvl2,
    "percentile_cont": _rewrite_percentile,
    "percentile_disc": _rewrite_percentile,
}
