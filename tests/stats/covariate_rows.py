"""Moments of a metric and its covariate from the rows of units, and a naive exact CUPED on those rows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

from splitmile.stats import CovariateMoments

Units = Sequence[tuple[int, int, int, int]]
"""N, D, XN and XD of each unit."""

_NAMES = ("numerator", "denominator", "covariate_numerator", "covariate_denominator")


def sums_of(units: Units) -> dict[str, list[int]]:
    """One row of the arguments of `CovariateMoments.from_sums`."""
    columns = dict(zip(_NAMES, zip(*units, strict=True) if units else [()] * 4, strict=True))
    sums = {f"sum_{name}": [sum(values)] for name, values in columns.items()}
    for a, b in combinations_with_replacement(_NAMES, 2):
        name = f"{a}_squared" if a == b else f"{a}_{b.removeprefix('covariate_') if a.startswith('covariate') else b}"
        sums[f"sum_{name}"] = [sum(x * y for x, y in zip(columns[a], columns[b], strict=True))]
    return {"n": [len(units)], **sums}


def covariate_moments_of(units: Units) -> CovariateMoments:
    """One row of moments."""
    return CovariateMoments.from_sums(**sums_of(units))


def exact_cuped(control: Units, treatment: Units) -> tuple[Fraction, list[Fraction], Fraction, Fraction]:
    """θ, both adjusted values, and the variances of adjusted and plain difference, with one covariate, from each unit."""
    everyone = [*control, *treatment]
    ratio_x = Fraction(sum(u[2] for u in everyone), sum(u[3] for u in everyone))
    level_x = Fraction(sum(u[3] for u in everyone), len(everyone))
    sides = []
    for units in (control, treatment):
        ratio = Fraction(sum(u[0] for u in units), sum(u[1] for u in units))
        level = Fraction(sum(u[1] for u in units), len(units))
        y = [(n - ratio * d) / level for n, d, _, _ in units]
        x = [(xn - ratio_x * xd) / level_x for _, _, xn, xd in units]
        mean_x = sum(x) / len(units)
        sides.append((ratio, y, [value - mean_x for value in x], mean_x))
    theta = sum(a * b for _, y, x, _ in sides for a, b in zip(y, x, strict=True)) / sum(b * b for _, _, x, _ in sides for b in x)
    values = [ratio - theta * mean_x for ratio, _, _, mean_x in sides]  # the mean of x over both sides is 0
    adjusted = plain = Fraction(0)
    for _, y, x, _ in sides:
        scale = len(y) * (len(y) - 1)
        adjusted += sum((a - theta * b) ** 2 for a, b in zip(y, x, strict=True)) / scale
        plain += sum(a * a for a in y) / scale
    return theta, values, adjusted, plain
