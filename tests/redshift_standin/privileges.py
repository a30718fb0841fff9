"""Users, groups, roles and their privileges. One namespace of PostgreSQL's roles stands for Redshift's three."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from redshift_standin.expressions import rewrite_identifier
from redshift_standin.source_text import SourceText, names
from redshift_standin.statements import Refused, Statement

_PRIVILEGES = names("select insert update delete references usage create temp temporary all privileges truncate")
_NOT_KNOWN = frozenset({"assumerole", "datashare", "model", "external", "language", "function", "procedure", "scope", "for tables in"})


def rewrite_grant(text: SourceText) -> Statement:
    """GRANT and REVOKE of privileges or roles, and ALTER DEFAULT PRIVILEGES.

    Raises:
        Refused: A privilege or an object that PostgreSQL does not have.
    """
    verb = next(index for index, word in enumerate(text.words) if word.lower in ("grant", "revoke"))
    _check_privileges(text, verb + 1)
    for index, word in enumerate(text.words):
        if word.lower in _NOT_KNOWN:
            raise Refused(
                f"GRANT or REVOKE of {word.text.upper()} is not known to the stand-in: {text.sql.strip()}",
                hint="If the product needs it, teach redshift_standin.privileges.",
            )
        if word.lower == "role" and not word.is_quoted:
            text.remove(index, index)
        rewrite_identifier(text, index)
    return Statement(text.rendered())


def _check_privileges(text: SourceText, at: int) -> None:
    if text.starts_with("grant", "option", "for", at=at) or text.starts_with("admin", "option", "for", at=at):
        at += 3
    if text.word(at).lower == "role":
        return
    while text.word(at).lower not in ("on", ""):
        word = text.words[at]
        if word.kind is not TokenType.COMMA and word.lower not in _PRIVILEGES:
            raise Refused(f'privilege "{word.text}" is not known to the stand-in', hint="Teach redshift_standin.privileges.")
        at += 1


def rewrite_create_identity(text: SourceText) -> Statement:
    """CREATE USER, CREATE GROUP and CREATE ROLE.

    A group is a role with a connection limit of 0, which is how the system views tell it from Redshift's roles.

    Raises:
        Refused: An option that the stand-in does not know.
    """
    kind, name = text.word(1).lower, text.word(2)
    rewrite_identifier(text, 2)
    if kind == "user":
        return _create_user(text)
    if kind == "group":
        text.insert_after(2, " with connection limit 0")
        if text.starts_with("with", "user", at=3):
            text.remove(3, 3)
        elif len(text) > 3 and text.word(3).lower != "user":
            raise _unknown_option(text, 3)
    elif len(text) > 3:
        raise _unknown_option(text, 3)
    assert name.lower
    return Statement(text.rendered())


def _create_user(text: SourceText) -> Statement:
    at = 4 if text.word(3).lower == "with" else 3
    while at < len(text):
        if text.starts_with("password", "disable", at=at):
            text.replace(at, at + 1, "password null")
            at += 2
        elif text.word(at).lower == "password" and text.word(at + 1).is_string:
            at += 2
        elif text.starts_with("in", "group", at=at):
            at += 3
        elif text.word(at).lower in ("createdb", "nocreatedb"):
            at += 1
        elif text.word(at).lower in ("createuser", "nocreateuser"):
            text.replace(at, at, "superuser" if text.word(at).lower == "createuser" else "nosuperuser")
            at += 1
        else:
            raise _unknown_option(text, at)
    return Statement(text.rendered())


def _unknown_option(text: SourceText, at: int) -> Refused:
    return Refused(
        f'option "{text.word(at).text}" is not known to the stand-in in: CREATE {text.word(1).text.upper()} {text.word(2).text}',
        hint="If Redshift documents it and the product needs it, teach redshift_standin.privileges.",
    )
