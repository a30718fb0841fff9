"""`make redshift`: the stand-in and an S3 server for a person at a terminal, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import typer

from redshift_standin import RedshiftStandIn
from redshift_standin.postgres import PostgresUnavailable
from splitmile.embedded_s3 import EmbeddedS3
from splitmile.errors import StoreUnavailable
from splitmile.object_store import ObjectStore, StoreCredentials

_BUCKET = "splitmile"


def main() -> int:
    """Start both, say how to connect, and wait to be ended."""
    parser = argparse.ArgumentParser(prog="python -m redshift_standin", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".local/redshift"), help="logs, certificates and the buckets (%(default)s)")
    parser.add_argument("--port", type=int, default=5439, help="on the loopback address; 0 takes a free one (%(default)s)")
    arguments = parser.parse_args()

    # SIGINT as well: a shell starts what it runs in the background with it ignored.
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, _interrupt)
    began = time.monotonic()
    state: Path = arguments.state_dir.resolve()
    try:
        with EmbeddedS3(state / "s3") as s3, RedshiftStandIn(state, s3.credentials, arguments.port) as redshift:
            ObjectStore(_BUCKET, s3.credentials).ensure_bucket()
            typer.echo(_how_to_connect(redshift, s3.credentials))
            typer.echo(f"\nReady after {time.monotonic() - began:.1f} s. Ctrl-C ends both.")
            signal.pause()
    except KeyboardInterrupt:
        typer.echo("\nEnded. The buckets stay; the database was thrown away.")
    except (PostgresUnavailable, StoreUnavailable, OSError) as error:
        typer.echo(f"The stand-in did not start: {error}", err=True)
        return 1
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _how_to_connect(redshift: RedshiftStandIn, store: StoreCredentials) -> str:
    where = {"host": redshift.host, "port": redshift.port, "login": redshift.user, "password": redshift.password}
    connections = {
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": {
            "conn_type": "redshift",
            **where,
            "schema": redshift.database,
            "extra": {"sslmode": "verify-full"},
        },
        "AIRFLOW_CONN_AWS_DEFAULT": {
            "conn_type": "aws",
            "login": store.access_key_id,
            "password": store.secret_access_key,
            "extra": {"endpoint_url": store.endpoint_url, "region_name": store.region},
        },
    }
    exports = {
        "SSL_CERT_FILE": str(redshift.ca_file),
        **{name: json.dumps(connection) for name, connection in connections.items()},
        "SPLITMILE_WAREHOUSE__ENGINE": "redshift",
        "SPLITMILE_DBT_REDSHIFT_HOST": redshift.host,
        "SPLITMILE_DBT_REDSHIFT_PORT": str(redshift.port),
        "SPLITMILE_DBT_REDSHIFT_USER": redshift.user,
        "DBT_ENV_SECRET_SPLITMILE_REDSHIFT_PASSWORD": redshift.password,
    }
    parameters = (
        f"host={redshift.host} port={redshift.port} dbname={redshift.database} user={redshift.user} password={redshift.password} "
        f"sslmode=verify-full sslrootcert={redshift.ca_file}"
    )
    return "\n".join(
        (
            f"Redshift (a stand-in)  {redshift.host}:{redshift.port}  database {redshift.database}",
            f"user                   {redshift.user}  password {redshift.password}",
            f"certificate authority  {redshift.ca_file}",
            f"S3                     {store.endpoint_url}  bucket {_BUCKET}  key {store.access_key_id}  secret {store.secret_access_key}",
            "",
            "# Splitmile, Airflow, redshift_connector and `dbt build --target redshift`:",
            *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
            "",
            "# psql:",
            f"psql {shlex.quote(parameters)}",
            "",
            "# COPY, in either:",
            f"copy TABLE from 's3://{_BUCKET}/PREFIX' iam_role default format as parquet",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
