"""Designs of switchback experiments as files: drawn once, kept, drawn again."""

from __future__ import annotations

import csv
import json
import secrets
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from splitmile.stats.switchback_design import SwitchbackDesign, SwitchbackDesignInvalid
from splitmile.workbench.refusals import FileInvalid, OptionInvalid

_MINUTES_A_DAY = 24 * 60
_SEEDS = 2**32


def new_seed() -> int:
    """A seed that nobody could have chosen to their liking."""
    return secrets.randbelow(_SEEDS)


def read_zones(text: str) -> tuple[str, ...]:
    """Zones from `a,b,c`, or from a file with one in each line.

    Raises:
        OptionInvalid: There is none, or one comes twice.
        FileInvalid: The file is no UTF-8 text.
    """
    path = Path(text)
    if path.is_file():
        try:
            words = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise FileInvalid(f"{path}: the text is not UTF-8; --zones takes a text file with one zone in each line") from error
    else:
        words = text.split(",")
    zones = tuple(word.strip() for word in words if word.strip())
    if not zones:
        raise OptionInvalid(f"--zones is {text!r}; expected names such as north,south or a file with one in each line")
    for zone in zones:
        if zones.count(zone) > 1:
            raise OptionInvalid(f"--zones names {zone!r} {zones.count(zone)} times; name each zone once")
    return zones


def windows_of(days: int | None, windows: int | None, window_minutes: int) -> int:
    """Windows in each zone, from a number of them or of days.

    Raises:
        OptionInvalid: Neither or both are given, or the windows do not fill the days.
    """
    if (days is None) == (windows is None):
        raise OptionInvalid("give --windows or --days, one of the two")
    if windows is not None:
        return windows
    minutes = (days or 0) * _MINUTES_A_DAY
    if window_minutes < 1 or minutes % window_minutes:
        raise OptionInvalid(f"--window is {window_minutes}; expected minutes that fill {days} days with whole windows, such as 60")
    return minutes // window_minutes


def block_of(mechanism: str, windows: int, window_minutes: int) -> int:
    """Windows of a block, where nobody says: one; of a balanced design those of a day, or all where days do not fill the windows."""
    if mechanism != "balanced":
        return 1
    a_day = _MINUTES_A_DAY // window_minutes
    return a_day if a_day and _MINUTES_A_DAY % window_minutes == 0 and windows % a_day == 0 else windows


def write_design(design: SwitchbackDesign, path: Path) -> None:
    """Keep a design as JSON, or as YAML where the name says so; a file that is there stays.

    Raises:
        OptionInvalid: The file is there, or cannot be written.
    """
    document = design.to_dict()
    try:
        with path.open("x", encoding="utf-8") as file:
            if path.suffix in (".yaml", ".yml"):
                YAML().dump(document, file)
            else:
                file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except FileExistsError as error:
        raise OptionInvalid(f"{path} is there; a schedule that may be in use is not overwritten, so name another file") from error
    except OSError as error:
        raise OptionInvalid(f"{path} cannot be written: {error.strerror}") from error


def read_design(path: Path) -> SwitchbackDesign:
    """The design that `write_design` has kept.

    Raises:
        FileInvalid: The file cannot be read, or holds no design.
    """
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))  # JSON is YAML as well
    except OSError as error:
        raise FileInvalid(f"{path}: the design cannot be read: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise FileInvalid(f"{path}: this is neither JSON nor YAML; name the file that `splitmile switchback design` wrote") from error
    if not isinstance(document, dict):
        raise FileInvalid(f"{path}: this is no design; name the file that `splitmile switchback design` wrote")
    try:
        return SwitchbackDesign.from_dict(document)
    except SwitchbackDesignInvalid as error:
        raise FileInvalid(f"{path}: {error}") from error


def write_schedule(design: SwitchbackDesign, path: Path) -> None:
    """One row a zone and window: zone, start, end (excluded) in UTC, treatment 0 or 1.

    Raises:
        OptionInvalid: The file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["zone", "start", "end", "treatment"])
            writer.writerows([row.zone, row.start.isoformat(), row.end.isoformat(), row.variant] for row in design.schedule())
    except OSError as error:
        raise OptionInvalid(f"{path} cannot be written: {error.strerror}") from error
