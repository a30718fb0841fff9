"""What is said where a file or an option does not do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from splitmile.errors import SplitmileError

_MANY = 12


class OptionInvalid(SplitmileError):
    """An option that has no meaning, or none for this file."""


class FileInvalid(SplitmileError):
    """A file that cannot be read, or holds a value from which nothing can be computed."""


def suggestion(name: str, known: Iterable[str], noun: str) -> str:
    """The remedy for a name that is not there: the likely one, or those there are."""
    names = list(known)
    close = get_close_matches(name, names, n=1) or [known_name for known_name in names if known_name.lower() == name.lower()]
    return f"did you mean {close[0]!r}?" if close else f"there is {listed(names, noun)}"


def listed(names: Iterable[str], noun: str) -> str:
    """Names in quotes, the first dozen of them: `'a', 'b' and 40 other columns`."""
    quoted = [repr(name) for name in names]
    if len(quoted) > _MANY:
        return f"{', '.join(quoted[:_MANY])} and {len(quoted) - _MANY} other {noun}s"
    return ", ".join(quoted) or f"no {noun}"
