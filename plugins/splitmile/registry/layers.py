"""Layers across the files: experiments that share no unit, and holdouts that keep units out of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from splitmile.registry.document import Location
from splitmile.registry.explain import suggestion

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Tenant:
    """One experiment's part of a layer.

    Attributes:
        path: Its file, as shown.
        layer: Name of the layer.
        unit_type: What it randomises.
        share: Of the layer's units: its own as an experiment, its control's as a holdout.
        is_holdout: Whether it keeps units out of the layer's experiments.
        start_date, end_date: Both counted.
    """

    path: str
    layer: str
    unit_type: str
    share: float
    is_holdout: bool
    start_date: date
    end_date: date

    @property
    def location(self) -> Location:
        """Where the file says so."""
        return ("holdout_of",) if self.is_holdout else ("layer",)


def layer_faults(tenants: Sequence[Tenant], known_layers: frozenset[str]) -> Iterator[tuple[Tenant, Location, str]]:
    """What is wrong between the files of each layer: said of the file that starts later, which alone is stopped.

    Args:
        tenants: Of all layers, of files that are sound by themselves.
        known_layers: Layers that any experiment file names, sound or not.
    """
    settled: list[Tenant] = []
    for tenant in sorted(tenants, key=lambda tenant: (tenant.start_date, tenant.path)):
        others = [other for other in settled if other.layer == tenant.layer]
        message = _unknown(tenant, known_layers) or _other_unit(tenant, others) or _too_much(tenant, others)
        if message:
            yield tenant, tenant.location, message
        else:
            settled.append(tenant)


def _unknown(tenant: Tenant, known_layers: frozenset[str]) -> str:
    if tenant.layer in known_layers:
        return ""
    return f"`holdout_of` is {tenant.layer!r}, a layer without experiments; {suggestion(tenant.layer, known_layers, 'layer')}"


def _other_unit(tenant: Tenant, others: Sequence[Tenant]) -> str:
    if not others or others[0].unit_type == tenant.unit_type:
        return ""
    return (
        f"the layer {tenant.layer!r} is of the unit {others[0].unit_type} ({_paths(others)}), and `unit` here is {tenant.unit_type!r}; "
        "expected one unit in a layer; take another layer, or correct the unit"
    )


def _too_much(tenant: Tenant, others: Sequence[Tenant]) -> str:
    # All others began before, so the shares add up to most on this one's first date.
    sharing = [other for other in others if other.end_date >= tenant.start_date]
    total = tenant.share + sum(other.share for other in sharing)
    if total <= 1 + _TOLERANCE:
        return ""
    return (
        f"the layer {tenant.layer!r} is given out {total:.12g} times on {tenant.start_date}: {tenant.share:.12g} here, "
        f"{total - tenant.share:.12g} in {_paths(sharing)}; expected at most 1, a holdout's control counted; "
        "lower a share, or start when another experiment is over"
    )


def _paths(tenants: Sequence[Tenant]) -> str:
    return ", ".join(sorted({tenant.path for tenant in tenants}))
