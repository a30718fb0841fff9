"""CREATE TABLE and ALTER TABLE: what PostgreSQL has no place for is taken out, and kept for the system views."""

from __future__ import annotations

import json
from typing import Any

from redshift_standin.data_types import rewrite_type
from redshift_standin.expressions import rewrite_expressions, rewrite_identifier
from redshift_standin.source_text import SourceText, names
from redshift_standin.statements import Refused

_DIST_STYLES = frozenset({"even", "key", "all", "auto"})
_ENCODINGS = names("auto raw az64 bytedict delta delta32k lzo mostly8 mostly16 mostly32 runlength text255 text32k zstd")


class TableDefinition:
    """Reads one CREATE TABLE from left to right, and changes it on the way.

    Attributes:
        attributes: What is kept of the table: dist and sort keys, encodings, declared keys, or the table that it is like.
    """

    def __init__(self, text: SourceText) -> None:
        """Begin at the first word."""
        self._text = text
        self._at = 0
        self.attributes: dict[str, Any] = {}

    def rewrite(self) -> tuple[int, int] | None:
        """Change the statement.

        Returns:
            First and last word of the query of a CREATE TABLE AS, still to be rewritten; None without one.

        Raises:
            Refused: Something in it is not Redshift's, or not known to the stand-in.
        """
        self._expect("create")
        is_temporary = self._accept_any("temporary", "temp") or self._accept("local", "temporary") or self._accept("local", "temp")
        self._expect("table")
        has_if = self._accept("if", "not", "exists")
        name = self._name()
        if name.startswith("#") and not is_temporary:
            self._text.insert_before(1, "temporary ")
        if self._text.word(self._at).lower == "(":
            opening = self._at
            self._columns(opening)
            self._at = self._text.closing[opening] + 1
        self._table_attributes()
        query = None
        if self._accept("as"):
            if has_if:
                raise Refused("CREATE TABLE IF NOT EXISTS … AS is not supported on Redshift", "42601")
            query = (self._at, len(self._text) - 1)
        elif self._at < len(self._text):
            raise self._syntax_error()
        if self.attributes:
            kept = json.dumps(self.attributes).encode().hex()
            self._text.insert_before(0, f"/* redshift_standin {kept} */ ")
        return query

    def _columns(self, opening: int) -> None:
        removed: list[tuple[int, int]] = []
        parts = self._text.arguments(opening)
        if not parts:
            raise self._syntax_error()
        for first, last in parts:
            self._at = first
            word = self._text.words[first].lower
            if word == "like":
                self._like(last)
            elif word in ("constraint", "primary", "unique", "foreign"):
                self._table_constraint(last)
                removed.append((first, last))
            else:
                self._column(last)
        for first, last in removed:
            # With the comma before it, or behind it where it comes first.
            is_first = first == parts[0][0]
            self._text.remove(first if is_first else first - 1, min(last + 1, self._text.closing[opening] - 1) if is_first else last)
        for column in self._primary_key():
            self._set_not_null(parts, column)

    def _like(self, last: int) -> None:
        self._at += 1
        self.attributes["like"] = self._name()
        if not (self._accept("including", "defaults") or self._accept("excluding", "defaults")) and self._at <= last:
            raise self._syntax_error()

    def _table_constraint(self, last: int) -> None:
        name = None
        if self._accept("constraint"):
            name = self._name()
        if self._accept("primary", "key"):
            self._keep_key("PRIMARY KEY", name, self._column_list())
        elif self._accept("unique"):
            self._keep_key("UNIQUE", name, self._column_list())
        elif self._accept("foreign", "key"):
            columns = self._column_list()
            self._expect("references")
            self._name()
            if self._text.word(self._at).lower == "(":
                self._column_list()
            self._keep_key("FOREIGN KEY", name, columns)
        if self._at <= last:
            raise self._syntax_error()

    def _column(self, last: int) -> None:
        name = self._name()
        self._at = rewrite_type(self._text, self._at, is_column=name) + 1
        while self._at <= last:
            self._column_attribute(name, last)

    def _column_attribute(self, column: str, last: int) -> None:
        begin = self._at
        if self._accept("not", "null") or self._accept("null"):
            return
        if self._accept("default"):
            first = self._at
            while self._at <= last and self._text.words[self._at].lower not in ("encode", "distkey", "sortkey", "not", "unique", "primary"):
                self._at = self._text.closing.get(self._at, self._at) + 1
            rewrite_expressions(self._text, first, self._at - 1)
            return
        if self._accept("identity") or self._accept("generated", "by", "default", "as", "identity"):
            kind = "always" if self._text.words[begin].lower == "identity" else "by default"
            (seed, _), (step, _) = self._text.arguments(self._at)
            self._at = self._text.closing[self._at] + 1
            start, increment = self._text.words[seed].text, self._text.words[step].text
            self._text.replace(begin, self._at - 1, f"generated {kind} as identity (start with {start} increment by {increment})")
            return
        if self._accept("encode"):
            self.attributes.setdefault("encode", {})[column] = self._encoding()
        elif self._accept("distkey"):
            self.attributes |= {"diststyle": "KEY", "distkey": column}
        elif self._accept("sortkey"):
            self.attributes |= {"sortstyle": "COMPOUND", "sortkey": [column]}
        elif self._accept("unique"):
            self._keep_key("UNIQUE", None, [column])
        elif self._accept("primary", "key"):
            self._keep_key("PRIMARY KEY", None, [column])
        elif self._accept("references"):
            self._name()
            if self._text.word(self._at).lower == "(":
                self._column_list()
            self._keep_key("FOREIGN KEY", None, [column])
        else:
            raise self._syntax_error()
        self._text.remove(begin, self._at - 1)

    def _table_attributes(self) -> None:
        while self._at < len(self._text) and self._text.words[self._at].lower != "as":
            begin = self._at
            if self._accept("backup"):
                self._expect_any("yes", "no")
            elif self._accept("diststyle"):
                style = self._text.word(self._at).lower
                self._expect_any(*_DIST_STYLES)
                self.attributes["diststyle"] = style.upper()
            elif self._accept("distkey"):
                self.attributes |= {"diststyle": "KEY", "distkey": self._column_list()[0]}
            elif self._accept("encode", "auto"):
                pass
            else:
                self._sort_key()
            self._text.remove(begin, self._at - 1)

    def _sort_key(self) -> None:
        style = "INTERLEAVED" if self._accept("interleaved") else "COMPOUND"
        self._accept("compound")
        self._expect("sortkey")
        if not self._accept("auto"):
            self.attributes |= {"sortstyle": style, "sortkey": self._column_list()}

    def _keep_key(self, kind: str, name: str | None, columns: list[str]) -> None:
        self.attributes.setdefault("constraints", []).append({"type": kind, "name": name, "columns": columns})

    def _primary_key(self) -> list[str]:
        keys = [key["columns"] for key in self.attributes.get("constraints", []) if key["type"] == "PRIMARY KEY"]
        return list(keys[0]) if keys else []

    def _set_not_null(self, parts: list[tuple[int, int]], column: str) -> None:
        for first, last in parts:
            words = [self._text.words[index].lower for index in range(first, last + 1)]
            if words[0] == column and not any(words[index : index + 2] == ["not", "null"] for index in range(len(words))):
                self._text.insert_after(last, " not null")

    def _encoding(self) -> str:
        name = self._text.word(self._at).lower
        self._expect_any(*_ENCODINGS)
        return name

    def _name(self) -> str:
        """Read a name with its schema; folded to small letters."""
        parts: list[str] = []
        while True:
            parts.append(self._text.word(self._at).lower)
            if not parts[-1] or parts[-1] in "(),":
                raise self._syntax_error()
            rewrite_identifier(self._text, self._at)
            self._at += 1
            if not self._accept("."):
                return ".".join(parts)

    def _column_list(self) -> list[str]:
        opening = self._at
        self._expect("(")
        self._at = self._text.closing[opening] + 1
        columns = [self._text.words[first].lower for first, last in self._text.arguments(opening) if first == last]
        if not columns:
            raise self._syntax_error()
        return columns

    def _accept(self, *lowers: str) -> bool:
        is_there = self._text.starts_with(*lowers, at=self._at)
        self._at += len(lowers) if is_there else 0
        return is_there

    def _accept_any(self, *lowers: str) -> bool:
        return any(self._accept(lower) for lower in lowers)

    def _expect(self, *lowers: str) -> None:
        if not self._accept(*lowers):
            raise self._syntax_error()

    def _expect_any(self, *lowers: str) -> None:
        if not self._accept_any(*lowers):
            raise self._syntax_error()

    def _syntax_error(self) -> Refused:
        near = self._text.word(self._at).text or "the end"
        return Refused(
            f'syntax error at or near "{near}" in: {self._text.sql.strip()}',
            "42601",
            hint="If Redshift documents this part of CREATE TABLE, teach redshift_standin.tables.",
        )


def rewrite_alter_table(text: SourceText) -> None:
    """Change an ALTER TABLE.

    Raises:
        Refused: An action that Redshift does not have, or that the stand-in does not know.
    """
    at = 2
    while text.word(at).lower not in ("rename", "add", "drop", "alter", "owner", "append", ""):
        rewrite_identifier(text, at)
        at += 1
    if text.starts_with("rename", at=at) or text.starts_with("owner", "to", at=at):
        rewrite_expressions(text, at + 1)
    elif text.starts_with("add", at=at):
        column = at + 2 if text.word(at + 1).lower == "column" else at + 1
        if any(word.lower == "," and index > at for index, word in enumerate(text.words)) and _has_top_level_comma(text, at):
            raise Refused("ALTER TABLE ADD COLUMN adds one column at a time on Redshift", "42601")
        if text.word(column).lower in ("constraint", "primary", "unique", "foreign"):
            raise _unknown_alter(text)
        rewrite_identifier(text, column)
        last = rewrite_type(text, column + 1, is_column=text.words[column].lower)
        rewrite_expressions(text, last + 1)
    elif text.starts_with("drop", at=at) and text.word(at + 1).lower != "constraint":
        rewrite_expressions(text, at + 1)
    elif text.starts_with("alter", "column", at=at) and text.starts_with("type", at=at + 3):
        if text.word(at + 4).lower not in ("varchar", "character"):
            raise Refused("ALTER COLUMN TYPE changes only the size of VARCHAR columns on Redshift")
        rewrite_identifier(text, at + 2)
        if rewrite_type(text, at + 4, is_column=text.words[at + 2].lower) != len(text) - 1:
            raise _unknown_alter(text)
    else:
        raise _unknown_alter(text)


def _has_top_level_comma(text: SourceText, first: int) -> bool:
    index = first
    while index < len(text):
        if text.words[index].lower == ",":
            return True
        index = text.closing.get(index, index) + 1
    return False


def _unknown_alter(text: SourceText) -> Refused:
    return Refused(
        f"this ALTER TABLE is not known to the stand-in: {text.sql.strip()}",
        hint="If Redshift documents it and the product needs it, teach redshift_standin.tables.",
    )
