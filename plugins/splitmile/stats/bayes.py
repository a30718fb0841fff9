"""The Bayesian view: what to believe of a relative effect, given how large such effects usually are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from splitmile.errors import StatisticsError
from splitmile.stats.directions import gain_signs
from splitmile.stats.effects import Effects
from splitmile.stats.inputs import FloatArray, TextArray, frozen, levels, require_same_rows


class PriorInvalid(StatisticsError):
    """A prior's standard deviation has no meaning."""


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Normal posteriors of k relative effects; arrays of shape (k,), read-only.

    Attributes:
        mean: Of the relative effect, as a fraction, shrunk towards 0; NaN where there is none.
        standard_deviation: Of the relative effect, as a fraction; NaN where there is none.
        chance_to_beat_control: Probability that the treatment is better, in the metric's direction; NaN where there is none.
        expected_loss: What shipping the treatment is expected to cost, E[max(0, −gain)], as a fraction, ≥ 0; NaN where
            there is none.
        reason: Why there is no posterior; `''` where there is one.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    mean: FloatArray
    standard_deviation: FloatArray
    chance_to_beat_control: FloatArray
    expected_loss: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        for name in ("mean", "standard_deviation", "chance_to_beat_control", "expected_loss"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(
            mean=self.mean,
            standard_deviation=self.standard_deviation,
            chance_to_beat_control=self.chance_to_beat_control,
            expected_loss=self.expected_loss,
            reason=self.reason,
        )

    def interval(self, alpha: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Central 1 − alpha credible interval, low and high of shape (k,); NaN where there is no posterior.

        Raises:
            ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        """
        half = stats.norm.isf(levels(alpha) / 2) * self.standard_deviation
        return self.mean - half, self.mean + half


def posterior(relative: Effects, *, prior_standard_deviation: ArrayLike, direction: ArrayLike) -> Posterior:
    """Posterior of relative effects under a normal prior around "no effect".

    Estimate and standard error come from the same moments as the interval; the likelihood is taken as normal, so with
    fewer than some thirty units an arm the posterior is a little too sure of itself. It protects against large
    surprises, not against looking every day: to stop when the chance is high is still to choose the moment.

    Args:
        relative: k relative effects.
        prior_standard_deviation: Of the true relative effects of such experiments, as a fraction, > 0 (0.05: two in three
            move the metric by less than 5 %); infinite for a flat prior; one, or one a row.
        direction: `increase` where more is better, `decrease` where less is; one, or one a row.

    Returns:
        k rows; none where the effect has no inference, with its reason.

    Raises:
        PriorInvalid: A prior standard deviation is not above 0.
        MarginInvalid: A direction is neither of the two.

    Source:
        Gelman, A. et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.5, for the normal posterior. The loss is
        sd·(φ(z) − z·Φ(−z)) with z = mean gain / sd, the unit normal loss integral: Raiffa, H. & Schlaifer, R. (1961),
        Applied Statistical Decision Theory.

    Example:
        >>> effect = Effects([0.04], [0.03], [500.0], [""])
        >>> view = posterior(effect, prior_standard_deviation=0.04, direction="increase")
        >>> view.mean.round(4).tolist(), view.standard_deviation.round(4).tolist()
        ([0.0256], [0.024])
        >>> view.chance_to_beat_control.round(3).tolist(), view.expected_loss.round(5).tolist()
        ([0.857], [0.00176])
    """
    prior = np.asarray(prior_standard_deviation, dtype=np.float64)
    if not np.all(prior > 0):
        raise PriorInvalid(f"prior_standard_deviation is {prior[~(prior > 0)][0]:g}, expected a spread of relative effects above 0")
    sign = gain_signs(direction)
    is_known = relative.reason == ""
    standard_error = np.where(is_known, relative.standard_error, np.nan)
    weight = 1 / (1 + (standard_error / prior) ** 2)
    mean, deviation = weight * relative.estimate, np.sqrt(weight) * standard_error
    z = sign * mean / deviation
    return Posterior(
        mean=mean,
        standard_deviation=deviation,
        chance_to_beat_control=special.ndtr(z),
        expected_loss=deviation * _unit_loss(z),
        reason=relative.reason,
    )


def _unit_loss(z: FloatArray) -> FloatArray:
    """E[max(0, −(Z + z))] of a standard normal Z."""
    density = stats.norm.pdf(z)
    # Above zero the plain difference would cancel: take Mills' ratio Φ(−z)/φ(z) from the scaled error function.
    mills = np.sqrt(np.pi / 2) * special.erfcx(np.maximum(z, 0.0) / np.sqrt(2))
    loss: FloatArray = np.where(z > 0, density * (1 - z * mills), density - z * special.ndtr(-z))
    return loss
