"""Moments from the rows of units, and what a naive exact computation on those rows says."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from splitmile.stats import Moments


def moments_of(numerators: Sequence[int], denominators: Sequence[int] | None = None) -> Moments:
    """One row of moments; without denominators, those of a mean."""
    below = [1] * len(numerators) if denominators is None else denominators
    pairs = [(int(a), int(b)) for a, b in zip(numerators, below, strict=True)]
    return Moments.from_sums(
        [len(pairs)],
        [sum(a for a, _ in pairs)],
        [sum(b for _, b in pairs)],
        [sum(a * a for a, _ in pairs)],
        [sum(a * b for a, b in pairs)],
        [sum(b * b for _, b in pairs)],
    )


def exact_ratio(numerators: Sequence[int], denominators: Sequence[int]) -> tuple[Fraction, Fraction]:
    """Ratio and delta-method variance from the residuals N - R·D of each unit, in exact fractions."""
    n = len(numerators)
    ratio = Fraction(sum(numerators), sum(denominators))
    residuals = [a - ratio * b for a, b in zip(numerators, denominators, strict=True)]
    return ratio, sum(r * r for r in residuals) / (n - 1) * n / Fraction(sum(denominators)) ** 2
