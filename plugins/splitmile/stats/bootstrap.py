"""The wild cluster bootstrap, a cross-check of CR2 where clusters are few."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.clusters import regression_rows, spread_left
from splitmile.stats.inputs import FloatArray, counts
from splitmile.stats.least_squares import orthonormal_basis, residual_of_column

# Six values instead of two: with few clusters the signs alone have too few patterns to tell small p-values apart.
_WEBB = np.sqrt([0.5, 1.0, 1.5])
_FEW_CLUSTERS = 10
# Draws whose statistic equals the observed one, as the signs' mirror image does, must not be lost to rounding.
_TIE = 1 - 1e-9


def wild_cluster_bootstrap(
    design: ArrayLike,
    outcome: ArrayLike,
    cluster: ArrayLike,
    *,
    coefficient: int,
    draws: int,
    seed: int,
    weights: Literal["rademacher", "webb"] | None = None,
) -> float:
    """Two-sided p-value of "this coefficient is zero" by the restricted wild cluster bootstrap.

    The model is fitted without the coefficient; the residuals of each cluster are multiplied by one random weight; and the
    share of draws whose |t| reaches the observed one is the p-value. All 2^G patterns of signs are counted once where they
    are no more than `draws`; the result is then exact and needs no seed.

    Args:
        design: (n, p), as for `cr2`.
        outcome: (n,).
        cluster: (n,).
        coefficient: Index of the column.
        draws: Number of draws, ≥ 1; 9,999 gives two sure digits.
        seed: Of the draws.
        weights: Signs (`rademacher`) or Webb's six values; by default Webb's below 10 clusters, as a handful of clusters has
            too few patterns of signs.

    Returns:
        NaN where the coefficient is not identified, there are fewer than two clusters, or no residual is left.

    Raises:
        RowsMismatch: As for `cr2`.
        RegressionInvalid: As for `cr2`.
        CountsInvalid: `draws` is no number of draws.

    Source:
        Cameron, A. C., Gelbach, J. B. & Miller, D. L. (2008), Bootstrap-based improvements for inference with clustered
        errors, Review of Economics and Statistics 90, 414-427; Webb, M. D. (2023), Reworking wild bootstrap-based
        inference for clustered errors, Canadian Journal of Economics 56, 839-858, for the six values.
    """
    columns, values, member = regression_rows(design, outcome, cluster, coefficient)
    wanted = int(counts("draws", draws, least=1))
    clusters = int(member.max()) + 1
    others = orthonormal_basis(np.delete(columns, coefficient, axis=1))
    own = residual_of_column(others, columns[:, coefficient])
    if own is None or clusters < 2:
        return math.nan
    restricted = spread_left(others, values)
    if not np.any(spread_left(np.column_stack((others, own / np.linalg.norm(own))), values)):
        return math.nan

    def by_cluster(rows: FloatArray) -> FloatArray:
        summed = np.zeros((clusters, *rows.shape[1:]))
        np.add.at(summed, member, rows)
        return summed

    score, length = by_cluster(own * restricted), by_cluster(own**2)
    lean, pull = by_cluster(own[:, None] * others), by_cluster(restricted[:, None] * others)

    def squared_t(weight: FloatArray) -> FloatArray:
        """β² over its CR0 variance, up to a factor that all draws share, for weights of shape (draws, clusters)."""
        slope = weight @ score / np.sum(length)
        left = weight * score - (weight @ pull) @ lean.T - slope[:, None] * length
        spread = np.sum(left**2, axis=1)
        squared: FloatArray = np.divide(slope**2, spread, out=np.full_like(slope, np.inf), where=spread > 0)
        return squared

    observed = float(squared_t(np.ones((1, clusters)))[0])
    drawn = _weights(clusters, wanted, seed, weights or ("webb" if clusters < _FEW_CLUSTERS else "rademacher"))
    return float(np.mean(squared_t(drawn) >= observed * _TIE))


def _weights(clusters: int, draws: int, seed: int, kind: str) -> FloatArray:
    """Weights of shape (draws, clusters), of mean 0 and variance 1; every pattern of signs where these are few."""
    if kind == "rademacher" and clusters <= math.log2(draws):
        patterns = np.arange(2**clusters)[:, None] >> np.arange(clusters) & 1
        return np.asarray(1.0 - 2.0 * patterns, dtype=np.float64)
    rng = np.random.default_rng(seed)
    signs = np.asarray(1.0 - 2.0 * rng.integers(0, 2, (draws, clusters)), dtype=np.float64)
    return signs if kind == "rademacher" else signs * rng.choice(_WEBB, (draws, clusters))
