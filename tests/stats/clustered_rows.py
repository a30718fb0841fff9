"""Clustered variances by the plain matrix formulas, and R's random numbers for published examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats


@dataclass
class Sandwich:
    estimate: float
    standard_error: float
    degrees_of_freedom: float


def sandwich(design: Any, outcome: Any, cluster: Any, coefficient: int, kind: str) -> Sandwich:
    """CR0, CR1 as Stata reports it, or CR2, with n × n matrices written out as in the papers."""
    x, y, member = (np.asarray(a, dtype=float) for a in (design, outcome, np.unique(cluster, return_inverse=True)[1]))
    n, p = x.shape
    bread = np.linalg.pinv(x.T @ x)
    hat = x @ bread @ x.T
    left = (np.eye(n) - hat) @ y
    pick = bread[coefficient]
    groups = [np.flatnonzero(member == g) for g in np.unique(member)]
    scores, columns = [], []
    for rows in groups:
        adjust = np.eye(rows.size)
        if kind == "CR2":
            values, vectors = np.linalg.eigh(np.eye(rows.size) - hat[np.ix_(rows, rows)])
            power = np.where(values > 1e-9, np.maximum(values, 1e-12) ** -0.5, 0.0)
            adjust = vectors @ np.diag(power) @ vectors.T
        scores.append(pick @ x[rows].T @ adjust @ left[rows])
        columns.append((np.eye(n) - hat)[:, rows] @ adjust @ x[rows] @ pick)
    covariance = np.array(columns) @ np.array(columns).T
    count = len(groups)
    factor = count / (count - 1) * (n - 1) / (n - p) if kind == "CR1" else 1.0
    freedom = np.trace(covariance) ** 2 / np.sum(covariance**2)
    return Sandwich(float(pick @ x.T @ y), float(np.sqrt(factor * np.sum(np.square(scores)))), float(freedom))


def r_normals(seed: int, *sizes: int) -> list[Any]:
    """What `set.seed(seed)` and `rnorm(n)` give in R, for several n in turn: Mersenne Twister and inversion."""
    state, words = seed, []
    for step in range(50 + 625):
        state = (69069 * state + 1) & 0xFFFFFFFF
        words += [state] if step >= 50 else []
    generator = np.random.RandomState()
    generator.set_state(("MT19937", np.array(words[1:], dtype=np.uint32), 624))
    drawn = []
    for size in sizes:
        uniform = generator.randint(0, 2**32, (size, 2), dtype=np.uint64) * 2.3283064365386963e-10
        drawn.append(stats.norm.ppf((np.floor(2**27 * uniform[:, 0]) + uniform[:, 1]) / 2**27))
    return drawn
