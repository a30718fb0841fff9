"""Turn a courier company's own CSV into the two feeds: an example of the few lines that a table of one's own needs.

The columns are those of a public table of motorcycle deliveries: for each order its steps as day of the month and time of day, its
distance, its rider and its user. It names no month, so the dates made here are **made up**: day 9 becomes the 9th of `--month`. It has
no experiment either: the exposures made here are A/A, riders and users split by a hash of their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from splitmile.simulate.assignment import assign
from splitmile.simulate.demo_feed import DELIVERY_COLUMNS, EXPOSURE_COLUMNS, EXPOSURE_INSTANTS
from splitmile.simulate.feeds import compressed, json_lines, parquet, records

STEPS = {
    "ordered_at": "Placement",
    "assigned_at": "Confirmation",
    "picked_up_at": "Pickup",
    "delivered_at": "Arrival at Destination",
}
EXPERIMENTS = {"courier_csv_aa_riders": "courier", "courier_csv_aa_users": "customer"}
VARIANTS = ("a", "b")


class ColumnsMissing(ValueError):
    """The CSV is not laid out as expected; the message names the columns."""


def to_deliveries(orders: pd.DataFrame, month: str, timezone: str) -> tuple[pd.DataFrame, int]:
    """Orders as rows of the deliveries feed, and how many had to be left out for want of an id or of the instant of the order.

    A pick-up point is a store (its position to about 100 m) and a destination belongs to a zone (to about 1 km). What the table does not
    have stays empty: fees, promised times, cancellations.

    Raises:
        ColumnsMissing: The CSV lacks columns.
    """
    needed = [f"{step} - {part}" for step in STEPS.values() for part in ("Day of Month", "Time")]
    needed += ["Order No", "User Id", "Rider Id", "Distance (KM)", "Pickup Lat", "Pickup Long", "Destination Lat", "Destination Long"]
    missing = [column for column in needed if column not in orders.columns]
    if missing:
        raise ColumnsMissing(f"the CSV has no column {', '.join(map(repr, missing))}; expected {', '.join(map(repr, needed))}")

    placed = pd.to_numeric(orders["Placement - Day of Month"], errors="coerce")
    instants = {name: _instants(orders, step, placed, month, timezone) for name, step in STEPS.items()}
    rows = pd.DataFrame(
        {
            "delivery_id": orders["Order No"],
            "courier_id": orders["Rider Id"],
            "store_id": _place(orders["Pickup Lat"], orders["Pickup Long"], 3),
            "customer_id": orders["User Id"],
            "zone_id": _place(orders["Destination Lat"], orders["Destination Long"], 2),
            **instants,
            "promised_at": pd.Series(pd.NaT, index=orders.index, dtype="datetime64[us, UTC]"),
            "cancelled_at": pd.Series(pd.NaT, index=orders.index, dtype="datetime64[us, UTC]"),
            "status": np.where(instants["delivered_at"].notna(), "delivered", "in_progress").astype(object),
            "distance_m": (pd.to_numeric(orders["Distance (KM)"], errors="coerce") * 1000).round().astype("Int64"),
            "fee_krw": pd.array([None] * len(orders), dtype="Int64"),
        }
    )
    is_usable = rows[["delivery_id", "store_id", "ordered_at"]].notna().all(axis=1)
    usable = rows.loc[is_usable, list(DELIVERY_COLUMNS)].sort_values(["ordered_at", "delivery_id"])
    return usable.drop_duplicates("delivery_id", keep="last"), int((~is_usable).sum())


def to_exposures(deliveries: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """A/A exposures: each unit at its first order of each local day, always in the same variant."""
    local_date = deliveries["ordered_at"].dt.tz_convert(timezone).dt.date
    frames = []
    for experiment, unit_type in EXPERIMENTS.items():
        column = f"{unit_type}_id"
        seen = deliveries.assign(date=local_date).dropna(subset=[column]).drop_duplicates(["date", column])
        units = seen[column].to_numpy(object)
        frames.append(
            pd.DataFrame(
                {
                    "exposure_id": experiment + "-" + seen["date"].astype(str) + "-" + seen[column],
                    "experiment_id": experiment,
                    "variant": np.array(VARIANTS, dtype=object)[assign(experiment, units, (0.5, 0.5))],
                    "unit_type": unit_type,
                    "unit_id": units,
                    "exposed_at": seen["ordered_at"],
                    "attributes": None,
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(["exposed_at", "exposure_id"], ignore_index=True)


def main(
    source: Annotated[Path, typer.Argument(help="The CSV.", exists=True, dir_okay=False)],
    target: Annotated[Path, typer.Argument(help="Folder that becomes the feeds' prefix on S3.")],
    month: Annotated[str, typer.Option(help="The made-up month, with 31 days.")] = "2026-03",
    timezone: Annotated[str, typer.Option(help="Time zone of the CSV's times.")] = "Africa/Nairobi",
) -> None:
    """Write the feeds below TARGET, one folder a date, and say what was found."""
    orders = pd.read_csv(source, dtype={"Order No": "str", "User Id": "str", "Rider Id": "str"})
    deliveries, left_out = to_deliveries(orders, month, timezone)
    exposures = to_exposures(deliveries, timezone)
    for feed, rows, column in (("deliveries", deliveries, "ordered_at"), ("exposures", exposures, "exposed_at")):
        for day, of_day in rows.groupby(rows[column].dt.tz_convert(timezone).dt.date):
            folder = target / feed / f"date={day}"
            folder.mkdir(parents=True, exist_ok=True)
            if feed == "deliveries":
                (folder / "part-00000.parquet").write_bytes(parquet(of_day))
            else:
                lines = json_lines(records(of_day, EXPOSURE_COLUMNS, EXPOSURE_INSTANTS))
                (folder / "exposures.jsonl.gz").write_bytes(compressed(lines))

    days = deliveries["ordered_at"].dt.tz_convert(timezone).dt.date
    backwards = int((deliveries["assigned_at"] < deliveries["ordered_at"]).sum())
    typer.echo(
        f"{len(orders):,} rows read, {left_out:,} left out; {len(deliveries):,} deliveries of "
        f"{deliveries['courier_id'].nunique():,} couriers and {deliveries['customer_id'].nunique():,} customers, "
        f"{len(exposures):,} exposures, "
        f"business dates {days.min()} to {days.max()} (made up). "
        f"{backwards:,} were confirmed before they were placed; they are passed on as they are, for the quality gates to judge."
    )


def _instants(orders: pd.DataFrame, step: str, placed: pd.Series, month: str, timezone: str) -> pd.Series:
    """A step's instants; a day of the month before that of the order is in the next month."""
    day = pd.to_numeric(orders[f"{step} - Day of Month"], errors="coerce")
    clock = pd.to_datetime(orders[f"{step} - Time"], format="%I:%M:%S %p", errors="coerce")
    first = pd.Timestamp(f"{month}-01")
    start = pd.Series(first, index=orders.index).where(day >= placed, first + pd.offsets.MonthBegin(1))
    local = start + pd.to_timedelta(day - 1, unit="D") + (clock - clock.dt.normalize())
    return local.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")


def _place(latitude: pd.Series, longitude: pd.Series, digits: int) -> pd.Series:
    """A place's name, from its rounded position; none where the position is not known."""
    name = latitude.round(digits).astype(str) + "," + longitude.round(digits).astype(str)
    return name.where(latitude.notna() & longitude.notna())


if __name__ == "__main__":
    typer.run(main)
