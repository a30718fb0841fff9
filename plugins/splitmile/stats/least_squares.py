"""Least squares on an orthonormal basis, with bias-reduced clustered variances of any contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from splitmile.stats.inputs import FloatArray, IntArray

# Below this share of its own length a column is a combination of the others.
_COLLINEAR = 1e-9
# A cluster whose leverage comes this near to 1 is fitted exactly in that direction and says nothing about its spread.
_FITTED_EXACTLY = 1e-10


def orthonormal_basis(columns: FloatArray) -> FloatArray:
    """Orthonormal columns of shape (n, rank) that span the same space as (n, p) ones, collinear and zero columns allowed."""
    length = np.sqrt(np.sum(columns**2, axis=0))
    scaled = columns[:, length > 0] / length[length > 0]
    if scaled.shape[1] == 0:
        return np.empty((columns.shape[0], 0))
    basis, triangle, _ = linalg.qr(scaled, mode="economic", pivoting=True)
    rank = int(np.sum(np.abs(np.diag(triangle)) > _COLLINEAR))
    return np.asarray(basis[:, :rank], dtype=np.float64)


def residual(basis: FloatArray, values: FloatArray) -> FloatArray:
    """What the basis leaves of the values, projected twice: one pass leaves rounding of the size of the fit."""
    left: FloatArray = values - basis @ (basis.T @ values)
    return left - basis @ (basis.T @ left)


def residual_of_column(basis: FloatArray, column: FloatArray) -> FloatArray | None:
    """What the basis leaves of a column, or None where it leaves nothing but rounding."""
    left = residual(basis, column)
    return left if np.linalg.norm(left) > _COLLINEAR * np.linalg.norm(column) else None


@dataclass(frozen=True, slots=True)
class ContrastSpread:
    """Spread of one linear combination of the coefficients.

    Attributes:
        variance: CR2; residuals of each cluster multiplied by (I − H_gg)^(-1/2), so that under independent errors of one
            size it is right on average.
        degrees_of_freedom: Satterthwaite's of that variance, under the same working model; NaN where no cluster speaks.
        rests_on_one_cluster: Without some one cluster the combination could not be estimated at all.
    """

    variance: float
    degrees_of_freedom: float
    rests_on_one_cluster: bool


class ClusterLeverage:
    """How each cluster pulls at a regression; made once, asked for the spread of several contrasts.

    No matrix of clusters × clusters is made: with s_g = a_g·a_g and u_g = Q_g'a_g the working-model covariance of the
    clusters' contributions is diag(s) − U·U', and both of its traces come from U'U. The eigenvectors are those of the
    smaller of Q_g·Q_g' and Q_g'·Q_g; clusters of one size are decomposed together.

    Source:
        Bell, R. M. & McCaffrey, D. F. (2002), Survey Methodology 28, 169-181; Pustejovsky, J. E. & Tipton, E. (2018),
        Journal of Business & Economic Statistics 36, 672-683, the Moore–Penrose inverse included.
    """

    def __init__(self, basis: FloatArray, cluster: IntArray) -> None:
        """Decompose the leverage of each cluster.

        Args:
            basis: Q, orthonormal, (n, r).
            cluster: (n,), integers.
        """
        self.rank = basis.shape[1]
        order = np.argsort(cluster, kind="stable")
        starts, sizes = _runs(cluster[order])
        self.parts: list[tuple[FloatArray, NDArray[np.intp], FloatArray, FloatArray]] = []
        for size in np.unique(sizes):
            rows = order[starts[sizes == size][:, None] + np.arange(size)]
            own = basis[rows]
            square = np.matmul(own.transpose(0, 2, 1), own) if size > self.rank else np.matmul(own, own.transpose(0, 2, 1))
            leverage, vectors = np.linalg.eigh(square)
            self.parts.append((own, rows, np.clip(leverage, 0.0, 1.0), vectors))

    def spread(self, direction: FloatArray, residuals: FloatArray) -> ContrastSpread:
        """CR2 variance of `(basis @ direction) · outcome`, with its Bell–McCaffrey degrees of freedom.

        Args:
            direction: (r,).
            residuals: (n,), of the outcome on the basis.
        """
        contribution, size, pull, alone = [], [], [], False
        for own, rows, leverage, vectors in self.parts:
            is_tall = rows.shape[1] > self.rank
            weighed = own @ direction
            coordinates = direction @ vectors if is_tall else np.einsum("gji,gj->gi", vectors, weighed)
            speaks = leverage < 1 - _FITTED_EXACTLY
            alone |= bool(np.any(np.abs(coordinates[~speaks]) > _COLLINEAR * np.linalg.norm(direction)))
            inflated = np.divide(coordinates, np.sqrt(1 - leverage), out=np.zeros_like(leverage), where=speaks)
            turned = np.einsum("gij,gj->gi", vectors, inflated)
            left = residuals[rows]
            if is_tall:
                contribution.append(np.einsum("gi,gi->g", turned, np.einsum("gji,gj->gi", own, left)))
                size.append(np.einsum("gi,gi->g", inflated**2, leverage))
                pull.append(np.einsum("gij,gj->gi", vectors, inflated * leverage))
            else:
                contribution.append(np.einsum("gi,gi->g", turned, left))
                size.append(np.einsum("gi,gi->g", inflated, inflated))
                pull.append(np.einsum("gji,gj->gi", own, turned))
        s, u = np.concatenate(size), np.concatenate(pull)
        gram = u.T @ u
        mean = np.sum(s) - np.trace(gram)
        square = np.sum(s**2) - 2 * np.sum(s * np.sum(u**2, axis=1)) + np.sum(gram**2)
        freedom = float(mean**2 / square) if square > 0 else float("nan")
        return ContrastSpread(float(np.sum(np.concatenate(contribution) ** 2)), freedom, alone)


def _runs(ordered: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Start and length of each run of equal values."""
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return starts, np.diff(np.concatenate((starts, [ordered.size])))
