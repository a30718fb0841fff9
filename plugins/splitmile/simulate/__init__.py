"""Feeds for the demo and for calibration: a delivery city with planted truths, and real flights with A/A experiments."""

from __future__ import annotations

from splitmile.simulate.city import City
from splitmile.simulate.demo_feed import DayFrames, DemoFeed, PlantedTruth, TruthKind
from splitmile.simulate.flights import Flights
from splitmile.simulate.truths import planted_truths

__all__ = ["City", "DayFrames", "DemoFeed", "Flights", "PlantedTruth", "TruthKind", "planted_truths"]
