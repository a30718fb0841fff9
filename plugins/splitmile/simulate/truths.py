"""The experiments of the demo city, as data, with the truth that each was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from splitmile.results.scorecards import Decision
from splitmile.simulate.demo_feed import PlantedTruth, TruthKind
from splitmile.stats import SwitchbackDesign


class Lever(StrEnum):
    """What a treatment changes in a delivery: a quantity of the simulation that is multiplied by a factor."""

    durations = "durations"
    pickup = "pickup"
    cancellation = "cancellation"
    distance = "distance"


@dataclass(frozen=True, slots=True)
class PlantedExperiment:
    """An experiment as the city runs it; its file in `experiments/` says the same to the platform.

    Attributes:
        experiment_id: Also the salt of the assignment.
        unit_type: courier, store, customer or zone.
        shares: Planned share of each variant, the control first.
        start, end: First and last business date.
        ramp_days: Units become eligible evenly over this many days, at any instant of them.
        effects: Factors on levers, by treatment; they act on orders from the exposure on.
        lost_share: Share of the treatment's units, mostly slow ones, whose exposures never reach the log.
        contaminated_share: Share of units that meet another variant from the day after their exposure on.
        truths: What is to be found, one a treatment.
        switchback: Of an experiment whose zones change variant over time: the design. Its effects act on orders within windows of
            treatment, and nothing is lost, contaminated or eligible late.
    """

    experiment_id: str
    unit_type: str
    shares: Mapping[str, float]
    start: date
    end: date
    truths: tuple[PlantedTruth, ...]
    ramp_days: float = 3.0
    effects: Mapping[str, Mapping[Lever, float]] = field(default_factory=dict)
    lost_share: float = 0.0
    contaminated_share: float = 0.0
    switchback: SwitchbackDesign | None = None

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, the control first."""
        return tuple(self.shares)


_THIRD = 1 / 3

EXPERIMENTS: tuple[PlantedExperiment, ...] = (
    PlantedExperiment(
        experiment_id="dispatch_ranking",
        unit_type="courier",
        shares={"current": 0.5, "ranked": 0.5},
        start=date(2026, 3, 2),
        end=date(2026, 3, 29),
        effects={"ranked": {Lever.durations: 0.95}},
        truths=(
            PlantedTruth(
                experiment_id="dispatch_ranking",
                kind=TruthKind.win,
                metric="delivery_time",
                control="current",
                treatment="ranked",
                relative_effect=-0.05,
                decision=Decision.ship,
                sentence="Ranked dispatch makes every delivery of its couriers 5 % faster.",
            ),
        ),
    ),
    PlantedExperiment(
        experiment_id="delivery_time_prediction",
        unit_type="customer",
        shares={"current": _THIRD, "boosted": _THIRD, "quantile": _THIRD},
        start=date(2026, 3, 2),
        end=date(2026, 3, 29),
        truths=tuple(
            PlantedTruth(
                experiment_id="delivery_time_prediction",
                kind=TruthKind.null,
                metric="late_rate",
                control="current",
                treatment=treatment,
                relative_effect=0.0,
                decision=Decision.no_effect,
                sentence=f"The {treatment} model changes nothing: the promised instant is the same as the current model's.",
            )
            for treatment in ("boosted", "quantile")
        ),
    ),
    PlantedExperiment(
        experiment_id="tms_engine",
        unit_type="store",
        shares={"current": 0.5, "batching": 0.5},
        start=date(2026, 3, 4),
        end=date(2026, 3, 29),
        effects={"batching": {Lever.pickup: 0.92, Lever.cancellation: 1.35}},
        truths=(
            PlantedTruth(
                experiment_id="tms_engine",
                kind=TruthKind.harmed_guardrail,
                metric="cancellation_rate",
                control="current",
                treatment="batching",
                relative_effect=0.35,
                decision=Decision.harmful,
                sentence="The batching engine picks up 8 % sooner, and its stores lose 35 % more orders to cancellation.",
            ),
        ),
    ),
    PlantedExperiment(
        experiment_id="region_recommendation",
        unit_type="courier",
        shares={"current": 0.5, "heatmap": 0.5},
        start=date(2026, 3, 5),
        end=date(2026, 3, 29),
        lost_share=0.30,
        truths=(
            PlantedTruth(
                experiment_id="region_recommendation",
                kind=TruthKind.sample_ratio_mismatch,
                metric="delivery_time",
                control="current",
                treatment="heatmap",
                relative_effect=0.0,
                decision=Decision.invalid,
                sentence="The heatmap changes nothing, but 30 % of its couriers, mostly slow, never log an exposure: the rest look faster.",
            ),
        ),
    ),
    PlantedExperiment(
        experiment_id="route_prediction",
        unit_type="courier",
        shares={"current": 0.5, "learned": 0.5},
        start=date(2026, 3, 9),
        end=date(2026, 4, 5),
        effects={"learned": {Lever.distance: 0.98}},
        contaminated_share=0.06,
        truths=(
            PlantedTruth(
                experiment_id="route_prediction",
                kind=TruthKind.contamination,
                metric="distance_per_delivery",
                control="current",
                treatment="learned",
                relative_effect=-0.02,
                decision=Decision.invalid,
                sentence="Learned routes are 2 % shorter, but 6 % of the couriers change variant after their first day.",
            ),
        ),
    ),
    PlantedExperiment(
        experiment_id="demand_prediction",
        unit_type="zone",
        shares={"current": 0.5, "forecast": 0.5},
        start=date(2026, 3, 16),
        end=date(2026, 4, 12),
        ramp_days=1.0,
        truths=(
            PlantedTruth(
                experiment_id="demand_prediction",
                kind=TruthKind.null,
                metric="late_rate",
                control="current",
                treatment="forecast",
                relative_effect=0.0,
                decision=Decision.keep_running,
                sentence="The forecast changes nothing; 30 zones and two weeks are too few to know that.",
            ),
        ),
    ),
    PlantedExperiment(
        experiment_id="batching_window",
        unit_type="zone",
        shares={"short": 0.5, "long": 0.5},
        start=date(2026, 3, 16),
        end=date(2026, 3, 29),
        effects={"long": {Lever.durations: 0.96}},
        switchback=SwitchbackDesign(
            zones=tuple(f"Z{number:02d}" for number in range(1, 31)),
            start=datetime(2026, 3, 15, 20, tzinfo=UTC),
            window_minutes=120,
            windows=168,
            seed=20260316,
        ),
        truths=(
            PlantedTruth(
                experiment_id="batching_window",
                kind=TruthKind.win,
                metric="delivery_time",
                control="short",
                treatment="long",
                relative_effect=-0.04,
                decision=Decision.ship,
                sentence="While a zone waits longer for orders to batch, its deliveries are 4 % faster.",
                is_switchback=True,
            ),
        ),
    ),
)


def planted_truths() -> tuple[PlantedTruth, ...]:
    """What was planted in the demo city, in the order of the experiments."""
    return tuple(truth for experiment in EXPERIMENTS for truth in experiment.truths)
