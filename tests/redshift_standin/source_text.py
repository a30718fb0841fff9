"""One statement as words with their places, so that single words are changed and all others stay as the client wrote them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from redshift_standin.statements import Refused


class _Words(Redshift):
    """Redshift's tokens; sqlglot takes the rest of a SHOW, EXPLAIN or RESET for one text."""

    class Tokenizer(Redshift.Tokenizer):
        """Without those commands."""

        COMMANDS: ClassVar[set[TokenType]] = set()


_REDSHIFT = _Words()
# sqlglot takes `$1, $` for the beginning of a dollar-quoted text; `@1` is as long and reads as a parameter.
_PARAMETER = re.compile(r"(?<![\w$])\$(?=\d)")
_STRINGS = frozenset({TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.NATIONAL_STRING})


@dataclass(frozen=True, slots=True)
class Word:
    """One token.

    Attributes:
        text: Without quotes.
        lower: For comparing; empty for a literal, so that no literal is taken for a keyword.
        kind: As sqlglot names it.
        start, end: Its place in the statement, quotes included.
    """

    text: str
    lower: str
    kind: TokenType
    start: int
    end: int

    @property
    def is_string(self) -> bool:
        """Whether it is a text literal of any kind."""
        return self.kind in _STRINGS

    @property
    def is_quoted(self) -> bool:
        """Whether it is an identifier in double quotes."""
        return self.kind is TokenType.IDENTIFIER


_NOTHING = Word("", "", TokenType.SPACE, 0, 0)


def names(text: str) -> frozenset[str]:
    """The words of a text, for tables of names."""
    return frozenset(text.split())


def parseable(sql: str) -> str:
    """The statement in a spelling that sqlglot reads, every word at its place."""
    return _PARAMETER.sub("@", sql)


def split(sql: str) -> list[str]:
    """The statements of a text without their semicolons; empty ones are left out.

    Raises:
        Refused: The text cannot be read as tokens.
    """
    pieces: list[str] = []
    begin, is_empty = 0, True
    for token in _tokens(sql):
        if token.token_type is TokenType.SEMICOLON:
            if not is_empty:
                pieces.append(sql[begin : token.start])
            begin, is_empty = token.end + 1, True
        else:
            is_empty = False
    return pieces if is_empty else [*pieces, sql[begin:]]


@lru_cache(maxsize=16)
def _tokens(sql: str) -> tuple[Token, ...]:
    try:
        return tuple(_REDSHIFT.tokenize(parseable(sql)))
    except TokenError as error:
        raise Refused(f"syntax error: the statement ends within a literal or a comment: {sql.strip()}", "42601") from error


def _words(token: Token, sql: str) -> list[Word]:
    """The words of a token: sqlglot reads `order by` and `character varying` as one."""
    end = token.end + 1
    if token.token_type in _STRINGS:
        return [Word(token.text, "", token.token_type, token.start, end)]
    if token.token_type is TokenType.IDENTIFIER or " " not in token.text:
        return [Word(token.text, token.text.lower(), token.token_type, token.start, end)]
    return [
        Word(match[0], match[0].lower(), token.token_type, token.start + match.start(), token.start + match.end())
        for match in re.finditer(r"\S+", sql[token.start : end])
    ]


class SourceText:
    """A statement and the changes made to it.

    Attributes:
        sql: As the client wrote it.
        words: Its tokens; comments and blanks lie between them.
        closing: Index of each opening parenthesis to the index of its closing one.
    """

    def __init__(self, sql: str) -> None:
        """Read the statement.

        Raises:
            Refused: It cannot be read as tokens, or its parentheses do not match.
        """
        self.sql = sql
        self.words = [word for token in _tokens(sql) for word in _words(token, sql)]
        self.closing = self._match_parentheses()
        self._edits: list[tuple[int, int, int, str]] = []

    def __len__(self) -> int:
        return len(self.words)

    def word(self, index: int) -> Word:
        """The word at an index; an empty one beyond the ends."""
        return self.words[index] if 0 <= index < len(self.words) else _NOTHING

    def starts_with(self, *lowers: str, at: int = 0) -> bool:
        """Whether these words stand at an index."""
        return all(self.word(at + offset).lower == lower for offset, lower in enumerate(lowers))

    def original(self, first: int, last: int) -> str:
        """What the client wrote from one word to another, both included."""
        return self.sql[self.words[first].start : self.words[last].end]

    def replace(self, first: int, last: int, text: str) -> None:
        """Put a text in the place of the words from first to last."""
        self._edit(self.words[first].start, self.words[last].end, text)

    def remove(self, first: int, last: int) -> None:
        """Take out the words from first to last."""
        self.replace(first, last, "")

    def insert_before(self, index: int, text: str) -> None:
        """Put a text before a word."""
        self._edit(self.words[index].start, self.words[index].start, text)

    def insert_after(self, index: int, text: str) -> None:
        """Put a text behind a word."""
        self._edit(self.words[index].end, self.words[index].end, text)

    def rendered(self, first: int = 0, last: int | None = None) -> str:
        """The statement with its changes, or the part from one word to another."""
        begin = self.words[first].start if first else 0
        end = len(self.sql) if last is None else self.words[last].end
        parts: list[str] = []
        position = begin
        for start, stop, _, text in sorted(self._edits):
            if begin <= start and stop <= end and start >= position:
                parts += (self.sql[position:start], text)
                position = stop
        return "".join([*parts, self.sql[position:end]])

    def arguments(self, opening: int) -> list[tuple[int, int]]:
        """First and last word of each part between commas in a pair of parentheses; an empty list where nothing stands in it."""
        parts: list[tuple[int, int]] = []
        index = first = opening + 1
        while index < self.closing[opening]:
            if self.words[index].kind is TokenType.COMMA:
                parts.append((first, index - 1))
                first = index + 1
            index = self.closing.get(index, index) + 1
        return [*parts, (first, index - 1)] if index > first or parts else parts

    def _edit(self, start: int, stop: int, text: str) -> None:
        self._edits.append((start, stop, len(self._edits), text))

    def _match_parentheses(self) -> dict[int, int]:
        closing: dict[int, int] = {}
        opened: list[int] = []
        for index, word in enumerate(self.words):
            if word.kind is TokenType.L_PAREN:
                opened.append(index)
            elif word.kind is TokenType.R_PAREN:
                if not opened:
                    raise Refused(f'syntax error at or near ")" in: {self.sql.strip()}', "42601")
                closing[opened.pop()] = index
        if opened:
            raise Refused(f"syntax error: a parenthesis is not closed in: {self.sql.strip()}", "42601")
        return closing
