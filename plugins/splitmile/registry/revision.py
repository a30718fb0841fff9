"""Which version of the registry a result was computed with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def git_revision(folder: Path) -> str:
    """The short hash of the commit a folder is at.

    Returns:
        The hash, with `+` after it where something in the folder is not committed. Outside git, before the first commit, or where
        there is no git: what `SPLITMILE_REVISION` says, as an image does that was built of a commit, or else `unknown`.
    """
    revision = _git(folder, "rev-parse", "--short", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", ".")
    if not revision or changes is None:
        return os.environ.get("SPLITMILE_REVISION") or UNKNOWN
    return f"{revision}+" if changes else revision


def _git(folder: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    # Inside a git hook these variables point at the repository of the commit, whatever folder is asked for.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 (no argument comes from outside)
            [program, "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
