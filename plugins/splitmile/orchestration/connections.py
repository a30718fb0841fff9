"""Airflow connections become plain values. Connections hold the secrets; settings never do."""

from __future__ import annotations

import logging
from typing import Any

from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Settings

AWS_CONNECTION = "aws_default"
SLACK_CONNECTION = "slack_api_default"

_log = logging.getLogger(__name__)


def store_credentials() -> StoreCredentials:
    """How to reach S3, from `aws_default`; roles to assume, profiles and instance roles are resolved by the Amazon provider."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id=AWS_CONNECTION)
    endpoint = hook.conn_config.get_service_endpoint_url("s3")
    if hook.get_session().get_credentials() is None:
        return StoreCredentials(endpoint_url=endpoint, region=hook.region_name)
    keys = hook.get_credentials()
    return StoreCredentials(endpoint, keys.access_key, keys.secret_key, keys.token, hook.region_name)


def open_store(settings: Settings) -> ObjectStore:
    """The bucket of the feeds."""
    return ObjectStore(settings.feeds.bucket, store_credentials())


def slack_client() -> Any | None:
    """A `slack_sdk.WebClient` from `slack_api_default`; none where it does not exist: then messages are printed and previewed."""
    from airflow.providers.slack.hooks.slack import SlackHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return SlackHook(slack_conn_id=SLACK_CONNECTION).client
    except AirflowNotFoundException:
        _log.info("no connection %s: the message is printed and previewed instead of sent", SLACK_CONNECTION)
        return None
