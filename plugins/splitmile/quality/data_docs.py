"""The Data Docs' index: the last business dates, what failed on each, and a link to Great Expectations' page of every batch.

Great Expectations' own index names suites but no failed check, and shows an empty table without the Internet; its pages are kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse

# Each date has a page per batch; ops.quality_results keeps every date.
DATES_SHOWN = 35


def drop_old_pages(warehouse: Warehouse, settings: Settings) -> None:
    """Delete the pages of all but the latest business dates that have results."""
    shown = {str(day) for day in _dates(warehouse)}
    for pages in (settings.data_docs_dir / "validations").glob("*/*"):
        if pages.name not in shown:
            shutil.rmtree(pages)


def write_index(warehouse: Warehouse, settings: Settings) -> Path:
    """Write `index.html`, which needs no script and no network, and return its path."""
    from jinja2 import Environment, PackageLoader

    first = min(_dates(warehouse), default=date.max)
    rows = warehouse.fetch(
        "select * from ops.quality_results where business_date >= ? order by business_date desc, gate, check_name", (first,)
    )
    pages = sorted((settings.data_docs_dir / "validations").glob("*/*/*/*.html"))
    environment = Environment(loader=PackageLoader("splitmile.quality"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    html = environment.get_template("index.html").render(runs=_runs(rows, settings.data_docs_dir, pages))
    path = settings.data_docs_dir / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


def _dates(warehouse: Warehouse) -> list[date]:
    rows = warehouse.fetch(f"select distinct business_date from ops.quality_results order by business_date desc limit {DATES_SHOWN}")
    return [row["business_date"] for row in rows]


def _runs(rows: Sequence[Row], root: Path, pages: Sequence[Path]) -> list[dict[str, Any]]:
    """One entry per business date and gate, in the order of the rows."""
    runs = []
    for (business_date, gate), group in groupby(rows, key=lambda row: (row["business_date"], row["gate"])):
        checks = list(group)
        failed = sorted((check for check in checks if not check["is_success"]), key=lambda check: (check["severity"], check["check_name"]))
        runs.append(
            {
                "business_date": business_date,
                "gate": gate,
                "held": len(checks) - len(failed),
                "failed": failed,
                "pages": [
                    (page.relative_to(root).parts[1].removeprefix(f"{gate}_").replace("_", " "), page.relative_to(root).as_posix())
                    for page in pages
                    if page.relative_to(root).parts[1].startswith(f"{gate}_") and page.relative_to(root).parts[2] == str(business_date)
                ],
                "checked_at": max(check["checked_at"] for check in checks),
            }
        )
    return runs
