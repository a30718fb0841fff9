"""The one table of limits: how grave each check is, and where it draws the line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a failed check does: `block` stops the run and publishes nothing but the alarm, `warn` goes into the digest."""

    block = "block"
    warn = "warn"


@dataclass(frozen=True, slots=True)
class Limit:
    """Where one check draws the line.

    Attributes:
        severity: What the check does when it fails.
        minimum, maximum: Bounds of the value, both included; `None` leaves the side open.
        mostly: Share of the rows with a value that must keep the rule.
    """

    severity: Severity
    minimum: float | None = None
    maximum: float | None = None
    mostly: float = 1.0

    def __str__(self) -> str:
        """The limit in words, as the documentation has it."""
        match self.minimum, self.maximum:
            case None, None:
                bounds = ""
            case low, None:
                bounds = f"at least {low:,g}"
            case None, high:
                bounds = f"at most {high:,g}"
            case low, high if low == high:
                bounds = f"{low:,g}"
            case low, high:
                bounds = f"{low:,g} to {high:,g}"
        share = "" if self.mostly == 1 and bounds else "in every row" if self.mostly == 1 else f"in {100 * self.mostly:g} % of the rows"
        return ", ".join(part for part in (bounds, share) if part)


_BLOCK, _WARN = Severity.block, Severity.warn

LIMITS: dict[str, Limit] = {
    # The day of a feed beside its trailing week.
    "deliveries_present": Limit(_BLOCK, minimum=1),
    "deliveries_volume_kept": Limit(_BLOCK, minimum=0.1),
    "deliveries_volume_usual": Limit(_WARN, minimum=0.4, maximum=2.5),
    "deliveries_fresh": Limit(_WARN, maximum=3),
    "deliveries_sent_once": Limit(_WARN, maximum=0.05),
    "distance_level_usual": Limit(_WARN, minimum=0.5, maximum=2),
    "fee_level_usual": Limit(_WARN, minimum=0.5, maximum=2),
    "exposures_present": Limit(_WARN, minimum=1),
    "exposures_volume_usual": Limit(_WARN, minimum=0.1, maximum=10),
    "exposures_fresh": Limit(_WARN, maximum=6),
    "exposures_sent_once": Limit(_WARN, maximum=0.05),
    # Whether the units of the two feeds are the same units.
    "exposed_units_joinable": Limit(_BLOCK, minimum=0.01),
    "exposed_units_active": Limit(_WARN, minimum=0.3),
    # The deliveries of the day, row by row.
    "delivery_status_known": Limit(_BLOCK),
    "delivered_at_fits_status": Limit(_BLOCK, mostly=0.999),
    "cancelled_at_present": Limit(_WARN, minimum=1, mostly=0.99),
    "delivered_after_ordered": Limit(_BLOCK, mostly=0.999),
    "assigned_after_ordered": Limit(_WARN, mostly=0.99),
    "picked_up_after_assigned": Limit(_WARN, mostly=0.99),
    "delivered_after_picked_up": Limit(_WARN, mostly=0.99),
    "promised_after_ordered": Limit(_WARN, mostly=0.99),
    "delivery_seconds_plausible": Limit(_WARN, maximum=86_400, mostly=0.999),
    "distance_possible": Limit(_BLOCK, minimum=0, maximum=20_100_000, mostly=0.999),
    "fee_possible": Limit(_BLOCK, minimum=0, maximum=10_000_000, mostly=0.999),
    "deliveries_settled": Limit(_WARN, minimum=1, mostly=0.9),
    "courier_id_present": Limit(_WARN, minimum=1, mostly=0.95),
    "customer_id_present": Limit(_WARN, minimum=1, mostly=0.95),
    "zone_id_present": Limit(_WARN, minimum=1, mostly=0.95),
    # The exposures of the day, row by row.
    "exposure_unit_type_known": Limit(_BLOCK),
    "exposure_unit_id_present": Limit(_BLOCK, minimum=1, mostly=0.999),
    "exposure_experiment_registered": Limit(_WARN),
    "exposure_variant_registered": Limit(_WARN),
    "exposure_unit_type_planned": Limit(_WARN),
    # The marts.
    "moments_present": Limit(_BLOCK),
    "moments_units_agree": Limit(_BLOCK),
    "moments_units_possible": Limit(_BLOCK, minimum=0),
    "moments_sums_present": Limit(_BLOCK, maximum=0),
    "moments_squares_possible": Limit(_BLOCK, minimum=0),
    "moments_spread_possible": Limit(_BLOCK, minimum=-1e-9),
    "unit_days_conserve_deliveries": Limit(_BLOCK),
    # Layers and holdouts.
    "layer_units_apart": Limit(_WARN, maximum=0),
    # Experiments assigned without regard to each other share as many units as the larger of their shares, seldom so few as this.
    "layer_kept": Limit(_BLOCK, maximum=0.02),
    "holdout_kept": Limit(_WARN, maximum=0),
    # A fixed-horizon test that is read every day, so strict.
    "layer_split_planned": Limit(_WARN, minimum=0.001),
}
