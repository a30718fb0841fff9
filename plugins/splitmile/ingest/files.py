"""From an object to a local file that a warehouse can read: unpacked, checked to be whole, and text brought into one form."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from splitmile.ingest.failures import ObjectUnreadable
from splitmile.object_store import ObjectStore, StoredObject
from splitmile.warehouse import IncomingFile
from splitmile.warehouse.loading import BLANK_LINE, UNREADABLE_CHARACTER, Layout

_LAYOUTS: dict[str, Layout] = {"parquet": "parquet", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl"}
_NAME = re.compile(rf"\.({'|'.join(_LAYOUTS)})(?:\.(gz|zst|bz2))?$", re.IGNORECASE)
_CHUNK = 4 << 20
_LONGEST_LINE = 8 << 20
_CONTROL_CHARACTERS = ("\0", "\x01", "\x02", "\x03", "\r")


def fetch_file(store: ObjectStore, stored: StoredObject, number: int, folder: Path) -> tuple[IncomingFile, bool]:
    """Copy an object to a folder, ready to be staged.

    Returns:
        The file, and whether its last line is ended as it should be (always so for Parquet).

    Raises:
        ObjectUnreadable: The name tells no layout, or the object is empty, cut off or damaged.
        ObjectChanged: The object was replaced or removed since it was listed.
    """
    url = store.url(stored.key)
    named = _NAME.search(stored.key)
    if named is None or (named[1].lower() == "parquet" and named[2]):
        raise ObjectUnreadable(
            f"{url}: the name tells no layout that can be read; expected .parquet, or .csv, .jsonl, .ndjson or .json, these four also with "
            ".gz, .zst or .bz2 after it. Rename the object; what is no data is left alone when its name begins with an underscore."
        )
    layout = _LAYOUTS[named[1].lower()]
    if stored.size_bytes == 0 and (layout != "jsonl" or named[2]):
        raise ObjectUnreadable(f"{url} has no bytes, which no whole {named[0][1:]} file has. Write it again, or remove it.")
    arrived = folder / "object"
    store.download(stored.key, arrived, stored.etag)
    if layout == "parquet":
        return IncomingFile(arrived, layout, stored.key, number), True
    text = folder / "text"
    try:
        with _OPENERS[(named[2] or "").lower()](arrived) as source, text.open("w", encoding="utf-8", newline="") as target:
            line_count, is_ended = _rewrite(source, target)
    except (OSError, EOFError, ValueError) as error:
        raise ObjectUnreadable(f"{url} cannot be read as text: {error}. It is damaged or half written; write it again.") from error
    header = _header(text) if layout == "csv" else ()
    return IncomingFile(text, layout, stored.key, number, header, line_count), is_ended


def _rewrite(source: IO[bytes], target: io.TextIOWrapper) -> tuple[int, bool]:
    """Copy text in the form that `IncomingFile` promises; returns its lines, and whether the last one was ended."""
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace")
    lines, rest, is_last = 0, "", False
    while not is_last:
        chunk = source.read(_CHUNK)
        is_last = not chunk
        text = rest + decode.decode(chunk, final=is_last)
        whole, line_end, rest = text.rpartition("\n")
        if len(rest) > _LONGEST_LINE:
            raise ValueError(f"line {lines + 1} is longer than {_LONGEST_LINE} characters")
        if is_last and rest:
            whole, line_end = text, "\n"
        if line_end:
            whole = _one_form(whole)
            lines += whole.count("\n") + 1
            target.write(whole + "\n")
    return lines, not rest


def _one_form(text: str) -> str:
    """Lines without their last line end: no carriage returns, no control characters, no empty line."""
    text = text.replace("\r\n", "\n").removesuffix("\r")
    for character in _CONTROL_CHARACTERS:
        text = text.replace(character, UNREADABLE_CHARACTER)
    if text.startswith("\n") or not text:
        text = BLANK_LINE + text
    if text.endswith("\n"):
        text += BLANK_LINE
    # Twice, since replacements do not overlap: of three line ends in a row the first pass parts only the first two.
    return text.replace("\n\n", f"\n{BLANK_LINE}\n").replace("\n\n", f"\n{BLANK_LINE}\n")


def _header(text: Path) -> tuple[str, ...]:
    with text.open(encoding="utf-8", newline="") as file:
        return tuple(name.strip() for name in next(csv.reader([file.readline().rstrip("\n")]), []))


def _open_gzip(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path))


def _open_bzip2(path: Path) -> IO[bytes]:
    return bz2.open(path)


def _open_zstandard(path: Path) -> IO[bytes]:
    import pyarrow as pa

    return cast(IO[bytes], pa.input_stream(str(path), compression="zstd"))


_OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {
    "": lambda path: path.open("rb"),
    "gz": _open_gzip,
    "bz2": _open_bzip2,
    "zst": _open_zstandard,
}
