"""Calibration: on rows that no treatment has touched, how often does every method err?"""

from __future__ import annotations

from splitmile.calibration.console import print_calibration
from splitmile.calibration.feeds import Feed, FeedTooSmall, city_feed, file_feed, flights_feed
from splitmile.calibration.measures import Finding, Measure, Measurement, band
from splitmile.calibration.run import DRAWS, SEED, Calibration, calibrate
from splitmile.calibration.tables import TextTable, summary, tables

__all__ = [
    "DRAWS",
    "SEED",
    "Calibration",
    "Feed",
    "FeedTooSmall",
    "Finding",
    "Measure",
    "Measurement",
    "TextTable",
    "band",
    "calibrate",
    "city_feed",
    "file_feed",
    "flights_feed",
    "print_calibration",
    "summary",
    "tables",
]
