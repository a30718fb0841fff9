"""Airflow connections become plain values. Connections hold the secrets; settings never do."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from splitmile import warehouse
from splitmile.errors import SettingsInvalid, StoreUnavailable, WarehouseError
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.orchestration.embedded import use_airflow_outside
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess, Warehouse

AWS_CONNECTION = "aws_default"
REDSHIFT_CONNECTION = "redshift_default"
SLACK_CONNECTION = "slack_api_default"

_log = logging.getLogger(__name__)


def store_credentials() -> StoreCredentials:
    """How to reach S3, from `aws_default`; roles to assume, profiles and instance roles are resolved by the Amazon provider.

    Raises:
        StoreUnavailable: AWS does not give the credentials.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.exceptions import BotoCoreError, ClientError

    hook = S3Hook(aws_conn_id=AWS_CONNECTION)
    endpoint = hook.conn_config.get_service_endpoint_url("s3")
    try:
        if hook.get_session().get_credentials() is None:
            return StoreCredentials(endpoint_url=endpoint, region=hook.region_name)
        keys = hook.get_credentials()
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(
            f"AWS gives no credentials for {AWS_CONNECTION}: {error}. Check its keys, and the role it assumes."
        ) from error
    return StoreCredentials(endpoint, keys.access_key, keys.secret_key, keys.token, hook.region_name)


def open_store(settings: Settings) -> ObjectStore:
    """The bucket of the feeds."""
    use_airflow_outside(settings)
    return ObjectStore(settings.feeds.bucket, store_credentials())


def warehouse_access(settings: Settings, *, loads: bool = False) -> RedshiftAccess | None:
    """How to reach Redshift, from `redshift_default`, temporary log-ins by IAM included; none where the engine is DuckDB.

    Args:
        settings: Say which engine.
        loads: Whether rows are to be loaded, which takes S3 as well; nothing else asks AWS for its credentials.

    Raises:
        SettingsInvalid: There is no such connection, or it lacks the host, the database or the log-in.
        WarehouseError: AWS gives no temporary log-in.
    """
    if settings.warehouse.engine == "duckdb":
        return None
    use_airflow_outside(settings)
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    hook = RedshiftSQLHook(redshift_conn_id=REDSHIFT_CONNECTION, aws_conn_id=AWS_CONNECTION)
    try:
        connection = hook.conn
    except AirflowNotFoundException as error:
        raise SettingsInvalid(
            f"`warehouse.engine` is redshift, and there is no connection {REDSHIFT_CONNECTION}, or it cannot be read; "
            "docs/deploy.md shows one."
        ) from error
    extra = connection.extra_dejson
    _require(host=connection.host, schema=connection.schema)
    sslmode = extra.get("sslmode", "verify-ca")
    if sslmode not in ("verify-ca", "verify-full"):
        raise SettingsInvalid(f"the connection {REDSHIFT_CONNECTION} has sslmode {sslmode!r} in its extra; use verify-ca or verify-full.")
    user, password, port = _iam_log_in(hook) if extra.get("iam") else (connection.login, connection.password, connection.port)
    _require(login=user, password=password)
    return RedshiftAccess(
        host=connection.host,
        port=port or 5439,
        database=connection.schema,
        user=user,
        password=password,
        sslmode=sslmode,
        store=store_credentials() if loads else StoreCredentials(),
    )


def _require(**fields: str | None) -> None:
    missing = [name for name, value in fields.items() if not value]
    if missing:
        raise SettingsInvalid(f"the connection {REDSHIFT_CONNECTION} lacks {' and '.join(missing)} (the schema names the database).")


def _iam_log_in(hook: Any) -> tuple[str, str, int]:
    """User, password and port of a log-in for some minutes, which the provider asks AWS for by `aws_default`."""
    from airflow.sdk.exceptions import AirflowException
    from botocore.exceptions import BotoCoreError, ClientError

    extra = hook.conn.extra_dejson
    if not extra.get("is_serverless"):
        _require(login=hook.conn.login)
    try:
        log_in: tuple[str, str, int] = hook.get_iam_token(hook.conn)
    except AirflowException as error:
        raise SettingsInvalid(f"the connection {REDSHIFT_CONNECTION} asks for a log-in by IAM: {error}") from error
    except (BotoCoreError, ClientError) as error:
        action = "redshift-serverless:GetCredentials" if extra.get("is_serverless") else "redshift:GetClusterCredentials"
        raise WarehouseError(
            f"AWS gives no temporary log-in for {REDSHIFT_CONNECTION}: {error}. Check that {AWS_CONNECTION} may {action} (deploy/iam)."
        ) from error
    return log_in


def open_warehouse(settings: Settings, task: str, *, loads: bool = False) -> AbstractContextManager[Warehouse]:
    """A session on the configured warehouse; the task's name is what a DBA sees of it. Arguments and errors as in `warehouse_access`."""
    return warehouse.open_warehouse(settings, warehouse_access(settings, loads=loads), task)


def slack_client() -> Any | None:
    """A `slack_sdk.WebClient` from `slack_api_default`; none where it does not exist: then messages are printed and previewed."""
    from airflow.providers.slack.hooks.slack import SlackHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return SlackHook(slack_conn_id=SLACK_CONNECTION).client
    except AirflowNotFoundException:
        _log.info("no connection %s: the message is printed and previewed instead of sent", SLACK_CONNECTION)
        return None
