"""How to reach Redshift: plain values, made from Airflow's connections by orchestration."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from splitmile.object_store import StoreCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class RedshiftAccess:
    """Where Redshift is, who logs in, and how S3 is reached for loading.

    Attributes:
        host, port, database: Of the cluster or workgroup.
        user, password: Of the database, or the temporary ones of an IAM log-in.
        sslmode: `verify-ca`, or `verify-full` to check the host's name as well.
        store: How this process reaches S3, and what COPY is given where it uses the connection's keys.
    """

    host: str
    database: str
    user: str
    password: str = field(repr=False)
    port: int = 5439
    sslmode: Literal["verify-ca", "verify-full"] = "verify-ca"
    store: StoreCredentials = field(default_factory=StoreCredentials)

    @property
    def sqlalchemy_url(self) -> str:
        """The URL for SQLAlchemy with psycopg2, password and all."""
        from sqlalchemy.engine import URL

        query = {"sslmode": self.sslmode, "sslrootcert": _certificates()}
        url = URL.create("redshift+psycopg2", self.user, self.password, self.host, self.port, self.database, query)
        return url.render_as_string(hide_password=False)


def _certificates() -> str:
    """The authorities that redshift_connector trusts: those of `SSL_CERT_FILE` where it is set, or else Amazon's, which it carries."""
    import redshift_connector

    return os.environ.get("SSL_CERT_FILE") or str(Path(redshift_connector.__file__).parent / "files" / "redshift-ca-bundle.crt")
