"""CUPED: the part of a metric that the time before exposure predicts, taken out of the comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splitmile.stats.covariates import CovariateMoments
from splitmile.stats.estimates import CANCELLATION, Estimates, estimate
from splitmile.stats.inputs import BoolArray, FloatArray, IntArray, RowsMismatch, frozen, require_same_rows
from splitmile.stats.moments import Moments
from splitmile.stats.rows import quotients

# Two covariates whose squared correlation is closer to 1 than this are one covariate.
_SINGULAR = 1e-10

_Moved = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """Estimates of both variants with less variance, k comparisons; arrays of shape (k,), read-only.

    Both sides lean on the units of both variants, so their estimates covary: the adjusted effects are
    `absolute_effect(a.control, a.treatment, covariance=a.covariance)` and `relative_effect` likewise.

    Attributes:
        control: At the level of the metric; where there is no adjustment, exactly what `estimate` says.
        treatment: The same.
        covariance: Of `control.value` and `treatment.value`; 0 where there is no adjustment.
        theta: Change of the metric per change of its covariate, in units of the one per unit of the other; NaN where
            there is no adjustment by a covariate.
        variance_removed: Share of the variance of the plain absolute effect, 0.3 for 30 %; 0 without adjustment, negative
            where it costs precision, NaN where there is no effect.

    Raises:
        RowsMismatch: The parts do not have one length.
    """

    control: Estimates
    treatment: Estimates
    covariance: FloatArray
    theta: FloatArray
    variance_removed: FloatArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        numbers = {name: frozen(getattr(self, name)) for name in ("covariance", "theta", "variance_removed")}
        require_same_rows(control=self.control.n, treatment=self.treatment.n, **numbers)
        for name, values in numbers.items():
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.control)


def cuped(control: CovariateMoments, treatment: CovariateMoments) -> Adjustment:
    """Both variants, each moved to the mean of the covariate over both.

    Metric and covariate are linearised: y = (N − R·D)/D̄ in each variant, x = (XN − R_x·XD)/X̄D with R_x = ΣXN/ΣXD over
    both. A unit without a pre-period has XN = XD = 0, so x = 0, the mean of all: it takes the mean covariate and still
    counts. θ is the slope of y on x within variants, pooled over them: the co-spreads of both over the spreads of both. A
    variant's adjusted value is R − θ·(x̄ − x̄ of both), which has the metric's own level. The variance of the
    absolute effect is then Σ (s_y² − 2θ·s_xy + θ²·s_x²)/n over both variants.

    For a mean or a proportion (all units have one denominator) units without a pre-period may differ in the metric too,
    so that XD, 1 with and 0 without, joins as a second covariate wherever it varies; then no imputed value matters.

    R_x and θ count as known in the variances: an error of theirs is multiplied by a difference between variants in the
    covariate, which is itself only chance, so it is of second order. But each covariate spends one of the
    n_C + n_T − 2 degrees of freedom, and each variant bears that in proportion to its own n − 1. With equal variants
    the absolute effect so has the degrees of freedom of the analysis of covariance.

    What is of second order still shows with few units: the variance is too small by about 2/(n_C + n_T − 2) of itself for
    each covariate, 3 % with 30 units in each variant.

    There is no adjustment where x or y has no spread, where the units are too few for a slope, or where a side has no
    estimate.

    Args:
        control: k rows.
        treatment: k rows, each compared with the control row at the same place.

    Raises:
        RowsMismatch: Control and treatment differ in length.

    Source:
        Deng, A., Xu, Y., Kohavi, R. & Walker, T. (2013), Improving the sensitivity of online controlled experiments by
        utilizing pre-experiment data, WSDM 2013, sections 3 and 4.3; Deng, A., Knoblich, U. & Lu, J. (2018), Applying the
        delta method in metric analytics, KDD 2018 (arXiv 1803.06336), for the linearisation.

    Example:
        >>> before = [1.0, 2.0, 3.0, 4.0]
        >>> control = CovariateMoments.from_units([11.0, 12.0, 13.0, 14.5], None, before, None)
        >>> treatment = CovariateMoments.from_units([13.0, 14.0, 15.5, 16.0], None, before, None)
        >>> adjusted = cuped(control, treatment)
        >>> adjusted.theta.round(3).tolist(), adjusted.variance_removed.round(3).tolist()
        ([1.1], [0.978])
    """
    if len(control) != len(treatment):
        raise RowsMismatch(f"expected one control row a treatment row, found {len(control)} and {len(treatment)}; use `take`")
    c, t = estimate(control.metric), estimate(treatment.metric)
    of_c, of_t = control.comoments, treatment.comoments
    y_c, y_t = _linearised_metric(control.metric, c), _linearised_metric(treatment.metric, t)
    x = _linearised_covariate(control.covariate, treatment.covariate)
    is_one_denominator = (control.metric.m2_denominator == 0) & (treatment.metric.m2_denominator == 0)
    plain = c.variance + t.variance
    spare = np.where(plain > 0, c.n + t.n - 3, 0)
    theta, score, covariates = _fit(of_c, of_t, y_c, y_t, x, spare, is_one_denominator)

    share = quotients(t.n.astype(np.float64), (c.n + t.n).astype(np.float64))[:, None]  # of the treatment, in the mean of both
    per_c, per_t = _per_unit(c.n), _per_unit(t.n)
    above, below = (
        getattr(treatment.covariate, name) - getattr(control.covariate, name) for name in ("mean_numerator", "mean_denominator")
    )
    shift = score[:, 2] * above + score[:, 3] * below
    of_difference = _spread(of_c, y_c - score) * per_c + _spread(of_t, y_t - score) * per_t
    variance_c = _spread(of_c, y_c - share * score) * per_c + _spread(of_t, share * score) * per_t
    variance_t = _spread(of_t, y_t - (1 - share) * score) * per_t + _spread(of_c, (1 - share) * score) * per_c
    left = 1 - covariates / np.maximum(c.n + t.n - 2, 1)  # of the degrees of freedom
    moved_c = c.value + share[:, 0] * shift, variance_c, c.degrees_of_freedom * left
    moved_t = t.value - (1 - share[:, 0]) * shift, variance_t, t.degrees_of_freedom * left
    # Of a mean the slope on a unit's own covariate, whatever share of the units has one: what a regression of the units says.
    slope = np.where(is_one_denominator & (covariates > 0), score[:, 2], theta)
    return adjusted((c, t), (moved_c, moved_t), of_difference, slope, covariates > 0)


def adjusted(
    plain: tuple[Estimates, Estimates], moved: tuple[_Moved, _Moved], of_difference: FloatArray, theta: FloatArray, is_adjusted: BoolArray
) -> Adjustment:
    """An adjustment of control and treatment, for every method that makes one.

    Args:
        plain: Control and treatment without adjustment.
        moved: Value, variance and degrees of freedom of each, adjusted.
        of_difference: Variance of the adjusted absolute effect.
        theta: As in `Adjustment`.
        is_adjusted: Where `moved` holds; elsewhere the plain estimates stay.
    """
    (_, variance_c, _), (_, variance_t, _) = moved
    levels = variance_c + variance_t
    # What is left below this share of both levels' variances is rounding. Out of the three variances, the covariance gives
    # that of the difference back.
    of_difference = np.where(of_difference > CANCELLATION * levels, of_difference, 0.0)
    without = plain[0].variance + plain[1].variance
    has_effect, is_varied = ~np.isnan(without), is_adjusted & (without > 0)
    removed = np.where(is_varied, 1 - quotients(of_difference, without), np.where(has_effect, 0.0, np.nan))
    control, treatment = (
        Estimates(
            side.n,
            np.where(is_adjusted, value, side.value),
            np.where(is_adjusted, variance, side.variance),
            np.where(is_adjusted, freedom, side.degrees_of_freedom),
            side.reason,
        )
        for side, (value, variance, freedom) in zip(plain, moved, strict=True)
    )
    return Adjustment(control, treatment, np.where(is_adjusted, (levels - of_difference) / 2, 0.0), theta, removed)


def _fit(
    of_c: FloatArray,
    of_t: FloatArray,
    y_c: FloatArray,
    y_t: FloatArray,
    x: FloatArray,
    spare: IntArray,
    is_one_denominator: BoolArray,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """θ, the coefficients of N, D, XN and XD in what is taken off each unit, shape (k, 4), and the number of covariates."""
    z = np.zeros(x.shape)
    z[:, 3] = 1.0
    xx, zz = (_spread(of_c, each) + _spread(of_t, each) for each in (x, z))
    xz = _co_spread(of_c, x, z) + _co_spread(of_t, x, z)
    xy = _co_spread(of_c, x, y_c) + _co_spread(of_t, x, y_t)
    zy = _co_spread(of_c, z, y_c) + _co_spread(of_t, z, y_t)
    determinant = xx * zz - xz**2
    is_pair = is_one_denominator & (spare > 1) & (determinant > _SINGULAR * xx * zz)
    is_single = ~is_pair & (spare > 0) & (xx > 0)
    theta = np.where(is_pair, quotients(xy * zz - zy * xz, determinant), np.where(is_single, quotients(xy, xx), np.nan))
    of_z = np.where(is_pair, quotients(zy * xx - xy * xz, determinant), 0.0)
    score = np.where(is_pair | is_single, theta, 0.0)[:, None] * x + of_z[:, None] * z
    return theta, score, np.where(is_pair, 2, np.where(is_single, 1, 0))


def _linearised_metric(metric: Moments, plain: Estimates) -> FloatArray:
    """The coefficients of N, D, XN and XD in y, shape (k, 4); NaN where there is no estimate."""
    coefficients = np.zeros((len(metric), 4))
    coefficients[:, 0] = quotients(np.where(plain.reason == "", 1.0, np.nan), metric.mean_denominator)
    coefficients[:, 1] = -plain.value * coefficients[:, 0]
    return coefficients


def _linearised_covariate(control: Moments, treatment: Moments) -> FloatArray:
    """The coefficients of N, D, XN and XD in x, shape (k, 4); 0 where nobody has a pre-period."""
    n_c, n_t = control.n.astype(np.float64), treatment.n.astype(np.float64)
    below = n_c * control.mean_denominator + n_t * treatment.mean_denominator
    above = n_c * control.mean_numerator + n_t * treatment.mean_numerator
    coefficients = np.zeros((len(control), 4))
    coefficients[:, 2] = np.nan_to_num(quotients(n_c + n_t, below))
    coefficients[:, 3] = -np.nan_to_num(quotients(above, below)) * coefficients[:, 2]
    return coefficients


def _per_unit(n: IntArray) -> FloatArray:
    """What makes a sum of squared deviations the variance of a mean: 1/(n·(n − 1)); NaN for fewer than two units."""
    return quotients(np.ones(n.shape), n * (n - 1.0))


def _co_spread(comoments: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum of products of the deviations of two combinations of N, D, XN and XD."""
    products: FloatArray = np.einsum("ki,kij,kj->k", a, comoments, b)
    return products


def _spread(comoments: FloatArray, a: FloatArray) -> FloatArray:
    """Sum of squared deviations of a combination of N, D, XN and XD; exactly 0 where nothing but rounding is left."""
    terms = np.sum(a**2 * np.diagonal(comoments, axis1=1, axis2=2), axis=1)
    squares = _co_spread(comoments, a, a)
    return np.where(squares <= CANCELLATION * terms, 0.0, squares)
