"""Results that changed after they had been published: kept when they happen, and told in the digest of their date."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from splitmile.registry.plan import Plan
from splitmile.results.catalogue import Catalogue
from splitmile.results.digests import Restatement
from splitmile.warehouse import Row, Warehouse

_KEPT_OBJECTS = 20
_KEPT_CHARACTERS = 4000
_NAMED_OBJECTS = 2


def restated_rows(warehouse: Warehouse, before: Row, stamp: Row, results: Sequence[Row]) -> list[Row]:
    """The rows of `results.restatements` for a computation that differs from an earlier one of the same as-of date.

    A metric and treatment has one row where a number of it that readers see has changed: the relative effect to a hundredth of a percent,
    or else the units behind it.

    Args:
        warehouse: Open session; nothing is written.
        before: `computation_id` and `computed_at` of the earlier computation.
        stamp: The same of the new one.
        results: Its rows of `results.experiment_results`.
    """
    earlier = {
        (row["metric"], row["treatment"]): row
        for row in warehouse.fetch(
            "select metric, treatment, relative_estimate, n_control + n_treatment as units from results.experiment_results "
            "where computation_id = ? and segment = 'all'",
            [before["computation_id"]],
        )
    }
    rows: list[Row] = []
    for result in results:
        known = earlier.get((result["metric"], result["treatment"]))
        if known is None or result["segment"] != "all":
            continue
        units = result["n_control"] + result["n_treatment"]
        changes = {
            "relative_estimate": (known["relative_estimate"], result["relative_estimate"]),
            "units": (float(known["units"]), float(units)),
        }
        what = next((name for name, (old, new) in changes.items() if _shown(old) != _shown(new)), None)
        if what is not None:
            same = {name: result[name] for name in ("experiment_id", "as_of_date", "metric", "treatment", "segment")}
            rows.append({**same, "what": what, "value_before": changes[what][0], "value_after": changes[what][1]})
    if not rows:
        return []
    restated = {"computation_id": stamp["computation_id"], "restated_at": stamp["computed_at"]}
    cause = _cause(warehouse, before, stamp, rows[0]["as_of_date"])
    return [{"restatement_id": uuid.uuid4().hex, **restated, **row, **cause} for row in rows]


def told_restatements(warehouse: Warehouse, plan: Plan, as_of: date, words: Catalogue) -> list[Restatement]:
    """What the latest result for a date restated of the primary metrics' effects, with the cause in words."""
    rows = warehouse.fetch(
        "select * from results.restatements where segment = 'all' and what = 'relative_estimate' and computation_id in ("
        "select computation_id from results.latest_experiment_results where experiment_id = ? and as_of_date = ?)",
        [plan.experiment_id, as_of],
    )
    by_effect = {(row["metric"], row["treatment"]): row for row in rows}
    primary = [planned.metric.name for planned in plan.metrics if planned.role == "primary"]
    told = [by_effect[key] for key in ((metric, treatment.name) for metric in primary for treatment in plan.treatments) if key in by_effect]
    return [
        Restatement(
            plan.experiment_id, row["metric"], row["treatment"], as_of, row["value_before"], row["value_after"], _cause_in_words(row, words)
        )
        for row in told
    ]


def _shown(value: float | None) -> float | None:
    """To the hundredth of a percent that readers see; the results keep smaller changes."""
    return None if value is None else round(value, 4)


def _cause(warehouse: Warehouse, before: Row, after: Row, as_of: date) -> Row:
    """The loads between two computations that changed a date up to theirs, and the objects that these brought or took away."""
    between = [before["computed_at"], after["computed_at"]]
    changed = warehouse.fetch(
        "select feed, business_date, load_id from ops.changed_dates where changed_at > ? and changed_at <= ? and business_date <= ?",
        [*between, as_of],
    )
    loads = {row["load_id"] for row in changed}
    objects = [
        row["object_key"]
        for row in warehouse.fetch(
            "select load_id, object_key from ops.partition_changes where changed_at > ? and changed_at <= ? "
            "order by partition_date, feed, object_key",
            between,
        )
        if row["load_id"] in loads
    ]
    distinct = list(dict.fromkeys(objects))
    dates = [row["business_date"] for row in changed]
    return {
        "cause": "late_data" if changed else "plan",
        "changed_from": min(dates, default=None),
        "changed_to": max(dates, default=None),
        "feeds": ", ".join(sorted({row["feed"] for row in changed})) or None,
        "objects": "\n".join(_fitting(distinct)) or None,
        "object_count": len(distinct),
    }


def _fitting(keys: Sequence[str]) -> list[str]:
    """The first keys, as many as the column holds; it counts bytes on Redshift."""
    kept: list[str] = []
    for key in keys[:_KEPT_OBJECTS]:
        if len("\n".join([*kept, key]).encode()) > _KEPT_CHARACTERS:
            break
        kept.append(key)
    return kept


def _cause_in_words(row: Row, words: Catalogue) -> str:
    if row["cause"] == "plan":
        return words("restated.cause.plan")
    first, last = row["changed_from"], row["changed_to"]
    feeds = row["feeds"].split(", ")
    told = {
        "feeds": words(f"restated.cause.{feeds[0]}" if len(feeds) == 1 else "restated.cause.both"),
        "dates": str(first) if first == last else words("restated.cause.dates", first=first, last=last),
    }
    if not row["objects"]:
        return words("restated.cause.late", **told)
    named = [_below_prefix(key) for key in row["objects"].split("\n")[:_NAMED_OBJECTS]]
    objects, others = ", ".join(named), int(row["object_count"]) - len(named)
    if others:
        objects = words("restated.cause.more", objects=objects, count=others)
    return words("restated.cause.late_objects", **told, objects=objects)


def _below_prefix(key: str) -> str:
    """A key from the folder of its feed on."""
    feed, date_folder, rest = key.rpartition("/date=")
    return f"{feed.rpartition('/')[2]}{date_folder}{rest}"
