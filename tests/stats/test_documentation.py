from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

from splitmile import stats

MODULES = ["splitmile.stats", *(f"splitmile.stats.{module.name}" for module in pkgutil.iter_modules(stats.__path__))]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_hold() -> None:
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES) >= 10


@pytest.mark.parametrize("name", [name for name in stats.__all__ if inspect.isfunction(getattr(stats, name))])
def test_every_function_names_its_source_and_its_errors(name: str) -> None:
    words = inspect.getdoc(getattr(stats, name)) or ""
    assert "Source:" in words
    assert "Raises:" in words or name == "estimate"
