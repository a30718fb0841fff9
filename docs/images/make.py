"""Make the pictures of the README from a folder of report pages.

Usage:
    python docs/images/make.py REPORT_DIR EXPERIMENT_ID [--out DIR]

Needs Chromium or Google Chrome, headless; `CHROMIUM` names the program where it is not found by itself. Writes `digest.png`,
`scorecard.png` and their dark counterparts, cut to what they show.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 60


def main() -> int:
    """Read the command line and make the pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of the README from a folder of report pages.")
    parser.add_argument("report_dir", type=Path, help="folder with digest.html and the scorecards, such as .local/reports")
    parser.add_argument("experiment_id", help="whose scorecard to show, such as dispatch_ranking")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where to write (default: beside this script)")
    arguments = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if chromium is None:
        print("No Chromium found: install the package chromium, or set CHROMIUM to the program.", file=sys.stderr)  # noqa: T201
        return 1
    pages = {
        "digest": (arguments.report_dir / "digest.html", 780, 1370),
        "scorecard": (arguments.report_dir / f"{arguments.experiment_id}.html", 1280, 1500),
    }
    for page, _, _ in pages.values():
        if not page.is_file():
            print(f"{page} is missing: run `make demo` first, or name another folder or experiment.", file=sys.stderr)  # noqa: T201
            return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, (page, width, height) in pages.items():
        for suffix, dark in (("", False), ("-dark", True)):
            picture = arguments.out / f"{name}{suffix}.png"
            screenshot(chromium, page, picture, width=width, height=height, dark=dark)
            print(picture)  # noqa: T201
    return 0


def screenshot(chromium: str, page: Path, picture: Path, *, width: int, height: int, dark: bool = False, scale: float = 1.5) -> None:
    """One page as PNG.

    Args:
        chromium: The program.
        page: An HTML file.
        picture: Where to write.
        width: Of the window, in CSS pixels; Chromium's own least is about 500.
        height: Of the window; what lies below is cut off.
        dark: With the dark colours.
        scale: Device pixels a CSS pixel.

    Raises:
        subprocess.CalledProcessError: Chromium failed.
        subprocess.TimeoutExpired: Chromium did not end.
    """
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603 (the program is found on PATH or named by the person who runs this)
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--no-first-run",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--force-device-scale-factor={scale}",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                f"--window-size={width},{height}",
                f"--screenshot={picture.resolve()}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )


if __name__ == "__main__":
    sys.exit(main())
