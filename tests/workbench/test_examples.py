"""The examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

from splitmile import workbench


def test_examples_in_docstrings_hold() -> None:
    modules = [importlib.import_module(f"splitmile.workbench.{module.name}") for module in pkgutil.iter_modules(workbench.__path__)]
    results = [doctest.testmod(module) for module in modules]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 3
