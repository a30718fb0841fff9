"""Heterogeneity: does an effect differ between segments? Asked before any segment is named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from splitmile.stats.inputs import BoolArray, FloatArray, IntArray, RowsMismatch, TextArray, counts, frozen, require_same_rows
from splitmile.stats.rows import quotients

_TOO_FEW_SEGMENTS = "fewer than two segments with an effect and enough units"


@dataclass(frozen=True, slots=True, eq=False)
class Heterogeneity:
    """Interaction tests of k comparisons over their segments; arrays of shape (k,), read-only.

    Attributes:
        q: Cochran's Q, the weighted spread of the segments' effects; NaN where there is no test.
        i_squared: Share of that spread beyond chance, 0 to 1; NaN where there is no test.
        f: Welch's F, which is Q corrected for standard errors that are themselves estimated; NaN where there is no test.
        degrees_of_freedom: Segments tested, less one.
        degrees_of_freedom_denominator: Of F; NaN where there is no test.
        p_value: Of "the effect is the same in every segment", from F; NaN where there is no test.
        is_suppressed: Segments left out, shape (k, segments): too few units, or no effect with a standard error.
        reason: Why there is no test; `''` where there is one.

    Raises:
        RowsMismatch: The arrays do not belong to the same k comparisons.
    """

    q: FloatArray
    i_squared: FloatArray
    f: FloatArray
    degrees_of_freedom: IntArray
    degrees_of_freedom_denominator: FloatArray
    p_value: FloatArray
    is_suppressed: BoolArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        for name in ("q", "i_squared", "f", "degrees_of_freedom_denominator", "p_value"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "degrees_of_freedom", frozen(self.degrees_of_freedom, np.int64))
        object.__setattr__(self, "is_suppressed", frozen(self.is_suppressed, np.bool_))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(
            q=self.q,
            i_squared=self.i_squared,
            f=self.f,
            degrees_of_freedom=self.degrees_of_freedom,
            degrees_of_freedom_denominator=self.degrees_of_freedom_denominator,
            p_value=self.p_value,
            is_suppressed=self.is_suppressed[..., 0],
            reason=self.reason,
        )


def heterogeneity(
    estimate: ArrayLike, standard_error: ArrayLike, degrees_of_freedom: ArrayLike, units: ArrayLike, *, least_units: int
) -> Heterogeneity:
    """Test whether the effect differs between segments, for k comparisons at once.

    Cochran's Q against χ² takes the standard errors as known, and a segment whose spread is low by chance gets too much
    weight. With 25 normal units in each arm of a segment it rejects 6.0 % with 5 segments and 7.5 % with 20, at a nominal
    5 %; Welch's F rejects 5.0 % and 5.2 %. So the p-value is that of F, which becomes Q against χ² as the segments grow.
    With skewed units F is cautious (lognormal ones: 3.1 % and 2.7 %).

    Args:
        estimate: Effects, shape (k, segments), absolute or relative; NaN stands for none.
        standard_error: Of the effects; a segment without one above zero is left out.
        degrees_of_freedom: Of the standard errors, Welch–Satterthwaite.
        units: Independent units in the smaller arm of the segment, shape (k, segments).
        least_units: Segments with fewer are left out: their effect is neither tested nor to be shown.

    Returns:
        k rows; no test where fewer than two segments remain.

    Raises:
        RowsMismatch: The tables do not have one shape (k, segments), or hold no segment.
        CountsInvalid: A number of units is no count.

    Source:
        Cochran, W. G. (1954), The combination of estimates from different experiments, Biometrics 10, 101-129; Welch, B. L.
        (1951), On the comparison of several mean values, Biometrika 38, 330-336; Higgins, J. P. T. & Thompson, S. G.
        (2002), Statistics in Medicine 21, 1539-1558, for I².

    Example:
        >>> zones = heterogeneity([[1.0, 1.2, 3.1]], [[0.4, 0.5, 0.6]], [[98.0, 78.0, 58.0]], [[50, 40, 30]], least_units=20)
        >>> zones.q.round(3).tolist(), zones.i_squared.round(3).tolist(), zones.p_value.round(4).tolist()
        ([9.033], [0.779], [0.0129])
    """
    effects, errors, freedom = (np.asarray(a, dtype=np.float64) for a in (estimate, standard_error, degrees_of_freedom))
    enough = counts("units", units) >= least_units
    if effects.ndim != 2 or effects.shape[1] == 0 or len({effects.shape, errors.shape, freedom.shape, enough.shape}) != 1:
        raise RowsMismatch(
            "expected tables of one shape (k, segments), found "
            f"estimate {effects.shape}, standard_error {errors.shape}, degrees_of_freedom {freedom.shape}, units {enough.shape}"
        )
    is_tested = enough & np.isfinite(effects) & np.isfinite(errors) & (errors > 0) & (freedom > 0)
    left = is_tested.sum(axis=1) - 1
    has_test = left > 0
    # Weights relative to the largest: 1/SE² itself could leave the range of floats.
    errors = np.where(is_tested, errors, np.inf)
    smallest = np.where(has_test, errors.min(axis=1), np.nan)
    weights = (smallest[:, None] / errors) ** 2
    total = weights.sum(axis=1)
    values = np.where(is_tested, effects, 0.0)
    mean = (weights * values).sum(axis=1) / total
    q = (weights * ((values - mean[:, None]) / smallest[:, None]) ** 2).sum(axis=1)
    doubt = ((1 - weights / total[:, None]) ** 2 / np.where(is_tested, freedom, np.inf)).sum(axis=1)
    segments = np.where(has_test, left + 1.0, np.nan)
    f = q / (segments - 1) / (1 + 2 * (segments - 2) / (segments**2 - 1) * doubt)
    # Standard errors known for certain, with infinite degrees of freedom, leave no doubt: then F is Q against χ².
    freedom_of_f = np.where(doubt == 0, np.inf, quotients(segments**2 - 1, 3 * doubt))
    p_value = np.where(doubt == 0, stats.chi2.sf(q, segments - 1), stats.f.sf(f, segments - 1, freedom_of_f))
    beyond_chance = np.divide(q - left, q, out=np.where(has_test, 0.0, np.nan), where=q > left)
    return Heterogeneity(
        q=q,
        i_squared=beyond_chance,
        f=f,
        degrees_of_freedom=np.maximum(left, 0),
        degrees_of_freedom_denominator=freedom_of_f,
        p_value=p_value,
        is_suppressed=~is_tested,
        reason=np.where(has_test, "", _TOO_FEW_SEGMENTS),
    )
