"""Interference: does a treatment reach units that did not get it? The unit-level beside the zone-level estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splitmile.stats.effects import Effects
from splitmile.stats.inputs import FloatArray, RowsMismatch, TextArray, frozen, require_same_rows
from splitmile.stats.student import upper_tails

_NO_SPREAD = "neither estimate has a standard error, so no test is possible"


@dataclass(frozen=True, slots=True, eq=False)
class Interference:
    """Two estimates of the same k effects side by side; arrays of shape (k,), read-only.

    Attributes:
        unit_level: Effects where single units were randomised.
        zone_level: Effects where whole zones (or zones × windows) were.
        difference: Zone-level less unit-level, in the unit of the effects; NaN where either is missing.
        standard_error_bound: The most that the standard error of the difference can be, whatever the two have in common.
        degrees_of_freedom: The smaller of the two; NaN where there is no test.
        p_value: Of "both measure the same", at most; NaN where there is no test.
        reason: Why there is no test; `''` where there is one.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    unit_level: Effects
    zone_level: Effects
    difference: FloatArray
    standard_error_bound: FloatArray
    degrees_of_freedom: FloatArray
    p_value: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        for name in ("difference", "standard_error_bound", "degrees_of_freedom", "p_value"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(
            difference=self.difference,
            standard_error_bound=self.standard_error_bound,
            degrees_of_freedom=self.degrees_of_freedom,
            p_value=self.p_value,
            reason=self.reason,
        )


def interference(unit_level: Effects, zone_level: Effects) -> Interference:
    """Compare the effect measured between units with the one measured between zones.

    Couriers and customers share a zone. Where a treatment takes something from the neighbours (orders, couriers), the
    unit-level effect holds the gain of the treated *and* the loss of the others; the zone-level effect holds neither.
    A significant difference says that the two do not measure the same: then the zone-level effect is the one to ship by.
    No difference says little, as the zone-level estimate is the noisier by far; and spill-over that crosses zones stays
    invisible to both.

    The two may share units, days and zones, so their covariance is unknown. The test takes the worst case, a correlation
    of −1: SE(difference) ≤ SE(unit) + SE(zone). It never rejects too often, and misses some true differences.

    Args:
        unit_level: k effects, all absolute or all relative.
        zone_level: The same k effects, of the same kind.

    Returns:
        k rows; no test where either side has no inference, with its reason.

    Raises:
        RowsMismatch: The two differ in length.

    Source:
        Cauchy–Schwarz for the bound. The comparison of two designs: Saveski, M. et al. (2017), Detecting network effects,
        KDD 2017, 1027-1035; Holtz, D. et al., Reducing interference bias in online marketplace experiments using cluster
        randomization, Management Science (doi 10.1287/mnsc.2020.01157).

    Example:
        >>> check = interference(Effects([5.0], [0.5], [900.0], [""]), Effects([1.0], [1.5], [40.0], [""]))
        >>> check.difference.tolist(), check.standard_error_bound.tolist(), check.p_value.round(4).tolist()
        ([-4.0], [2.0], [0.0523])
    """
    rows = unit_level.estimate.size, zone_level.estimate.size
    if rows[0] != rows[1]:
        raise RowsMismatch(f"expected the same effects at both levels, found {rows[0]} unit-level and {rows[1]} zone-level")
    of_unit, of_zone = np.char.add("unit level: ", unit_level.reason), np.char.add("zone level: ", zone_level.reason)
    bound = unit_level.standard_error + zone_level.standard_error
    reason = np.where(unit_level.reason != "", of_unit, np.where(zone_level.reason != "", of_zone, ""))
    reason = np.where((reason == "") & (bound == 0), _NO_SPREAD, reason)
    freedom = np.where(reason == "", np.fmin(unit_level.degrees_of_freedom, zone_level.degrees_of_freedom), np.nan)
    difference = zone_level.estimate - unit_level.estimate
    return Interference(unit_level, zone_level, difference, bound, freedom, 2 * upper_tails(np.abs(difference), bound, freedom), reason)
