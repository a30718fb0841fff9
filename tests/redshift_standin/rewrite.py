"""What a client sends, as statements that PostgreSQL runs: nothing is guessed, what is not known is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from redshift_standin.catalog_conditions import rewrite_catalog_conditions
from redshift_standin.copy_options import parse_copy, parse_unload
from redshift_standin.expressions import SCHEMA, rewrite_expressions, rewrite_identifier
from redshift_standin.privileges import rewrite_create_identity, rewrite_grant
from redshift_standin.qualify import rewrite_qualify
from redshift_standin.refusals import RESERVED, is_catalog_query, refuse_unqualified, refuse_unsupported
from redshift_standin.sessions import rewrite_reset, rewrite_set, rewrite_show
from redshift_standin.source_text import SourceText, parseable, split
from redshift_standin.statements import Refused, Statement
from redshift_standin.tables import TableDefinition, rewrite_alter_table

_TRANSACTION = re.compile(
    r"(begin|start)(\s+(work|transaction))?(\s+isolation\s+level\s+(serializable|repeatable\s+read|read\s+committed|read\s+uncommitted))?"
    r"(\s*,?\s*read\s+(write|only))?|(commit|end|rollback|abort)(\s+(work|transaction))?",
    re.IGNORECASE,
)
_QUERIES = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge)


@lru_cache(maxsize=4096)
def _rewrite(sql: str) -> tuple[Statement, ...]:
    return tuple(statement for piece in split(sql) for statement in _rewrite_one(piece))


def rewrite(sql: str) -> list[Statement]:
    """The statements that PostgreSQL runs in the place of a client's.

    Args:
        sql: One statement, or several with semicolons; with parameters as `$1`.

    Returns:
        In their order. TRUNCATE becomes two, as it commits; every other statement one. An empty text gives none.

    Raises:
        Refused: Redshift would refuse a statement, or the stand-in does not know it.
    """
    return list(_rewrite(sql))


def _rewrite_one(sql: str) -> list[Statement]:
    text = SourceText(sql)
    if _TRANSACTION.fullmatch(text.original(0, len(text) - 1)):
        return [Statement(sql)]
    for words, handler in _HANDLERS:
        if text.starts_with(*words):
            return handler(text)
    raise Refused(
        f"this statement is not known to the stand-in: {sql.strip()}",
        "42601",
        hint="If Redshift documents it and the product needs it, teach redshift_standin.rewrite.",
    )


def _query(text: SourceText) -> list[Statement]:
    return [Statement(_rewritten_query(text, 0, len(text) - 1))]


def _rewritten_query(text: SourceText, first: int, last: int) -> str:
    """The statement with the query that stands from one word to another rewritten."""
    tree = _parsed(text.original(first, last))
    is_catalog = is_catalog_query(tree)
    refuse_unsupported(tree, is_catalog=is_catalog)
    rewrite_expressions(text, first, last, is_catalog_query=is_catalog)
    if is_catalog:
        rewrite_catalog_conditions(text, first, last)
    rewrite_qualify(text, first, last)
    return text.rendered()


def _parsed(sql: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(parseable(sql), read="redshift")
    except SqlglotError as error:
        raise Refused(f"syntax error in: {sql.strip()}", "42601", hint=f"The stand-in's parser says: {error}") from error
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if not isinstance(tree, _QUERIES):
        raise Refused(f"syntax error in: {sql.strip()}", "42601", hint="The stand-in's parser does not know this statement.")
    return tree


def _create_table(text: SourceText) -> list[Statement]:
    query = TableDefinition(text).rewrite()
    return [Statement(text.rendered() if query is None else _rewritten_query(text, *query))]


def _create_view(text: SourceText) -> list[Statement]:
    at = 4 if text.starts_with("create", "or", "replace", "view") else 2
    is_replacement = at == 4
    begin = at
    while text.word(at).lower not in ("as", "(", ""):
        rewrite_identifier(text, at)
        at += 1
    end_of_name = at - 1
    if text.word(at).lower == "(":
        for first, _ in text.arguments(at):
            rewrite_identifier(text, first)
        at = text.closing[at] + 1
    if text.word(at).lower != "as":
        raise Refused(f"syntax error in: {text.sql.strip()}", "42601")
    last = len(text) - 1
    if not text.starts_with("with", "no", "schema", "binding", at=last - 3):
        return [Statement(_rewritten_query(text, at + 1, last))]
    if text.word(end_of_name + 1).lower == "(":
        raise Refused("column names of a late-binding view are not known to the stand-in", hint="Name the columns in its query.")
    refuse_unqualified(_parsed(text.original(at + 1, last - 4)))
    _rewritten_query(text, at + 1, last - 4)
    arguments = (text.rendered(begin, end_of_name), text.rendered(at + 1, last - 4))
    name, query = (_dollar_quoted(argument) for argument in arguments)
    call = f"perform {SCHEMA}.create_late_binding_view({name}, {query}, {str(is_replacement).lower()})"
    return [Statement(f"do $redshift_standin$ begin {call}; end $redshift_standin$", tag="CREATE VIEW")]


def _dollar_quoted(text: str) -> str:
    if "$late_binding$" in text or "$redshift_standin$" in text:
        raise Refused("a late-binding view may not contain the quotes $late_binding$ and $redshift_standin$")
    return f"$late_binding${text}$late_binding$"


def _alter_table(text: SourceText) -> list[Statement]:
    rewrite_alter_table(text)
    return [Statement(text.rendered())]


def _names_only(text: SourceText) -> list[Statement]:
    """A statement that is the same on both engines but for its names."""
    for index in range(len(text)):
        rewrite_identifier(text, index)
    return [Statement(text.rendered())]


def _truncate(text: SourceText) -> list[Statement]:
    """TRUNCATE commits the transaction in which it runs."""
    if text.starts_with("truncate", "table"):
        text.remove(1, 1)
    return [replace(_names_only(text)[0]), Statement("commit", tag="TRUNCATE TABLE")]


def _vacuum(text: SourceText) -> list[Statement]:
    """PostgreSQL's own VACUUM; what else Redshift would sort or reclaim has no meaning here."""
    at = 1
    for option in (("full",), ("sort", "only"), ("delete", "only"), ("reindex",), ("recluster",)):
        if text.starts_with(*option, at=at):
            at += len(option)
            break
    name = _relation(text, at)
    return [Statement(f"vacuum {name}".strip(), tag="VACUUM")]


def _analyze(text: SourceText) -> list[Statement]:
    if text.word(1).lower == "compression":
        raise Refused("ANALYZE COMPRESSION is not known to the stand-in", hint="It has no encodings to measure.")
    return [Statement(f"analyze {_relation(text, 2 if text.word(1).lower == 'verbose' else 1)}".strip(), tag="ANALYZE")]


def _relation(text: SourceText, at: int) -> str:
    """A relation's name from a word on; empty where none stands there."""
    if at >= len(text):
        return ""
    last = at
    rewrite_identifier(text, at)
    while text.word(last + 1).lower == ".":
        last += 2
        rewrite_identifier(text, last)
    return text.rendered(at, last)


def _explain(text: SourceText) -> list[Statement]:
    first = 2 if text.word(1).lower == "verbose" else 1
    if text.word(first).lower in ("analyze", "("):
        raise Refused("EXPLAIN takes no option but VERBOSE on Redshift", "42601")
    return [Statement(_rewritten_query(text, first, len(text) - 1))]


def _copy(text: SourceText) -> list[Statement]:
    return [Statement("", command=parse_copy(text.sql))]


def _unload(text: SourceText) -> list[Statement]:
    command = parse_unload(text.sql)
    query, *others = rewrite(command.query)
    if others:
        raise Refused("UNLOAD takes one query", "42601")
    return [Statement("", command=replace(command, query=query.sql))]


def _create_schema(text: SourceText) -> list[Statement]:
    if any(word.lower in ("quota", "external") for word in text.words):
        raise Refused(
            f"this CREATE SCHEMA is not known to the stand-in: {text.sql.strip()}", hint="It has no quotas and no external schemas."
        )
    if any(not word.is_quoted and word.lower in RESERVED for word in text.words):
        raise Refused(f"syntax error: a reserved word of Redshift as a name has to be quoted: {text.sql.strip()}", "42601")
    return _names_only(text)


def _unsupported(message: str, hint: str = "") -> Callable[[SourceText], list[Statement]]:
    def refuse(text: SourceText) -> list[Statement]:
        raise Refused(f"{message}: {text.sql.strip()}", hint=hint)

    return refuse


def _one(handler: Callable[[SourceText], Statement]) -> Callable[[SourceText], list[Statement]]:
    return lambda text: [handler(text)]


_NO_SEQUENCES = _unsupported("CREATE SEQUENCE is not supported on Redshift", "Use an IDENTITY column.")
_NO_INDEXES = _unsupported("CREATE INDEX is not supported on Redshift", "Use a sort key.")
_NO_MATERIALIZED = _unsupported("materialized views are not known to the stand-in")

# By their first words; the first that fits decides.
_HANDLERS: tuple[tuple[tuple[str, ...], Callable[[SourceText], list[Statement]]], ...] = (
    (("select",), _query),
    (("with",), _query),
    (("(",), _query),
    (("insert",), _query),
    (("update",), _query),
    (("delete",), _query),
    (("merge",), _query),
    (("set",), _one(rewrite_set)),
    (("reset",), _one(rewrite_reset)),
    (("show",), _one(rewrite_show)),
    (("copy",), _copy),
    (("unload",), _unload),
    (("create", "table"), _create_table),
    (("create", "temporary", "table"), _create_table),
    (("create", "temp", "table"), _create_table),
    (("create", "local"), _create_table),
    (("create", "or", "replace", "table"), _unsupported("CREATE OR REPLACE TABLE is not supported on Redshift")),
    (("create", "view"), _create_view),
    (("create", "or", "replace", "view"), _create_view),
    (("create", "schema"), _create_schema),
    (("create", "user"), _one(rewrite_create_identity)),
    (("create", "group"), _one(rewrite_create_identity)),
    (("create", "role"), _one(rewrite_create_identity)),
    (("create", "index"), _NO_INDEXES),
    (("create", "unique", "index"), _NO_INDEXES),
    (("create", "sequence"), _NO_SEQUENCES),
    (("create", "materialized"), _NO_MATERIALIZED),
    (("drop", "materialized"), _NO_MATERIALIZED),
    (("alter", "table"), _alter_table),
    (("alter", "default"), _one(rewrite_grant)),
    (("alter", "group"), _names_only),
    (("alter", "schema"), _names_only),
    (("create", "database"), _names_only),
    (("drop", "database"), _names_only),
    (("drop", "table"), _names_only),
    (("drop", "view"), _names_only),
    (("drop", "schema"), _names_only),
    (("drop", "user"), _names_only),
    (("drop", "group"), _names_only),
    (("drop", "role"), _names_only),
    (("grant",), _one(rewrite_grant)),
    (("revoke",), _one(rewrite_grant)),
    (("comment", "on"), _names_only),
    (("lock",), _names_only),
    (("truncate",), _truncate),
    (("vacuum",), _vacuum),
    (("analyze",), _analyze),
    (("explain",), _explain),
)
