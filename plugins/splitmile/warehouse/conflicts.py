"""Transactions that met another one are run again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from splitmile.errors import WarehouseConflict

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.2

_log = logging.getLogger(__name__)


def retried_on_conflict(work: Callable[P, T]) -> Callable[P, T]:
    """Run a function again when its transaction was rolled back in favour of another one.

    For functions whose only effect is one transaction. Each wait is about twice as long as the one before it.

    Raises:
        WarehouseConflict: It met another transaction `ATTEMPTS` times.
    """

    @wraps(work)
    def again(*arguments: P.args, **named: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return work(*arguments, **named)
            except WarehouseConflict as conflict:
                wait = _FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1)  # noqa: S311 (spreads the attempts, guards nothing)
                _log.info("%s is run again in %.1f s, attempt %d of %d: %s", work.__qualname__, wait, attempt + 1, ATTEMPTS, conflict)
                time.sleep(wait)
        return work(*arguments, **named)

    return again
