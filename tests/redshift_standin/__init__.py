"""A stand-in for Amazon Redshift: its wire protocol and its dialect in front of an embedded PostgreSQL, for tests."""

from redshift_standin.server import RedshiftStandIn

__all__ = ["RedshiftStandIn"]
