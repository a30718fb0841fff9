"""The one tree of errors.

A message names the file or table, the field, the value found, what was expected and what to do.
Areas of the package raise the subclasses below; catching `SplitmileError` catches them all and nothing else.
"""

from __future__ import annotations


class SplitmileError(Exception):
    """Something that a person can put right; its message says how."""


class SettingsInvalid(SplitmileError):
    """A setting is missing or has a value that cannot be used."""


class RegistryInvalid(SplitmileError):
    """An experiment file cannot become a plan."""


class FeedError(SplitmileError):
    """A partition of a feed cannot be loaded as it stands."""


class StoreUnavailable(SplitmileError):
    """The object store cannot be reached or refuses the credentials."""


class WarehouseError(SplitmileError):
    """The warehouse refused or lost a statement."""


class WarehouseBusy(WarehouseError):
    """Another process holds the warehouse's one writer."""


class WarehouseConflict(WarehouseError):
    """A transaction met another one on the same rows and was rolled back; running it again will do."""


class TransformFailed(SplitmileError):
    """dbt ended with an error or a failed test."""


class GateBlocked(SplitmileError):
    """A quality gate found a fault that must not be published."""


class StatisticsError(SplitmileError):
    """An input from which no honest number can be computed."""


class AnalysisError(SplitmileError):
    """The moments of an experiment do not fit its plan."""


class PublishFailed(SplitmileError):
    """A digest or page could not be delivered."""
