"""A planned test: what it takes to compute power before there are data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from splitmile.errors import StatisticsError
from splitmile.stats.directions import accepted_losses, gain_signs
from splitmile.stats.inputs import BoolArray, FloatArray, SharesInvalid, frozen, levels, require_same_rows
from splitmile.stats.noninferiority import one_sided_multiple
from splitmile.stats.rows import quotients
from splitmile.stats.sequential import confidence_sequence

_ROUNDING = 1e-9
# The multiple of the anytime-valid bound at the planned end is the same for any end.
_ANY_END = 10**6


class PlanInvalid(StatisticsError):
    """A planned test has a variance, a baseline or a power without meaning."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedTest:
    """Comparisons of a treatment with its control that are still to come; k rows, arrays of shape (k,), read-only.

    Make it with `PlannedTest.of`, which fills in the usual choices.

    Attributes:
        variance_control: Per independent unit: what divided by n is the variance of the estimate.
        variance_treatment: The same.
        control_share: Of all units in the experiment, above 0.
        treatment_share: The same; the two sum to less than 1 where there are more arms.
        alpha: Two-sided level; of a non-inferiority test the one-sided one.
        baseline: The metric in the control, where effects are fractions of it; NaN where effects are absolute.
        margin: Accepted loss of a one-sided non-inferiority test, in the unit of the effect; NaN for a two-sided test.
        gain_sign: 1 where more is better, −1 where less is; only a non-inferiority test looks at it.
        is_sequential: Read daily by an anytime-valid test, instead of once at the end.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
        PlanInvalid: A variance is negative or not finite, or a baseline is 0 or infinite.
        SharesInvalid: A share is not above 0, or the two sum to more than 1.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
    """

    variance_control: FloatArray
    variance_treatment: FloatArray
    control_share: FloatArray
    treatment_share: FloatArray
    alpha: FloatArray
    baseline: FloatArray
    margin: FloatArray
    gain_sign: FloatArray
    is_sequential: bool

    def __post_init__(self) -> None:
        """Take read-only copies and refuse what cannot be."""
        names = [name for name in self.__slots__ if name != "is_sequential"]
        for name in names:
            object.__setattr__(self, name, frozen(getattr(self, name)))
        require_same_rows(**{name: getattr(self, name) for name in names})
        for variance in (self.variance_control, self.variance_treatment):
            if not np.all(np.isfinite(variance) & (variance >= 0)):
                raise PlanInvalid(f"variance is {variance}, expected finite spreads per unit ≥ 0")
        if np.any(np.isinf(self.baseline) | (self.baseline == 0)):
            raise PlanInvalid(f"baseline is {self.baseline}, expected the metric in the control, not 0, or none for absolute effects")
        is_split = (self.control_share > 0) & (self.treatment_share > 0) & (self.control_share + self.treatment_share <= 1 + _ROUNDING)
        if not np.all(is_split):
            raise SharesInvalid(f"shares are {self.control_share} and {self.treatment_share}, expected parts of all units, above 0")
        levels(self.alpha)

    @classmethod
    def of(
        cls,
        variance: ArrayLike,
        *,
        variance_treatment: ArrayLike | None = None,
        control_share: ArrayLike = 0.5,
        treatment_share: ArrayLike = 0.5,
        alpha: ArrayLike = 0.05,
        baseline: ArrayLike | None = None,
        margin: ArrayLike | None = None,
        direction: ArrayLike = "increase",
        is_sequential: bool = False,
    ) -> Self:
        """Planned tests; every argument is one value, or one a row.

        Args:
            variance: Per independent unit: `Estimates.variance * n` for a mean, a proportion, a ratio by the delta method,
                and for clusters, with n clusters; `variance_per_unit` of an effect for adjusted metrics.
            variance_treatment: The same; None is that of the control.
            control_share: Of all units in the experiment.
            treatment_share: The same.
            alpha: Level.
            baseline: The metric in the control; then effects and margins are fractions of it. None: they are absolute.
            margin: Accepted loss, ≥ 0, for a one-sided non-inferiority test; None for a two-sided test.
            direction: `increase` where more is better, `decrease` where less is; only for a non-inferiority test.
            is_sequential: Read daily by an anytime-valid test.

        Raises:
            MarginInvalid: A margin is negative or not finite, or a direction is neither of the two.
            PlanInvalid: As for the class, whose other errors it raises as well.
        """
        columns = (
            variance,
            variance if variance_treatment is None else variance_treatment,
            control_share,
            treatment_share,
            alpha,
            np.nan if baseline is None else baseline,
            np.nan if margin is None else accepted_losses(margin),
            gain_signs(direction),
        )
        rows = iter(np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in columns)))
        return cls(next(rows), next(rows), next(rows), next(rows), next(rows), next(rows), next(rows), next(rows), is_sequential)

    def __len__(self) -> int:
        return int(self.alpha.size)

    @property
    def is_one_sided(self) -> BoolArray:
        """Rows that are non-inferiority tests."""
        return ~np.isnan(self.margin)

    @property
    def is_relative(self) -> BoolArray:
        """Rows whose effects are fractions of the baseline."""
        return ~np.isnan(self.baseline)

    @property
    def variance_parts(self) -> tuple[FloatArray, FloatArray]:
        """n × the variance of the control's and of the treatment's estimate, with n units in all."""
        return self.variance_control / self.control_share, self.variance_treatment / self.treatment_share

    def distance(self, effect: ArrayLike) -> FloatArray:
        """From the null to this true effect, above 0 where there is something to find."""
        true = np.asarray(effect, dtype=np.float64)
        return np.where(self.is_one_sided, self.gain_sign * true + self.margin, np.abs(true))

    def variance(self, effect: ArrayLike) -> FloatArray:
        """n × the variance of the estimated effect, at this true effect.

        Source:
            Deng, A., Knoblich, U. & Lu, J. (2018), section 2.2 (arXiv 1803.06336), for a relative effect: (V_T + (1 + r)²·V_C)/R_C².
        """
        of_control, of_treatment = self.variance_parts
        ratio = np.where(self.is_relative, 1 + np.asarray(effect, dtype=np.float64), 1.0)
        return np.asarray((ratio**2 * of_control + of_treatment) / np.where(self.is_relative, self.baseline, 1.0) ** 2)

    def rejection_rate(self, shift: ArrayLike, n: ArrayLike) -> FloatArray:
        """Chance to reject where the truth lies `shift` standard errors from the null, with n units in all; shape (k,).

        Source:
            Noncentral t with Welch–Satterthwaite degrees of freedom: Moser, B. K., Stevens, G. R. & Watts, C. L. (1989),
            Communications in Statistics - Theory and Methods 18, 3963-3975. Sequential: the chance that the anytime-valid
            interval excludes the null at the planned end, from the normal distribution. That is cautious: an effect found
            there with 80 % is found at some look, of 60 daily ones, with 86 %, and on average after 58 % of the units.
        """
        distance = np.broadcast_to(np.asarray(shift, dtype=np.float64), self.alpha.shape)
        if self.is_sequential:
            critical = self._sequential_multiple()
            beyond, behind = special.ndtr(distance - critical), special.ndtr(-distance - critical)
        else:
            freedom = self._degrees_of_freedom(np.asarray(n, dtype=np.float64))
            critical = np.asarray(stats.t.isf(np.where(self.is_one_sided, self.alpha, self.alpha / 2), freedom))
            beyond = np.asarray(stats.nct.sf(critical, freedom, distance))
            # The mirror image of the lower tail, whose own function has gaps at the far end.
            behind = np.asarray(stats.nct.sf(critical, freedom, -distance))
        return np.asarray(beyond + np.where(self.is_one_sided, 0.0, behind))

    def _sequential_multiple(self) -> FloatArray:
        two_sided = confidence_sequence(0.0, 1.0, _ANY_END, _ANY_END, self.alpha)[1]
        one_sided = one_sided_multiple(_ANY_END, _ANY_END, np.where(self.is_one_sided, self.alpha, 0.05))
        return np.where(self.is_one_sided, one_sided, two_sided)

    def _degrees_of_freedom(self, n: FloatArray) -> FloatArray:
        of_control, of_treatment = self.variance_parts
        share = quotients(of_control, of_control + of_treatment)
        spent = share**2 / (n * self.control_share - 1) + (1 - share) ** 2 / (n * self.treatment_share - 1)
        return np.asarray(1 / spent)
