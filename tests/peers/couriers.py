"""Six hundred couriers with a past, in two variants: what every peer is given."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from splitmile.stats import CovariateMoments, Moments


@cache
def couriers() -> pd.DataFrame:
    """One row a courier: variant (0 the control), deliveries and their seconds since exposure, and the same before it."""
    rng = np.random.default_rng(20260302)
    n = 600
    pace, busy = rng.lognormal(7.5, 0.2, n), rng.lognormal(0, 0.3, n)
    deliveries_before, deliveries = rng.poisson(40 * busy) + 1, rng.poisson(30 * busy) + 1
    variant = rng.permuted(np.arange(n) % 2)
    seconds = deliveries * pace * rng.lognormal(0, 0.05, n) * (1 - 0.02 * variant)
    seconds_before = deliveries_before * pace * rng.lognormal(0, 0.05, n)
    return pd.DataFrame(
        {
            "courier": np.arange(n),
            "variant": variant,
            "deliveries": deliveries,
            "seconds": np.rint(seconds).astype(np.int64),
            "deliveries_before": deliveries_before,
            "seconds_before": np.rint(seconds_before).astype(np.int64),
            "is_late": (rng.random(n) < 0.3 - 0.05 * variant).astype(np.int64),
        }
    )


@cache
def deliveries() -> pd.DataFrame:
    """One row a delivery of those couriers, its seconds scattered around the courier's own mean."""
    rng = np.random.default_rng(20260303)
    frame = couriers()
    rows = frame.loc[frame.index.repeat(frame.deliveries), ["courier", "variant"]].reset_index(drop=True)
    pace = (frame.seconds / frame.deliveries).to_numpy()[rows.courier]
    return rows.assign(seconds=np.rint(pace * rng.lognormal(0, 0.4, len(rows))).astype(np.int64))


def moments(numerator: str, denominator: str | None = None) -> tuple[Moments, Moments]:
    """Control and treatment of a metric, one row each."""
    frame = couriers()
    below = None if denominator is None else frame[denominator].to_numpy()
    both = Moments.from_units(frame[numerator].to_numpy(), below, group=frame.variant.to_numpy(), groups=2)
    return both.take([0]), both.take([1])


def covariate_moments(numerator: str, denominator: str | None = None) -> tuple[CovariateMoments, CovariateMoments]:
    """The same with the metric of the time before as the covariate."""
    frame = couriers()
    ones = np.ones(len(frame))
    both = CovariateMoments.from_units(
        frame[numerator].to_numpy(),
        ones if denominator is None else frame[denominator].to_numpy(),
        frame[f"{numerator}_before"].to_numpy(),
        ones if denominator is None else frame[f"{denominator}_before"].to_numpy(),
        group=frame.variant.to_numpy(),
        groups=2,
    )
    return both.take([0]), both.take([1])
