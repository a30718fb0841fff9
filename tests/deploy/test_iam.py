"""The IAM policies: every action, resource and condition is one that AWS has, and each role may do its work and no more."""

from __future__ import annotations

import copy
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from deploy.compose import ROOT
from splitmile.settings import Settings

POLICIES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "deploy" / "iam").glob("*.json"))}
PLACEHOLDERS = {
    "BUCKET": "acme-feeds",
    "LOG_BUCKET": "acme-logs",
    "FEEDS_PREFIX": Settings().feeds.prefix,
    "STAGING_PREFIX": Settings().warehouse.redshift.staging_prefix,
    "REGION": "ap-northeast-2",
    "ACCOUNT": "123456789012",
    "CLUSTER": "acme",
    "CLUSTER_OR_WORKGROUP": "acme",
    "DATABASE": "dev",
    "WORKGROUP_ID": "0f1e2d3c",
}
REDSHIFT = "arn:aws:redshift:ap-northeast-2:123456789012"
# What sts:AssumeRole takes is no resource, so the list of actions does not tell it.
ASSUME_ROLE_CONDITIONS = {"sts:ExternalId"}


def filled(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy of one installation: placeholders, as words of capitals, replaced as docs/deploy.md says."""
    text = json.dumps(policy)
    for name in sorted(PLACEHOLDERS, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Z_]){name}(?![A-Z_])", PLACEHOLDERS[name], text)
    document: dict[str, Any] = json.loads(text)
    return document


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def problems(policy: dict[str, Any]) -> list[str]:
    """What AWS's own list of actions, resources and condition keys says against a policy."""
    found = []
    if policy.keys() != {"Version", "Statement"} or policy["Version"] != "2012-10-17":
        found.append("no policy of version 2012-10-17")
    for statement in policy["Statement"]:
        sid = statement["Sid"]
        unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}
        if unknown or statement["Effect"] != "Allow":
            found.append(f"{sid}: {unknown or 'Effect'}")
        for action in as_list(statement["Action"]):
            service, name = action.split(":")
            rows = (get_action_data(service, name) or {}).get(service, [])
            if "*" in action or not rows:
                found.append(f"{sid}: no action {action}")
                continue
            formats = [row["resource_arn_format"] for row in rows if row["resource_arn_format"] != "*"]
            patterns = [_pattern(form) for form in formats]
            found += [
                f"{sid}: {action} is not about {resource}"
                for resource in as_list(statement.get("Resource", []))
                if not any(re.fullmatch(pattern, resource) for pattern in patterns)
            ]
            keys = {key for row in rows for key in row["condition_keys"]} | (ASSUME_ROLE_CONDITIONS if name == "AssumeRole" else set())
            used = {key for conditions in statement.get("Condition", {}).values() for key in conditions}
            found += [f"{sid}: {action} has no condition {key}" for key in sorted(used - keys)]
    return found


def _pattern(form: str) -> str:
    """The regular expression of an ARN format such as `arn:${Partition}:s3:::${BucketName}/${ObjectName}`."""
    parts = re.split(r"(\$\{\w+\})", form.replace("${Partition}", "aws"))
    wild = {"${BucketName}": "[^:/]+"}
    return "".join(wild.get(part, "[^:]+") if part.startswith("${") else re.escape(part) for part in parts)


def allows(names: list[str], action: str, resource: str, **context: str) -> bool:
    """Whether policies together allow an action; without denials, as ours are, one statement that matches is enough."""
    values = {name.replace("_", ":", 1): value for name, value in context.items()}

    def met(operator: str, key: str, wanted: Any) -> bool:
        match = {"StringLike": fnmatchcase, "StringEquals": str.__eq__}[operator]
        return key in values and any(match(values[key], each) for each in as_list(wanted))

    return any(
        any(fnmatchcase(action, each) for each in as_list(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in as_list(statement["Resource"]))
        and all(met(op, key, wanted) for op, keys in statement.get("Condition", {}).items() for key, wanted in keys.items())
        for name in names
        for statement in filled(POLICIES[name])["Statement"]
    )


@pytest.mark.parametrize("name", POLICIES)
def test_aws_knows_all_of_it(name: str) -> None:
    assert problems(filled(POLICIES[name])) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("Action", "s3:ListBuckets", "no action s3:ListBuckets"),
        ("Action", "s3:*", "no action s3:*"),
        ("Action", "s3:GetObject", "s3:GetObject is not about arn:aws:s3:::acme-feeds"),
        ("Resource", "arn:aws:s3:::acme-feeds/feeds", "s3:ListBucket is not about arn:aws:s3:::acme-feeds/feeds"),
        ("Condition", {"StringLike": {"s3:Prefix": "feeds/*"}}, "s3:ListBucket has no condition s3:Prefix"),
        ("Efect", "Allow", "{'Efect'}"),
    ],
)
def test_a_mistake_is_noticed(field: str, value: Any, said: str) -> None:
    broken = copy.deepcopy(filled(POLICIES["workers-s3"]))
    broken["Statement"][0][field] = value
    assert f"ListFeeds: {said}" in problems(broken)


def test_every_placeholder_is_known() -> None:
    for name, policy in POLICIES.items():
        # The version is a date and the ARNs are lower case: capitals are placeholders, and none is left.
        assert re.findall(r"\b[A-Z][A-Z_]{3,}\b", json.dumps(filled(policy))) == [], name


def test_the_workers_read_feeds_and_write_the_staging_prefix_only() -> None:
    bucket = "arn:aws:s3:::acme-feeds"
    s3 = ["workers-s3"]
    assert allows(s3, "s3:ListBucket", bucket, s3_prefix="feeds")
    assert allows(s3, "s3:ListBucket", bucket, s3_prefix="feeds/deliveries/date=2026-03-02/")
    assert allows(s3, "s3:GetObject", f"{bucket}/feeds/deliveries/date=2026-03-02/part-0.parquet")
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"):
        assert allows(s3, action, f"{bucket}/staging/load/manifest.json")
        assert not allows(s3, action, f"{bucket}/feeds/deliveries/date=2026-03-02/part-0.parquet")
        assert not allows(s3, action, f"{bucket}/other/x")
    assert not allows(s3, "s3:ListBucket", bucket)
    assert not allows(s3, "s3:ListBucket", bucket, s3_prefix="feeds-of-another")
    assert not allows(s3, "s3:GetObject", f"{bucket}/other/x")
    assert not allows(s3, "s3:GetObject", "arn:aws:s3:::another/feeds/x")


def test_redshift_reads_what_was_staged_and_nothing_else() -> None:
    bucket = "arn:aws:s3:::acme-feeds"
    copying = ["redshift-copy"]
    assert allows(copying, "s3:GetObject", f"{bucket}/staging/load/manifest.json")
    assert allows(copying, "s3:ListBucket", bucket, s3_prefix="staging/load/")
    assert allows(copying, "s3:GetBucketLocation", bucket)
    assert not allows(copying, "s3:GetObject", f"{bucket}/feeds/deliveries/date=2026-03-02/part-0.parquet")
    assert not allows(copying, "s3:PutObject", f"{bucket}/staging/load/manifest.json")
    assert not allows(copying, "s3:ListBucket", bucket, s3_prefix="feeds/")


def test_only_the_user_of_splitmile_uses_the_role_of_copy() -> None:
    (statement,) = filled(POLICIES["redshift-copy-trust"])["Statement"]
    assert statement["Principal"] == {"Service": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": f"{REDSHIFT}:dbuser:acme/splitmile"}}


def test_the_log_in_is_for_one_user_of_one_database() -> None:
    cluster = ["workers-redshift-cluster"]
    assert allows(cluster, "redshift:GetClusterCredentials", f"{REDSHIFT}:dbuser:acme/splitmile")
    assert allows(cluster, "redshift:GetClusterCredentials", f"{REDSHIFT}:dbname:acme/dev")
    assert not allows(cluster, "redshift:GetClusterCredentials", f"{REDSHIFT}:dbuser:acme/awsuser")
    assert not allows(cluster, "redshift:CreateClusterUser", f"{REDSHIFT}:dbuser:acme/splitmile")
    workgroup = "arn:aws:redshift-serverless:ap-northeast-2:123456789012:workgroup"
    assert allows(["workers-redshift-serverless"], "redshift-serverless:GetCredentials", f"{workgroup}/0f1e2d3c")
    assert not allows(["workers-redshift-serverless"], "redshift-serverless:GetCredentials", f"{workgroup}/another")


def test_the_workers_read_connections_and_no_other_secret() -> None:
    arn = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret"
    assert allows(["workers-secrets"], "secretsmanager:GetSecretValue", f"{arn}:airflow/connections/redshift_default-AbCdEf")
    assert not allows(["workers-secrets"], "secretsmanager:GetSecretValue", f"{arn}:another-AbCdEf")
    assert not allows(["workers-secrets"], "secretsmanager:PutSecretValue", f"{arn}:airflow/connections/redshift_default-AbCdEf")


def test_every_policy_is_documented() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert [path.name for path in sorted(Path(ROOT / "deploy" / "iam").iterdir()) if f"`{path.name}`" not in page] == []
