"""Why a partition was not loaded; in each case what was loaded before stays as it was."""

from __future__ import annotations

from splitmile.errors import FeedError


class ObjectUnreadable(FeedError):
    """An object is no file of the kind that its name says, or is only half written."""


class ColumnMissing(FeedError):
    """An object lacks a column of the contract."""


class ColumnTypeWrong(FeedError):
    """A typed object holds a column in a type that the contract cannot be read from."""


class TooManyRejected(FeedError):
    """More rows break the contract than `feeds.max_rejected_share` allows."""


class PartitionEmpty(FeedError):
    """A partition has no row, and `feeds.on_empty` is `block`."""


class PartitionShrunk(FeedError):
    """A partition lost more than half of its rows, and `feeds.on_shrunk` is `block`."""
