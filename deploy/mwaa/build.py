"""Makes what Amazon MWAA reads from its bucket: `plugins.zip`, the folder `dags/`, `requirements.txt` and the startup script.

    python deploy/mwaa/build.py .local/mwaa

The same sources give the same bytes, so a new version of an object in the bucket means that something changed.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = Path(__file__).resolve().parent

# MWAA copies this folder alone to every machine, at once when a file changes; so what analysts change goes with the DAGs.
BESIDE_THE_DAGS = ("dbt_project", "experiments", "splitmile.toml")
_MADE_BY_TOOLS = {"__pycache__", "target", "logs", "dbt_packages", ".user.yml"}


def build(target: Path) -> None:
    """Write everything into a folder, in place of what is there."""
    if target.exists():
        shutil.rmtree(target)
    dags = target / "dags"
    dags.mkdir(parents=True)
    for source in _files(ROOT / "dags"):
        _copy(source, dags / source.relative_to(ROOT / "dags"))
    for name in BESIDE_THE_DAGS:
        for source in _files(ROOT / name):
            _copy(source, dags / source.relative_to(ROOT))
    for name in ("constraints.txt", "requirements.txt", "startup.sh"):
        _copy(OWN / name, (dags if name == "constraints.txt" else target) / name)
    with zipfile.ZipFile(target / "plugins.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for source in _files(ROOT / "plugins"):
            # The first day that a ZIP can tell, and one mode for all: neither says anything about the contents.
            entry = zipfile.ZipInfo(source.relative_to(ROOT / "plugins").as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source.read_bytes(), zipfile.ZIP_DEFLATED)


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for path in sorted(place.rglob("*")):
        parts = path.relative_to(place).parts
        if path.is_file() and not _MADE_BY_TOOLS.intersection(parts) and not any(part.endswith(".egg-info") for part in parts):
            yield path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python deploy/mwaa/build.py FOLDER")
    build(Path(sys.argv[1]))
    print(f"{sys.argv[1]} has what goes to the bucket; docs/deploy.md says how.")  # noqa: T201 (a script's answer)
