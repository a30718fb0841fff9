"""A file of the experiments folder as YAML: plain values, the line each one stands on, and what is wrong with the YAML itself.

The file is composed into nodes and the values are taken from those, because nodes know their lines, a key that is
written twice is still seen twice, and no tag can make an object. Dates stay text: the spec says what a date looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Location = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_NUMBERS_AND_FLAGS = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}
_TEXTS = {f"{_TAG}{name}" for name in ("str", "timestamp")}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a line, counted from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says.

    Attributes:
        values: The top-level mapping as plain Python; empty where the file is no mapping.
        lines: Line of every value by its location: the line of its key, or of the item in a list.
        faults: What is wrong with the YAML; the values are then not to be trusted.
    """

    values: dict[str, Any]
    lines: dict[Location, int]
    faults: tuple[Fault, ...]

    def line_of(self, location: Location) -> int:
        """The line of a value, or of the nearest thing around it where it is missing."""
        while location not in self.lines:
            if not location:
                return 1
            location = location[:-1]
        return self.lines[location]


def read_document(raw: bytes) -> Document:
    """Read a file's bytes; whatever is wrong comes back as faults and nothing is raised."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _broken(line, f"byte {raw[error.start]:#04x} is no UTF-8 text; save the file as UTF-8")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        if node is None:
            return _broken(1, "the file is empty; write into it what it is for (docs/experiments.md has examples to copy) or delete it")
        if not isinstance(node, MappingNode):
            return _broken(
                _line(node), "the file is no mapping; expected `key: value` lines such as `id: dispatch_ranking` (docs/experiments.md)"
            )
        return _Reader().read(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # A tab is the one mistake whose message from the parser leaves people guessing.
        remedy = (
            "YAML is indented by spaces, never by tabs" if "\\t" in str(error.problem) else "put the YAML right at or just above this line"
        )
        return _broken(mark.line + 1 if mark else 1, f"broken YAML: {error.problem or error.context}; {remedy}")
    except YAMLError as error:
        return _broken(1, f"broken YAML: {' '.join(str(error).split())}; take the character out")
    except RecursionError:
        return _broken(1, "the YAML is nested too deeply to be an experiment; docs/experiments.md shows the format")


class _Reader:
    """Turns one tree of nodes into values."""

    def __init__(self) -> None:
        self._lines: dict[Location, int] = {}
        self._faults: list[Fault] = []
        self._seen: set[int] = set()
        self._constructor = YAML(typ="safe", pure=True).constructor

    def read(self, root: MappingNode) -> Document:
        self._lines[()] = _line(root)
        values = self._value(root, ())
        return Document(values, self._lines, tuple(self._faults))

    def _value(self, node: Node, location: Location) -> Any:
        # An alias gives the very node it stands for a second time; following it could go round in a circle.
        if id(node) in self._seen:
            self._faults.append(Fault(self._lines[location], f"{name_of(location)} is an alias (`*…`); write the value out"))
            return None
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, location)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _item(self, node: Node, location: Location) -> Any:
        self._lines[location] = _line(node)
        return self._value(node, location)

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            if not isinstance(key_node, ScalarNode):
                self._faults.append(Fault(line, "a key is a list or a mapping; expected a plain name"))
                continue
            # A key is the text as written: `on`, `1` and `true` are names of variants like any other.
            key = str(key_node.value)
            if key in values:
                first = self._lines[(*location, key)]
                self._faults.append(
                    Fault(line, f"{name_of((*location, key))} is written twice, first in line {first}; keep one of the two")
                )
                continue
            self._lines[(*location, key)] = line
            values[key] = self._value(value_node, (*location, key))
        return values

    def _scalar(self, node: Node, location: Location) -> Any:
        tag = str(node.tag)
        if tag in _TEXTS:
            return str(node.value)
        if tag in _NUMBERS_AND_FLAGS:
            try:
                return self._constructor.construct_object(node)
            except ValueError:
                self._faults.append(
                    Fault(_line(node), f"{name_of(location)} is {str(node.value)[:40]!r}, which is no number that can be read; correct it")
                )
                return None
        self._faults.append(
            Fault(_line(node), f"{name_of(location)} has the tag {tag!r}; experiment files have no tags, write the plain value")
        )
        return None


def name_of(location: Location) -> str:
    """A location as a person writes it: `metrics.primary[0].metric`."""
    return "`" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") + "`"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _broken(line: int, message: str) -> Document:
    return Document({}, {}, (Fault(line, message),))
