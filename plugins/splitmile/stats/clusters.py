"""Few and unequal clusters: CR2 variances with Bell–McCaffrey degrees of freedom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from splitmile.errors import StatisticsError
from splitmile.stats.estimates import Estimates
from splitmile.stats.inputs import FloatArray, ImpossibleMoments, IntArray, RowsMismatch, levels, require_same_rows
from splitmile.stats.least_squares import ClusterLeverage, orthonormal_basis, residual, residual_of_column

_TOO_FEW_CLUSTERS = "fewer than two clusters"
_ZERO_DENOMINATOR = "the denominator is zero"
_NOT_IDENTIFIED = "the other columns explain this one, so it has no coefficient of its own"
_ONE_CLUSTER = "one cluster alone carries the effect, so its standard error is unknown"
_NO_VARIATION = "no variation, so no test is possible"

# Residuals below this share of the terms they are the difference of are rounding, not spread.
_ROUNDING = 64 * np.finfo(np.float64).eps


class RegressionInvalid(StatisticsError):
    """Rows that no regression can be run on."""


@dataclass(frozen=True, slots=True)
class ClusterEffect:
    """One effect whose standard error allows for any dependence within clusters.

    Attributes:
        estimate: In the outcome's own unit, or as a fraction for a relative effect; NaN where there is no estimate.
        standard_error: In the same unit; NaN where it cannot be known.
        degrees_of_freedom: Of the standard error, infinite for a normal reference; NaN where there is no inference.
        clusters: Independent clusters, of all variants together.
        reason: Why there is no estimate or no inference, in words; `''` where there are both.
    """

    estimate: float
    standard_error: float
    degrees_of_freedom: float
    clusters: int
    reason: str = ""

    def interval(self, alpha: float) -> tuple[float, float]:
        """Two-sided 1 − alpha interval by Student's t; NaN where there is a reason.

        Raises:
            ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        """
        half = float(stats.t.isf(levels(alpha) / 2, self.degrees_of_freedom)) * self.standard_error
        return self.estimate - half, self.estimate + half

    def p_value(self) -> float:
        """Two-sided p-value of "no effect", from the survival function; NaN where there is a reason."""
        if self.reason:
            return math.nan
        return 2 * float(stats.t.sf(abs(self.estimate) / self.standard_error, self.degrees_of_freedom))


def cr2(design: ArrayLike, outcome: ArrayLike, cluster: ArrayLike, *, coefficient: int) -> ClusterEffect:
    """One coefficient of a least-squares regression, with its CR2 standard error and Bell–McCaffrey degrees of freedom.

    Right where clusters are few, unequal, or hold rows of both variants. Columns that are combinations of the others do
    no harm, as long as the coefficient's own is none.

    Args:
        design: (n, p) columns, the constant among them where one is wanted; for weighted rows multiply design and outcome
            by the root of the weight.
        outcome: (n,).
        cluster: (n,) label of the row's cluster: text or whole numbers.
        coefficient: Index of the column.

    Returns:
        The effect; without estimate where the column is a combination of the others, without inference where there are
        fewer than two clusters, one cluster alone identifies the coefficient, or no residual is left.

    Raises:
        RowsMismatch: The arrays do not have shapes (n, p), (n,) and (n,), or `coefficient` is no column.
        RegressionInvalid: There is no row, or a value is not finite.

    Source:
        Bell, R. M. & McCaffrey, D. F. (2002), Bias reduction in standard errors for linear regression with multi-stage
        samples, Survey Methodology 28, 169-181; Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics
        36, 672-683; Imbens, G. W. & Kolesár, M. (2016), Review of Economics and Statistics 98, 701-712.

    Example:
        >>> stores, is_treated = [0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1]
        >>> effect = cr2(np.stack([np.ones(8), is_treated], 1), [3, 5, 5, 7, 7, 9, 10, 10], stores, coefficient=1)
        >>> effect.estimate.__round__(9), round(effect.standard_error, 6), round(effect.degrees_of_freedom, 6)
        (4.0, 1.414214, 2.0)
    """
    columns, values, member = regression_rows(design, outcome, cluster, coefficient)
    clusters = int(member.max()) + 1
    others = orthonormal_basis(np.delete(columns, coefficient, axis=1))
    own = residual_of_column(others, columns[:, coefficient])
    if own is None:
        return ClusterEffect(math.nan, math.nan, math.nan, clusters, _NOT_IDENTIFIED)
    length = float(np.linalg.norm(own))
    basis = np.column_stack((others, own / length))
    direction = np.zeros(basis.shape[1])
    direction[-1] = 1 / length
    leverage = ClusterLeverage(basis, member)
    return clustered_contrast(leverage, direction, spread_left(basis, values), clusters, float(own @ values) / length**2)


def clustered_contrast(
    leverage: ClusterLeverage, direction: FloatArray, residuals: FloatArray, clusters: int, estimate: float, *, is_level: bool = False
) -> ClusterEffect:
    """The effect `estimate` = `(basis @ direction) · outcome`, with its CR2 standard error.

    Args:
        leverage: Of the clusters on the basis.
        direction: (r,).
        residuals: (n,) as `spread_left` gives.
        clusters: Their number.
        estimate: Its value, as the caller has it to more digits.
        is_level: The combination holds levels that a cluster may fit exactly, as a fixed effect of that cluster does;
            these are taken as given and not refused.
    """
    if clusters < 2:
        return ClusterEffect(estimate, math.nan, math.nan, clusters, _TOO_FEW_CLUSTERS)
    spread = leverage.spread(direction, residuals)
    if (spread.rests_on_one_cluster and not is_level) or math.isnan(spread.degrees_of_freedom):
        return ClusterEffect(estimate, math.nan, math.nan, clusters, _ONE_CLUSTER)
    if spread.variance == 0:
        return ClusterEffect(estimate, 0.0, math.nan, clusters, _NO_VARIATION)
    return ClusterEffect(estimate, math.sqrt(spread.variance), spread.degrees_of_freedom, clusters)


def spread_left(basis: FloatArray, outcome: FloatArray) -> FloatArray:
    """Residuals (n,) of the outcome, exactly 0 where only rounding is left."""
    left = residual(basis, outcome)
    return np.where(np.abs(left) > _ROUNDING * float(np.max(np.abs(outcome))), left, 0.0)


def clustered_estimates(numerator: ArrayLike, denominator: ArrayLike, *, group: ArrayLike, groups: int) -> Estimates:
    """The metric ΣN/ΣD of each variant from the sums of its clusters, with CR2 variances, in closed form.

    The same as `cr2` of a regression of rows on the dummies of the variants, where N sums a cluster's outcomes and D counts
    its rows; every cluster lies within one variant. With w_g = D_g/ΣD and e_g = N_g − R·D_g,

        variance = Σ e_g²/(1 − w_g) / (ΣD)²,
        1/degrees of freedom = Σ w_g² + (Σ w_g²/(1 − w_g))² − Σ w_g⁴/(1 − w_g)².

    Equal clusters make it the mean of G cluster means, s²/G, with G − 1 degrees of freedom.

    `absolute_effect` of two variants has the variance of `cr2` exactly. Its degrees of freedom weigh the variants by their
    estimated variances (Welch), those of `cr2` by the 1/ΣD of the working model; the former are a little fewer where clusters
    of one size vary alike, and hold better where they do not. For the latter call `cr2` on one row a cluster, N/√D on √D times
    the dummies.

    Args:
        numerator: (n,) ΣN of each cluster.
        denominator: (n,) ΣD of each cluster, ≥ 0.
        group: (n,) index of the cluster's variant, from 0 up.
        groups: k, their number.

    Returns:
        k rows; `n` counts clusters. No estimate where fewer than two clusters of a variant have a denominator.

    Raises:
        RowsMismatch: The arrays differ in shape, or an index lies outside 0 … groups − 1.
        ImpossibleMoments: A value is not finite or a denominator is negative; `row` is the variant's index.

    Source:
        Bell & McCaffrey (2002), Survey Methodology 28, 169-181, worked out for one constant a variant.

    Example:
        >>> shops = clustered_estimates([8, 12, 17, 20], [2, 2, 2, 2], group=[0, 0, 1, 1], groups=2)
        >>> shops.value.tolist(), shops.variance.tolist(), shops.degrees_of_freedom.tolist()
        ([5.0, 9.25], [1.0, 0.5625], [1.0, 1.0])
    """
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    member = _group_index(np.asarray(group), groups)
    require_same_rows(numerator=above, denominator=below, group=member)
    is_impossible = ~(np.isfinite(above) & np.isfinite(below) & (below >= 0))
    if np.any(is_impossible):
        row = int(np.argmax(is_impossible))
        raise ImpossibleMoments(int(member[row]), f"a cluster has numerator {above[row]:g} and denominator {below[row]:g}")

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(member, values, minlength=groups).astype(np.float64)

    clusters, bearing, denominators = total(np.ones_like(above)), total(np.where(below > 0, 1.0, 0.0)), total(below)
    reason = np.where(clusters < 2, _TOO_FEW_CLUSTERS, np.where(denominators == 0, _ZERO_DENOMINATOR, ""))
    reason = np.where((reason == "") & (bearing < 2), "fewer than two clusters have a denominator", reason)
    safe = np.where(reason == "", denominators, np.nan)
    ratio = total(above) / safe
    expected = ratio[member] * below
    left = above - expected
    left = np.where(np.abs(left) > _ROUNDING * (np.abs(above) + np.abs(expected)), left, 0.0 * left)
    share = below / safe[member]
    spare = 1 - share
    spent = total(share**2) + total(share**2 / spare) ** 2 - total((share**2 / spare) ** 2)
    freedom = 1 / np.where(reason == "", spent, np.nan)
    return Estimates(clusters.astype(np.int64), ratio, total(left**2 / spare) / safe**2, freedom, reason)


def regression_rows(design: ArrayLike, outcome: ArrayLike, cluster: ArrayLike, coefficient: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """Design, outcome and clusters numbered from 0, or the errors that `cr2` names."""
    columns, values = np.asarray(design, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    labels = np.asarray(cluster)
    if columns.ndim != 2 or values.shape != columns.shape[:1] or labels.shape != values.shape:
        found = f"design {columns.shape}, outcome {values.shape}, cluster {labels.shape}"
        raise RowsMismatch(f"expected shapes (n, p), (n,) and (n,), found {found}")
    if not 0 <= coefficient < columns.shape[1]:
        raise RowsMismatch(f"coefficient is {coefficient}, expected a column from 0 to {columns.shape[1] - 1}")
    if values.size == 0:
        raise RegressionInvalid("there is no row to regress")
    is_faulty = ~np.isfinite(values) | ~np.all(np.isfinite(columns), axis=1)
    if np.any(is_faulty):
        raise RegressionInvalid(f"row {int(np.argmax(is_faulty))} holds a value that is not finite; leave such rows out first")
    return columns, values, np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _group_index(group: np.ndarray, groups: int) -> IntArray:
    if group.size and (not np.issubdtype(group.dtype, np.integer) or group.min() < 0 or group.max() >= groups):
        raise RowsMismatch(f"group holds an index outside 0 … {groups - 1}, expected the index of a variant for each cluster")
    return group.astype(np.int64)
