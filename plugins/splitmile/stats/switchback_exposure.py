"""Exposure under carry-over: windows whose last assignments are all alike, and how likely each design makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitmile.errors import StatisticsError
from splitmile.stats.inputs import BoolArray, FloatArray, IntArray
from splitmile.stats.switchback_design import ArmArray, SwitchbackDesign


class OrderInvalid(StatisticsError):
    """A carry-over order that the schedule has no room for."""


def require_order(design: SwitchbackDesign, order: int) -> None:
    """Refuse what is no number of windows to look back.

    Raises:
        OrderInvalid: Not a whole number from 0 to windows − 1.
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 0 <= order < design.windows:
        raise OrderInvalid(f"carry-over order is {order!r}, expected a whole number from 0 to {design.windows - 1}")


def exposed(arms: ArmArray, order: int) -> tuple[ArmArray, ArmArray]:
    """Whether the window itself and the `order` before it are all control, and all treatment.

    Args:
        arms: (…, windows), 0 control and 1 treatment.
        order: m ≥ 0.

    Returns:
        Two arrays (…, windows − m) of 0 and 1, from window m on.
    """
    windows = arms.shape[-1]
    treated = arms[..., order:]
    control = 1 - treated
    for back in range(1, order + 1):
        earlier = arms[..., order - back : windows - back]
        treated, control = treated & earlier, control & (1 - earlier)
    return control, treated


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a design says of the exposures of order m, for the windows from m on; the same in every zone.

    Windows that are always exposed together (same block, same draws) form a group and count as one observation, the sum of
    theirs. Arm 0 is control, arm 1 treatment.

    Attributes:
        order: m.
        probability: (2, windows − m) of being exposed to each arm.
        group: (windows − m,) index of the window's group, from 0 up.
        correlation: For each lag h from 0 up, (2, 2, groups − h): the absolute covariance of the indicators of group g in
            the first arm and of group g + h in the second, each divided by its probability; 0 where an indicator can
            never be 1.
    """

    order: int
    probability: FloatArray
    group: IntArray
    correlation: tuple[FloatArray, ...]

    def variance_bound(self, parts: Sequence[FloatArray], is_usable: BoolArray) -> float:
        """Upper bound, right on average, of the variance of Σ of both arms' contributions.

        Args:
            parts: For each arm (zones, windows − m): what each window adds to the estimate, divided by the root of its
                exposure probability; 0 where it is not exposed.
            is_usable: (zones, windows − m) whether a window can add anything.

        Source:
            Bojinov, Simchi-Levi & Zhao (2023), corollary 1.
        """
        groups = int(self.group[-1]) + 1
        firsts = np.flatnonzero(np.diff(self.group, prepend=-1))
        is_bearing = np.logical_or.reduceat(is_usable, firsts, axis=1).astype(np.float64)
        bound = 0.0
        for arm in (0, 1):
            load = np.zeros_like(is_bearing)
            for lag, both in enumerate(self.correlation):
                load[:, : groups - lag] += is_bearing[:, lag:] * both[arm].sum(axis=0)
                if lag > 0:
                    load[:, lag:] += is_bearing[:, : groups - lag] * both[:, arm].sum(axis=0)
            bound += float(np.sum(np.add.reduceat(parts[arm], firsts, axis=1) ** 2 * load))
        return bound


def exposure(design: SwitchbackDesign, order: int) -> Exposure:
    """Exposure probabilities of a design, exact: powers of the share, or hypergeometric within balanced blocks.

    Source:
        Bojinov, Simchi-Levi & Zhao (2023), Management Science 69, 3759-3777 (arXiv 2009.00148), section 2 and the proof of
        theorem 3, here for any block length and share.
    """
    if design.mechanism == "balanced":
        return _balanced(design, order)
    block = design.blocks()
    first, last = block[: design.windows - order], block[order:]
    is_new = np.concatenate(([True], (np.diff(first) != 0) | (np.diff(last) != 0)))
    group, low, high = np.cumsum(is_new) - 1, first[is_new], last[is_new]
    share = np.array([1 - design.treatment_share, design.treatment_share])[:, None]
    correlation = []
    for lag in range(low.size):
        shared = high[: low.size - lag] - low[lag:] + 1  # draws that both groups hang on
        if not np.any(shared > 0):
            break
        both = np.where(shared > 0, share ** -np.maximum(shared, 0.0) - 1, 0.0)
        apart = np.where(shared > 0, 1.0, 0.0)
        correlation.append(np.stack([np.stack([both[0], apart]), np.stack([apart, both[1]])]))
    return Exposure(order, share ** (last - first + 1.0), group, tuple(correlation))


def chance_given_later(arms: ArmArray, design: SwitchbackDesign) -> FloatArray:
    """(zones, windows) chance that each window is treated, given all later windows of its zone: 0 or 1 where they settle it."""
    if design.mechanism == "balanced":
        blocks = arms.reshape(arms.shape[0], -1, design.windows_per_block)
        later = np.cumsum(blocks[..., ::-1], axis=-1)[..., ::-1] - blocks
        left = np.arange(design.windows_per_block) + 1
        return ((design.treated_per_block - later) / left).reshape(arms.shape)
    chance = np.full(arms.shape, design.treatment_share)
    is_settled = np.flatnonzero(np.diff(design.blocks()) == 0)
    chance[:, is_settled] = arms[:, is_settled + 1]
    return chance


def _balanced(design: SwitchbackDesign, order: int) -> Exposure:
    """Windows one by one: no two hang on quite the same places of a block."""
    size, window = design.windows_per_block, np.arange(order, design.windows)
    chance = _chance(size, design.treated_per_block, 2 * (order + 1))
    near = (window - order)[:, None] // size + np.arange((2 * order + size) // size + 2)
    own = _held(window - order, window, near, size)
    probability = np.stack([np.prod(chance[own, 0], axis=1), np.prod(chance[0, own], axis=1)])
    correlation = []
    for lag in range(min(order + size, window.size)):
        end, block = window[: window.size - lag], near[: window.size - lag]
        product = probability[:, None, : end.size] * probability[:, lag:]
        former, latter = _held(end - order, end, block, size), _held(end + lag - order, end + lag, block, size)
        shared = _held(end + lag - order, end, block, size)
        both, is_apart = former + latter - shared, lag > order
        joint = np.array(
            [
                [np.prod(chance[both, 0], axis=1), np.prod(chance[former, latter], axis=1) * is_apart],
                [np.prod(chance[latter, former], axis=1) * is_apart, np.prod(chance[0, both], axis=1)],
            ]
        )
        correlation.append(np.abs(np.divide(joint, product, out=np.ones_like(joint), where=product > 0) - 1))
    return Exposure(order, probability, np.arange(window.size), tuple(correlation))


def _held(start: IntArray, end: IntArray, block: IntArray, size: int) -> IntArray:
    """(n, blocks) windows from `start` to `end` in each of some blocks of `size`."""
    inside = np.minimum(end[:, None], (block + 1) * size - 1) - np.maximum(start[:, None], block * size) + 1
    return np.asarray(np.maximum(inside, 0), dtype=np.int64)


def _chance(size: int, treated: int, most: int) -> FloatArray:
    """Table [c, t]: the chance that c given windows of a block are control and t others treatment; c and t up to `most`."""
    table = np.zeros((most + 1, most + 1))
    table[0, 0] = 1.0
    for given in range(1, most + 1):
        fewer = table[0, given - 1]
        table[0, given] = fewer * max(treated - given + 1, 0) / max(size - given + 1, 1)
    for given in range(1, most + 1):
        left = size - np.arange(most + 1) - given + 1  # windows not spoken for yet
        table[given] = table[given - 1] * max(size - treated - given + 1, 0) / np.maximum(left, 1)
    return table
