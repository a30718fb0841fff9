"""The one Airflow that a test process can have: its configuration is read on import, so every in-process test shares a home."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from slack_server import TOKEN, SlackServer
from splitmile.object_store import StoreCredentials
from splitmile.orchestration.embedded import AWS_VARIABLE, embedded_environment, prepare_airflow
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess


def airflow_environment(settings: Settings, s3: StoreCredentials | None = None) -> dict[str, str]:
    """The environment of an embedded installation with these settings, in the Airflow home of this process."""
    own = embedded_environment(settings, s3_endpoint=s3.endpoint_url if s3 else None)
    shared = {
        name: value
        for name, value in embedded_environment(_shared()).items()
        if name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    }
    return own | shared


def slack_connection(server: SlackServer) -> dict[str, str]:
    """The variable that makes `slack_api_default` a loopback workspace."""
    extra = {"base_url": server.base_url}
    return {"AIRFLOW_CONN_SLACK_API_DEFAULT": json.dumps({"conn_type": "slack", "password": TOKEN, "extra": extra})}


def aws_connection(s3: StoreCredentials) -> dict[str, str]:
    """The variable that makes `aws_default` this S3."""
    extra = {"endpoint_url": s3.endpoint_url, "region_name": s3.region}
    fields = {"conn_type": "aws", "login": s3.access_key_id, "password": s3.secret_access_key, "extra": extra}
    return {AWS_VARIABLE: json.dumps(fields)}


def redshift_connection(access: RedshiftAccess, **extra: object) -> dict[str, str]:
    """The variable that makes `redshift_default` this database, with more in its extra where that is wanted."""
    fields = {
        "conn_type": "redshift",
        "host": access.host,
        "port": access.port,
        "schema": access.database,
        "login": access.user,
        "password": access.password,
        "extra": {"sslmode": access.sslmode, **extra},
    }
    return {"AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(fields)}


@cache
def prepared() -> None:
    """Make the shared home's database, once."""
    prepare_airflow(_shared(), embedded_environment(_shared()))


@cache
def _shared() -> Settings:
    folder = Path(tempfile.mkdtemp(prefix="splitmile-airflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Settings(state_dir=folder)
