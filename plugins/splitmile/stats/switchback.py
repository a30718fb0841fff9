"""Estimators of a switchback experiment on the outcomes of its windows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from splitmile.stats.clusters import ClusterEffect, clustered_contrast, spread_left
from splitmile.stats.inputs import FloatArray, RowsMismatch
from splitmile.stats.least_squares import ClusterLeverage, orthonormal_basis, residual_of_column
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_exposure import exposed, exposure, require_order
from splitmile.stats.switchback_windows import SwitchbackEffect, SwitchbackWindows

_NO_WINDOW = "no window has an outcome"
_NO_CONTRAST = "treatment does not vary within zones and hours of the day"
_NO_VARIATION = "no variation, so no test is possible"
_CONTROL_ZERO = "zero lies within the control's 95 % confidence interval"
_CONTROL_LEVEL = 0.05


def switchback_regression(windows: SwitchbackWindows, *, hour: ArrayLike, cluster: ArrayLike) -> SwitchbackEffect:
    """Outcome on treatment with effects of zone and hour of the day, weighted, with CR2 standard errors.

    No allowance for carry-over: the effect is that of the window's own assignment.

    Args:
        windows: Of the experiment.
        hour: (windows,) label of each window's hour of the day, as `SwitchbackDesign.hours` gives.
        cluster: (zones, windows) label of what was assigned independently, as `SwitchbackDesign.independent_units` gives;
            or of something coarser, zones or days, to allow for dependence between assignments too.

    Returns:
        The effect; without estimate where treatment does not vary within zones and hours. The means are those of all
        windows under one arm, as the regression predicts them.

    Raises:
        RowsMismatch: `hour` or `cluster` does not have the shape above.

    Source:
        Bell & McCaffrey (2002) and Pustejovsky & Tipton (2018) as for `cr2`. The relative effect is the delta method's: the
        CR2 variance of the linearised contrast, with levels that a cluster fits exactly taken as given.
    """
    labels, hours, shape = np.asarray(cluster), np.asarray(hour), windows.outcome.shape
    if labels.shape != shape or hours.shape != shape[1:]:
        raise RowsMismatch(f"expected cluster {shape} and hour {shape[1:]}, found {labels.shape} and {hours.shape}")
    is_observed = windows.is_observed
    arms, root = windows.treatment[is_observed].astype(np.float64), np.sqrt(windows.weight[is_observed])
    per_arm = [int(np.sum(arms == arm)) for arm in (0, 1)]
    if arms.size == 0:
        return _no_estimate(_NO_WINDOW, 0, per_arm)
    values = windows.outcome[is_observed] * root
    member = np.unique(labels[is_observed], return_inverse=True)[1].astype(np.int64)
    fixed = fixed_effects(windows, hours)
    own = residual_of_column(fixed, arms * root)
    if own is None:
        return _no_estimate(_NO_CONTRAST, int(member.max()) + 1, per_arm)
    length = float(np.linalg.norm(own))
    basis = np.column_stack((fixed, own / length))
    slope = float(own @ values) / length**2
    total = float(np.sum(root**2))
    control = float(root @ values - slope * (root @ (arms * root))) / total
    towards_slope = np.zeros(basis.shape[1])
    towards_slope[-1] = 1 / length
    towards_control = basis.T @ root / total - towards_slope * float(root @ (arms * root)) / total
    leverage, left, clusters = ClusterLeverage(basis, member), spread_left(basis, values), int(member.max()) + 1
    absolute = clustered_contrast(leverage, towards_slope, left, clusters, slope)
    of_control = clustered_contrast(leverage, towards_control, left, clusters, control, is_level=True)
    reason = absolute.reason or _control_reason(of_control)
    relative = _no_effect(reason, clusters)
    if not reason:
        direction = (towards_slope - towards_control * slope / control) / control
        relative = clustered_contrast(leverage, direction, left, clusters, slope / control, is_level=True)
    return SwitchbackEffect(absolute, relative, control, control + slope, *per_arm)


def horvitz_thompson(windows: SwitchbackWindows, design: SwitchbackDesign, *, order: int = 0) -> SwitchbackEffect:
    """Treatment always against control always, from windows whose last m + 1 assignments are alike, by Horvitz and Thompson.

    Unbiased whatever the outcomes are, but noisy where their level is far from zero; `hajek` is the better choice then. Each
    window counts with the inverse of its exact exposure probability; windows that the design cannot expose to both arms
    are left out. The reference is normal and the variance an upper bound that holds on average. In balanced blocks the
    bound is far too wide, as it does not see that their windows make up for one another: take the regression there.

    Args:
        windows: Of the experiment, with the assigned arms.
        design: That the arms were drawn from; `draw` itself is not called, so any schedule of this mechanism will do.
        order: m, the windows back that an assignment still acts on.

    Returns:
        The effect; without estimate where no window is exposed to an arm.

    Raises:
        WindowsInvalid: The windows do not have the design's shape.
        OrderInvalid: The order is no whole number from 0 to windows − 1.

    Source:
        Bojinov, Simchi-Levi & Zhao (2023), Management Science 69, 3759-3777 (arXiv 2009.00148), equation 3 and corollary
        1, the bound worked out for any block length, share and mechanism: every product of two potential outcomes is
        bounded by half the sum of their squares, times the absolute covariance of their exposures.
    """
    return _design_based(windows, design, order, is_normalised=False)


def hajek(windows: SwitchbackWindows, design: SwitchbackDesign, *, order: int = 0) -> SwitchbackEffect:
    """As `horvitz_thompson`, with each arm's weights divided by their sum; a ratio metric becomes ΣN/ΣD of the exposed windows.

    The level of the outcomes cancels, at the price of a bias that vanishes as windows grow. The variance is the same bound on
    the residuals from the arm's mean.

    Args:
        windows: As for `horvitz_thompson`.
        design: As for `horvitz_thompson`.
        order: As for `horvitz_thompson`.

    Returns:
        The effect; without estimate where no window is exposed to an arm.

    Raises:
        WindowsInvalid: As for `horvitz_thompson`.
        OrderInvalid: As for `horvitz_thompson`.

    Source:
        Hájek, J. (1971), comment on an essay by D. Basu, in Foundations of Statistical Inference, 236; Bojinov, Simchi-Levi
        & Zhao (2023) for exposures and bound.
    """
    return _design_based(windows, design, order, is_normalised=True)


def fixed_effects(windows: SwitchbackWindows, hour: NDArray[np.generic]) -> FloatArray:
    """Orthonormal basis (observed windows, rank) of the effects of zone and hour, rows multiplied by the root of the weight."""
    zone_of, window_of = np.nonzero(windows.is_observed)
    hours, hour_of = np.unique(hour, return_inverse=True)
    zones = windows.outcome.shape[0]
    columns = np.zeros((zone_of.size, zones + hours.size))
    root = np.sqrt(windows.weight[zone_of, window_of])
    rows = np.arange(zone_of.size)
    columns[rows, zone_of] = root
    columns[rows, zones + hour_of[window_of]] = root
    return orthonormal_basis(columns)


def _design_based(windows: SwitchbackWindows, design: SwitchbackDesign, order: int, *, is_normalised: bool) -> SwitchbackEffect:
    windows.require_design(design)
    require_order(design, order)
    chances = exposure(design, order)
    is_usable = windows.is_observed[:, order:] & np.all(chances.probability > 0, axis=0)
    inverse = np.divide(1, chances.probability, out=np.zeros_like(chances.probability), where=chances.probability > 0)
    weight = np.where(is_usable, windows.weight[:, order:], 0.0)
    values = np.where(is_usable, windows.outcome[:, order:], 0.0)
    is_exposed = [arm * is_usable for arm in exposed(windows.treatment, order)]
    per_arm = [int(np.sum(arm)) for arm in is_exposed]
    units = int(np.unique(design.independent_units()[:, order:][is_usable]).size)
    for arm, name in enumerate(("control", "treatment")):
        if per_arm[arm] == 0:
            return _no_estimate(f"no window is exposed to {name} at order {order}", units, per_arm)
    inflated = [is_exposed[arm] * inverse[arm] * weight for arm in (0, 1)]
    totals = [float(np.sum(part if is_normalised else weight)) for part in inflated]
    means = [float(np.sum(part * values)) / total for part, total in zip(inflated, totals, strict=True)]
    centres = means if is_normalised else [0.0, 0.0]
    pieces = [weight * (values - centre) / total for centre, total in zip(centres, totals, strict=True)]

    def effect(estimate: float, of_control: float, of_treatment: float) -> ClusterEffect:
        """With the variance of the treatment's mean times one factor and the control's times another."""
        parts = [is_exposed[arm] * inverse[arm] ** 0.5 * pieces[arm] * abs(f) for arm, f in enumerate((of_control, of_treatment))]
        variance = chances.variance_bound(parts, is_usable)
        if variance == 0:
            return ClusterEffect(estimate, 0.0, math.nan, units, _NO_VARIATION)
        return ClusterEffect(estimate, math.sqrt(variance), math.inf, units)

    absolute = effect(means[1] - means[0], 1.0, 1.0)
    reason = absolute.reason or _control_reason(effect(means[0], 1.0, 0.0))
    ratio = means[1] / means[0] if not reason else math.nan
    relative = _no_effect(reason, units) if reason else effect(ratio - 1, ratio / means[0], 1 / means[0])
    return SwitchbackEffect(absolute, relative, means[0], means[1], *per_arm)


def _control_reason(control: ClusterEffect) -> str:
    """Why a share of the control's mean has no meaning, or `''`."""
    if control.reason:
        return control.reason if control.estimate == 0 else ""
    half = float(stats.t.isf(_CONTROL_LEVEL / 2, control.degrees_of_freedom)) * control.standard_error
    return _CONTROL_ZERO if abs(control.estimate) <= half else ""


def _no_effect(reason: str, clusters: int) -> ClusterEffect:
    return ClusterEffect(math.nan, math.nan, math.nan, clusters, reason)


def _no_estimate(reason: str, clusters: int, per_arm: list[int]) -> SwitchbackEffect:
    nothing = _no_effect(reason, clusters)
    return SwitchbackEffect(nothing, nothing, math.nan, math.nan, *per_arm)
