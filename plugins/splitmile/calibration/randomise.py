"""Splits of the units, and the moments of both arms under many splits at once.

One split is a row of a matrix; the sums of an arm under all of them are one matrix product, so a method is called once for a
whole block of draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitmile.calibration.feeds import Floats, Integers
from splitmile.stats import CovariateMoments, Moments

Bools = NDArray[np.bool_]

BLOCK = 250
"""Draws that are held at once: enough to fill matrix products, few enough to fit the memory."""


def blocks(draws: int) -> Iterator[int]:
    """Sizes of the blocks that make up so many draws."""
    for start in range(0, draws, BLOCK):
        yield min(BLOCK, draws - start)


def splits(units: int, draws: int, *, seed: int, stream: int) -> Iterator[Bools]:
    """Random splits, block by block: which units are treated, shape (draws of the block, units).

    Every unit is assigned by itself with chance ½, as a hash of its name does it, so the arms differ in size.

    Args:
        units: Number of units.
        draws: Splits altogether.
        seed: Seed of the calibration.
        stream: Number of the family of methods; families of one stream see the same splits.
    """
    rng = np.random.default_rng([seed, stream])
    for size in blocks(draws):
        yield rng.random((size, units)) < 0.5


@dataclass(frozen=True, slots=True)
class CentredSums:
    """Moments of p values under k splits.

    Attributes:
        n: Units, shape (k,).
        mean: Shape (k, p); 0 where there is no unit.
        second: Sums of products of deviations, shape (k, p, p).
    """

    n: Integers
    mean: Floats
    second: Floats

    def mean_of(self, value: int) -> Moments:
        """Moments of one value with denominator 1."""
        one, none = np.where(self.n > 0, 1.0, 0.0), np.zeros(self.n.size)
        return Moments(self.n, self.mean[:, value], one, self._spread(value), none, none)

    def ratio_of(self, numerator: int, denominator: int) -> Moments:
        """Moments of one value over another."""
        return Moments(
            self.n,
            self.mean[:, numerator],
            self.mean[:, denominator],
            self._spread(numerator),
            self._spread(denominator),
            self.second[:, numerator, denominator],
        )

    def scaled(self, value: int, factor: float) -> CentredSums:
        """The same units with one of the values multiplied."""
        mean, second = self.mean.copy(), self.second.copy()
        mean[:, value] *= factor
        second[:, value, :] *= factor
        second[:, :, value] *= factor
        return CentredSums(self.n, mean, second)

    def covariate_of(self, numerator: int, denominator: int | None, before: int, before_denominator: int) -> CovariateMoments:
        """Moments of a metric, a mean where `denominator` is None, together with its covariate."""
        metric = self.mean_of(numerator) if denominator is None else self.ratio_of(numerator, denominator)
        none = np.zeros(self.n.size)
        below = (
            (none, none) if denominator is None else (self.second[:, denominator, before], self.second[:, denominator, before_denominator])
        )
        above = (self.second[:, numerator, before], self.second[:, numerator, before_denominator])
        return CovariateMoments(metric, self.ratio_of(before, before_denominator), *above, *below)

    def _spread(self, value: int) -> Floats:
        return self.second[:, value, value]


class UnitSums:
    """Sums over units of p values and of their products, prepared for any number of splits.

    Values are centred at whole numbers, so that the sums of whole numbers stay exact and do not depend on their order.
    """

    def __init__(self, values: Floats, present: Bools | None = None) -> None:
        """Prepare the sums.

        Args:
            values: Shape (units, p), or (units, cells, p) where they differ by cell.
            present: Which units count in which cell (a look, a stratum), shape (units, cells); None is one cell with all of them.
        """
        units, width = values.shape[0], values.shape[-1]
        here = np.ones((units, 1)) if present is None else present.astype(np.float64)
        self._width, self._cells = width, here.shape[1]
        self._centre = np.rint(values.reshape(-1, width).mean(axis=0))
        centred = (values if values.ndim == 3 else values[:, None, :]) - self._centre
        self._pairs = np.triu_indices(width)
        products = centred[..., self._pairs[0]] * centred[..., self._pairs[1]]
        columns = np.concatenate([np.ones((*centred.shape[:2], 1)), centred, products], axis=2) * here[:, :, None]
        self._columns = columns.reshape(units, -1)

    def of(self, chosen: Bools) -> CentredSums:
        """Moments of the chosen units under each split; rows are draws, and within a draw its cells.

        Args:
            chosen: Shape (draws, units).
        """
        sums = (chosen.astype(np.float64) @ self._columns).reshape(chosen.shape[0] * self._cells, -1)
        count, first, products = sums[:, 0], sums[:, 1 : 1 + self._width], sums[:, 1 + self._width :]
        shift = first / np.maximum(count, 1)[:, None]
        above, below = self._pairs
        deviations = products - first[:, above] * shift[:, below]
        second = np.empty((count.size, self._width, self._width))
        second[:, above, below] = second[:, below, above] = np.where(count[:, None] > 1, deviations, 0.0)
        # What is left of a spread of zero is rounding, of either sign.
        spread = np.sqrt(np.maximum(np.diagonal(second, axis1=1, axis2=2), 0.0))
        bound = spread[:, :, None] * spread[:, None, :]
        second = np.clip(second, -bound, bound)
        mean = np.where(count[:, None] > 0, self._centre + shift, 0.0)
        return CentredSums(count.astype(np.int64), mean, second)
