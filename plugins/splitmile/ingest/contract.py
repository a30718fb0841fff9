"""The contract of the two feeds; docs/feeds.md says the same to people, and a test holds them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from splitmile.warehouse import ColumnRule

FeedName = Literal["exposures", "deliveries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedColumn(ColumnRule):
    """One column of a feed: the rule for its values, and what they mean.

    Attributes:
        description: One sentence for people.
    """

    description: str


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed: what a row is, and its columns.

    Attributes:
        name: The folder below the prefix, and the table in the schema `landing`.
        grain: What one row is.
        id_column: Names the event; a later row with the same id corrects the earlier one.
        instant_column: Decides the business date of the row.
        columns: In the order in which the documentation has them.
    """

    name: FeedName
    grain: str
    id_column: str
    instant_column: str
    columns: tuple[FeedColumn, ...]

    @property
    def table(self) -> str:
        """Where its rows are kept."""
        return f"landing.{self.name}"


def _id(name: str, description: str, *, is_nullable: bool = False) -> FeedColumn:
    return FeedColumn(name=name, type="text", is_nullable=is_nullable, max_bytes=128, description=description)


def _instant(name: str, description: str, *, is_nullable: bool = True) -> FeedColumn:
    return FeedColumn(name=name, type="instant", is_nullable=is_nullable, description=description)


def _choice(name: str, accepted: tuple[str, ...], description: str) -> FeedColumn:
    return FeedColumn(name=name, type="text", accepted=accepted, description=description)


EXPOSURES = Feed(
    name="exposures",
    grain="One row per exposure: a unit met the variant that it was assigned to.",
    id_column="exposure_id",
    instant_column="exposed_at",
    columns=(
        _id("exposure_id", "Names the exposure; a row with the same id, received later, replaces it."),
        _id("experiment_id", "The `id` of an experiment file."),
        _id("variant", "One of the experiment's variants."),
        _choice("unit_type", ("courier", "store", "customer", "zone"), "What was assigned; equals the experiment's `unit`."),
        _id("unit_id", "The courier, store, customer or zone, by the same id as in deliveries."),
        _instant("exposed_at", "When the unit first could behave differently because of the variant.", is_nullable=False),
        FeedColumn(
            name="attributes",
            type="json",
            is_nullable=True,
            max_bytes=4096,
            description="Facts about the unit at that instant, as a JSON object; an experiment can split its results by them "
            "([segments](experiments.md#segments)).",
        ),
    ),
)

DELIVERIES = Feed(
    name="deliveries",
    grain="One row per delivery, as far as it had come when the feed was written.",
    id_column="delivery_id",
    instant_column="ordered_at",
    columns=(
        _id("delivery_id", "Names the delivery; a row with the same id, received later, replaces it."),
        _id("courier_id", "Empty until a courier is assigned.", is_nullable=True),
        _id("store_id", "Where the order is picked up."),
        _id("customer_id", "Who ordered.", is_nullable=True),
        _id("zone_id", "The delivery zone of the address.", is_nullable=True),
        _instant("ordered_at", "When the order was placed; decides the business date.", is_nullable=False),
        _instant("assigned_at", "When a courier confirmed the order."),
        _instant("picked_up_at", "When the courier left the store with it."),
        _instant("delivered_at", "When it was handed over."),
        _instant("promised_at", "The time of arrival that the customer was shown."),
        _instant("cancelled_at", "When it was cancelled."),
        _choice("status", ("delivered", "cancelled", "failed", "in_progress"), "How the delivery stands."),
        FeedColumn(name="distance_m", type="integer", is_nullable=True, description="Route from the store to the address, in metres."),
        FeedColumn(name="fee_krw", type="integer", is_nullable=True, description="What the delivery earned, in won."),
    ),
)

FEEDS: dict[FeedName, Feed] = {feed.name: feed for feed in (EXPOSURES, DELIVERIES)}
