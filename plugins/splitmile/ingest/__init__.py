"""Ingest: what changed on S3 is loaded, a partition as a whole, exactly once."""

from __future__ import annotations

from splitmile.ingest.contract import DELIVERIES, EXPOSURES, FEEDS, Feed, FeedColumn, FeedName
from splitmile.ingest.dates import complete_new_dates, mark_emitted
from splitmile.ingest.failures import (
    ColumnMissing,
    ColumnTypeWrong,
    ObjectUnreadable,
    PartitionEmpty,
    PartitionShrunk,
    TooManyRejected,
)
from splitmile.ingest.load import LoadReport, load_partition
from splitmile.ingest.partitions import FeedPartition, find_changed_partitions, list_partition, partition_prefix

__all__ = [
    "DELIVERIES",
    "EXPOSURES",
    "FEEDS",
    "ColumnMissing",
    "ColumnTypeWrong",
    "Feed",
    "FeedColumn",
    "FeedName",
    "FeedPartition",
    "LoadReport",
    "ObjectUnreadable",
    "PartitionEmpty",
    "PartitionShrunk",
    "TooManyRejected",
    "complete_new_dates",
    "find_changed_partitions",
    "list_partition",
    "load_partition",
    "mark_emitted",
    "partition_prefix",
]
