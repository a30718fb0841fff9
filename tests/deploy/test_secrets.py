"""The connections in deploy/secrets, as a secrets backend hands them to Airflow's own hooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from airflow_session import airflow_environment
from deploy.compose import ROOT
from deploy.test_image import VALUES
from splitmile.settings import Settings

FOLDER = ROOT / "deploy" / "secrets"

# AWS itself is left out, but for its own description of what is asked and answered: botocore's stubber checks both against it.
CODE = """
import json, sys
from pathlib import Path
from unittest.mock import patch
import boto3
from botocore.stub import Stubber
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

called = []

def stubbed(service, operation, answer):
    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
    client.meta.events.register("provide-client-params", lambda params, model, **_: called.append([model.name, dict(params)]))
    stub = Stubber(client)
    stub.add_response(operation, answer)
    stub.activate()
    return client

backend = SecretsManagerBackend(**json.loads(sys.argv[1]))
backend.client = stubbed("secretsmanager", "get_secret_value", {"SecretString": Path(sys.argv[2]).read_text()})
connection = backend.get_connection(sys.argv[3])
said = {"type": connection.conn_type, "extra": connection.extra_dejson, "variable": backend.get_variable("x")}
if connection.conn_type == "redshift":
    if connection.extra_dejson.get("is_serverless"):
        answer = {"dbUser": "IAMR:splitmile-workers", "dbPassword": "temporary"}
        redshift = stubbed("redshift-serverless", "get_credentials", answer)
    else:
        answer = {"DbUser": "IAM:splitmile", "DbPassword": "temporary"}
        redshift = stubbed("redshift", "get_cluster_credentials", answer)
    hook = RedshiftSQLHook()
    hook.conn = connection
    with patch.object(AwsBaseHook, "conn", redshift):
        said["parameters"] = hook._get_conn_params()
print(json.dumps({**said, "called": called}))
"""


def read(settings: Settings, file: str) -> dict[str, Any]:
    """What Airflow makes of a secret that has the text of a file, and what it asked AWS beside the secret."""
    name = file.split(".")[0]
    kwargs = next(entry["value"] for entry in VALUES["env"] if entry["name"] == "AIRFLOW__SECRETS__BACKEND_KWARGS")
    environment = {**os.environ, **airflow_environment(settings)}
    command = [sys.executable, "-c", CODE, kwargs, FOLDER / file, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    first, *said["called"] = said["called"]
    assert first == ["GetSecretValue", {"SecretId": f"airflow/connections/{name}"}]
    assert said["variable"] is None, "nothing but connections is asked for"
    return said


@pytest.mark.parametrize(
    ("file", "parameters", "called"),
    [
        (
            "redshift_default.cluster-iam.json",
            {"user": "IAM:splitmile", "password": "temporary", "host": "CLUSTER.xxxxxxxxxxxx.REGION.redshift.amazonaws.com"},
            [
                "GetClusterCredentials",
                {"DbUser": "splitmile", "DbName": "DATABASE", "ClusterIdentifier": "CLUSTER", "AutoCreate": False},
            ],
        ),
        (
            "redshift_default.serverless-iam.json",
            {
                "user": "IAMR:splitmile-workers",
                "password": "temporary",
                "host": "WORKGROUP.ACCOUNT.REGION.redshift-serverless.amazonaws.com",
            },
            ["GetCredentials", {"dbName": "DATABASE", "workgroupName": "WORKGROUP", "durationSeconds": 3600}],
        ),
        (
            "redshift_default.password.json",
            {"user": "splitmile", "password": "PASSWORD", "host": "CLUSTER.xxxxxxxxxxxx.REGION.redshift.amazonaws.com"},
            None,
        ),
    ],
)
def test_redshift_is_reached(settings: Settings, file: str, parameters: dict[str, str], called: list[object] | None) -> None:
    said = read(settings, file)
    assert said["type"] == "redshift"
    assert said["parameters"] == {**parameters, "port": 5439, "database": "DATABASE"}
    assert said["called"] == ([called] if called else [])


def test_aws_and_slack_are_reached(settings: Settings) -> None:
    aws = read(settings, "aws_default.json")
    assert (aws["type"], aws["extra"]) == ("aws", {"region_name": "REGION"})
    assert read(settings, "slack_api_default.json")["type"] == "slack"


def test_every_file_is_tried() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {
        "aws_default.json",
        "redshift_default.cluster-iam.json",
        "redshift_default.password.json",
        "redshift_default.serverless-iam.json",
        "slack_api_default.json",
    }
