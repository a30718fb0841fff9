"""Switches for tests of broken loads; each is used up by the first statement that it meets."""

from __future__ import annotations

import threading


class Faults:
    """What shall go wrong next. Any thread may set a fault, and only one connection meets it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: set[str] = set()

    def drop_connection_in_next_copy(self) -> None:
        """The next COPY sends part of its rows, then its client's connection breaks."""
        self._arm("copy")

    def fail_next_commit(self) -> None:
        """The next COMMIT is refused as a serialisation failure, and its transaction is rolled back."""
        self._arm("commit")

    def commit_is_armed(self) -> bool:
        """Whether a COMMIT shall fail, without using that up."""
        with self._lock:
            return "commit" in self._armed

    def take_copy(self) -> bool:
        """Whether this COPY is the one whose connection breaks."""
        return self._take("copy")

    def take_commit(self) -> bool:
        """Whether this COMMIT is the one that fails."""
        return self._take("commit")

    def _arm(self, fault: str) -> None:
        with self._lock:
            self._armed.add(fault)

    def _take(self, fault: str) -> bool:
        with self._lock:
            armed = fault in self._armed
            self._armed.discard(fault)
            return armed
