"""`make scaling`: measure small days, keep the figures, and write them into docs/scaling.md."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.tables import fill

MEASURED = Path(__file__).with_name("measured.json")
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"


def main() -> None:
    """Measure unless told otherwise, and fill the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--fill-only", action="store_true", help="write the kept figures into the document and measure nothing")
    if not parser.parse_args().fill_only:
        # The settings of this installation have no part in it.
        for name in [name for name in os.environ if name.startswith("SPLITMILE_")]:
            del os.environ[name]
        MEASURED.write_text(json.dumps(measure(), indent=1) + "\n")
    DOCUMENT.write_text(fill(DOCUMENT.read_text(), json.loads(MEASURED.read_text())))


if __name__ == "__main__":
    main()
