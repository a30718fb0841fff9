"""Splitmile: split tests for the last mile."""

__version__ = "0.1.0"
