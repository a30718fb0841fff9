from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from splitmile.calibration import Feed, FeedTooSmall, file_feed, flights_feed
from splitmile.workbench.refusals import FileInvalid, OptionInvalid


def rows(units: int = 30, days: int = 8) -> pd.DataFrame:
    """Every unit once a day; the value says who and when."""
    table = pd.MultiIndex.from_product([range(days), range(units)], names=["day", "rider"]).to_frame(index=False)
    table["seconds"] = 1000 * table["day"] + table["rider"]
    table["age"] = table["rider"] % 7
    return table


def test_the_city_has_covariates_from_the_days_before(small_feed: Feed) -> None:
    assert small_feed.looks == 60
    assert small_feed.units == 240
    assert small_feed.covariates is not None
    assert small_feed.stratum is not None
    pace = small_feed.numerator / small_feed.denominator
    known = small_feed.covariates.denominator > 0
    before = small_feed.covariates.numerator[known] / small_feed.covariates.denominator[known]
    assert np.corrcoef(pace[known], before)[0, 1] > 0.4
    assert np.bincount(small_feed.stratum)[:5].min() > 40


def test_flights_are_read_with_their_delays() -> None:
    feed = flights_feed()
    assert (feed.looks, feed.value.min() < 0, feed.units > 3000) == (60, True, True)


def test_a_file_with_days_takes_its_first_quarter_for_the_time_before(tmp_path: Path) -> None:
    table = rows()
    table["date"] = "2026-03-0" + (table["day"] + 1).astype(str)
    table.to_csv(tmp_path / "own.csv", index=False)
    feed = file_feed(tmp_path / "own.csv", unit="rider", value="seconds", day="date")
    assert (feed.name, feed.units, feed.looks) == ("own.csv", 30, 6)
    assert feed.denominator.tolist() == [6.0] * 30
    assert feed.covariates is not None
    assert sorted(feed.covariates.numerator) == [1000.0 + 2 * rider for rider in range(30)], "days 1 and 2"
    assert sorted(feed.numerator) == [27000.0 + 6 * rider for rider in range(30)], "days 3 to 8"


def test_days_written_as_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    rows(days=12).to_parquet(tmp_path / "own.parquet")
    feed = file_feed(tmp_path / "own.parquet", unit="rider", value="seconds", day="day")
    assert feed.looks == 9
    assert sorted(set(feed.value[feed.day == 0] // 1000)) == [3]


def test_a_file_without_days_lets_units_arrive_evenly(tmp_path: Path) -> None:
    rows(units=120, days=2).to_csv(tmp_path / "own.csv", index=False)
    feed = file_feed(tmp_path / "own.csv", unit="rider", value="seconds")
    arrival = np.full(feed.units, feed.looks)
    np.minimum.at(arrival, feed.unit, feed.day)
    assert np.bincount(arrival).tolist() == [2] * 60
    assert (feed.covariates, feed.stratum, feed.places) == (None, None, None)


def test_a_covariate_is_the_mean_of_the_units_rows_that_have_one(tmp_path: Path) -> None:
    table = rows()
    table["age"] = table["age"].astype(float).mask((table["rider"] == 3) | ((table["rider"] == 4) & (table["day"] > 0)))
    table.loc[0, "seconds"] = None  # rows without a value or a unit are left out
    table.to_csv(tmp_path / "own.csv", index=False)
    feed = file_feed(tmp_path / "own.csv", unit="rider", value="seconds", covariate="age")
    assert feed.covariates is not None
    assert feed.unit.size == 239
    assert feed.covariates.denominator.sum() == 29
    assert sorted(feed.covariates.numerator) == sorted([rider % 7 if rider != 3 else 0 for rider in range(30)])


def test_a_feed_that_cannot_be_split_is_refused(tmp_path: Path) -> None:
    rows(units=19).to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(FeedTooSmall, match=r"few\.csv: 19 units and values from 0 to 7018; calibration needs at least 20 units"):
        file_feed(tmp_path / "few.csv", unit="rider", value="seconds")
    rows().assign(seconds=5).to_csv(tmp_path / "same.csv", index=False)
    with pytest.raises(FeedTooSmall, match="values from 5 to 5"):
        file_feed(tmp_path / "same.csv", unit="rider", value="seconds")
    with pytest.raises(OptionInvalid, match="no column 'second'"):
        file_feed(tmp_path / "same.csv", unit="rider", value="second")
    with pytest.raises(FileInvalid):
        file_feed(tmp_path / "gone.csv", unit="rider", value="seconds")
