"""Which variant a unit gets: a hash of the experiment's salt and the unit, so that experiments are independent of each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def hashed_uniforms(salt: str, units: Iterable[str]) -> NDArray[np.float64]:
    """A number in [0, 1) for each unit; it depends on the salt and the unit's own name only.

    Example:
        >>> hashed_uniforms("a", ["C1", "C2"]).round(3).tolist() == hashed_uniforms("a", ["C1", "C2", "C3"])[:2].round(3).tolist()
        True
    """
    start = blake2b(f"{salt}:".encode(), digest_size=8)

    def fraction(unit: str) -> float:
        state = start.copy()
        state.update(unit.encode())
        return (int.from_bytes(state.digest(), "big") >> 11) / 2**53

    return np.fromiter((fraction(unit) for unit in units), np.float64)


def assign(salt: str, units: Iterable[str], shares: Sequence[float]) -> NDArray[np.int64]:
    """The index of the variant of each unit, by the planned shares.

    Raises:
        ValueError: The shares do not add up to 1.
    """
    if abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares {list(shares)} add up to {sum(shares):g}, expected 1")
    bounds = np.cumsum(shares)[:-1]
    return np.searchsorted(bounds, hashed_uniforms(salt, units), side="right").astype(np.int64)
