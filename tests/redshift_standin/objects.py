"""S3 as COPY and UNLOAD see it: who may read, what stands at an address, what a manifest lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redshift_standin.load_errors import redshift_error
from redshift_standin.statements import BackendError
from splitmile.object_store import StoreCredentials

OWN_IAM_ROLES = ("default", "arn:aws:iam::123456789012:role/*")
"""The roles of the account that the stand-in plays; those of another one are not its to assume."""


@dataclass(frozen=True, slots=True)
class S3Access:
    """How the stand-in reaches S3.

    Attributes:
        endpoint_url: None for AWS itself.
        region: Where COPY has no REGION.
        access_key_id, secret_access_key, session_token: What an IAM role stands for.
        iam_roles: Roles that it may assume; `*` and `?` are wildcards, `default` is the word that follows IAM_ROLE.
    """

    endpoint_url: str | None
    region: str
    access_key_id: str | None
    secret_access_key: str | None
    session_token: str | None = None
    iam_roles: tuple[str, ...] = OWN_IAM_ROLES

    @classmethod
    def of(cls, credentials: StoreCredentials, iam_roles: tuple[str, ...] = OWN_IAM_ROLES) -> Self:
        """The access that Splitmile's own credentials give."""
        return cls(
            credentials.endpoint_url,
            credentials.region or "us-east-1",
            credentials.access_key_id,
            credentials.secret_access_key,
            credentials.session_token,
            iam_roles,
        )


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One object to load; `size_bytes` is the manifest's `content_length` where it has one."""

    bucket: str
    key: str
    size_bytes: int

    @property
    def url(self) -> str:
        """As stl_load_errors names it."""
        return f"s3://{self.bucket}/{self.key}"


class S3Objects:
    """S3, opened with what a COPY or UNLOAD says in its authorization. Every failure is Redshift's error."""

    def __init__(self, access: S3Access, credentials: str, region: str = "") -> None:
        """Make the client.

        Raises:
            BackendError: The role is none that the stand-in may assume, or the credentials cannot be read.
        """
        self._region = region or access.region
        key_id, secret, token = _keys(access, credentials)
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=access.endpoint_url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name=self._region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"} if access.endpoint_url else {},
                connect_timeout=5,
                retries={"total_max_attempts": 2, "mode": "standard"},
            ),
        )

    def https_url(self, source: SourceObject) -> str:
        """As the messages about columnar files name an object."""
        return f"https://s3.{self._region}.amazonaws.com/{source.bucket}/{source.key}"

    def below(self, url: str) -> list[SourceObject]:
        """Every object whose key begins so, in the order of the keys."""
        bucket, prefix = _split(url)
        try:
            return list(self._listed(bucket, prefix))
        except (ClientError, BotoCoreError) as error:
            raise _s3_error(error, f"Listing bucket={bucket} prefix={prefix}") from error

    def at_prefix(self, url: str) -> list[SourceObject]:
        """What COPY loads without a manifest.

        Raises:
            BackendError: There is nothing.
        """
        found = self.below(url)
        if not found:
            raise redshift_error(f"The specified S3 prefix '{_split(url)[1]}' does not exist", 8001)
        return found

    def in_manifest(self, url: str, *, is_columnar: bool) -> list[SourceObject]:
        """What a manifest lists; an optional entry that is not there is left out.

        Raises:
            BackendError: The manifest cannot be read, a mandatory object is missing, or nothing is left to load; for a columnar
                file also an entry without `meta.content_length`.

        Source:
            AWS, "Using a manifest to specify data files".
        """
        bucket, key = _split(url)
        try:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _s3_error(error, f"Manifest file location = {url}", "Problem reading manifest file - ") from error
        try:
            entries = json.loads(body)["entries"]
            addresses = [(entry, *_split(entry["url"])) for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise redshift_error("Problem reading manifest file - it is not in the expected format", 8001, url) from error
        found = []
        for entry, entry_bucket, entry_key in addresses:
            length = _content_length(entry, url) if is_columnar else None
            size = self._size(entry_bucket, entry_key)
            if size is not None:
                found.append(SourceObject(entry_bucket, entry_key, size if length is None else length))
            elif entry.get("mandatory"):
                raise redshift_error(
                    "Mandatory url is not present in manifest file", 8001, f"Manifest file location = {url} url = {entry['url']}"
                )
        if not found:
            raise redshift_error("No file of the manifest exists", 8001, f"Manifest file location = {url}")
        return found

    def read(self, source: SourceObject) -> bytes:
        """The whole object."""
        try:
            body: bytes = self._client.get_object(Bucket=source.bucket, Key=source.key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _s3_error(error, f"S3 key being read : {source.url}") from error
        return body

    def write(self, url: str, body: bytes) -> None:
        """An object, in place of one that was there."""
        bucket, key = _split(url)
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise _s3_error(error, f"S3 key being written : {url}") from error

    def delete(self, source: SourceObject) -> None:
        """An object no more."""
        try:
            self._client.delete_object(Bucket=source.bucket, Key=source.key)
        except (ClientError, BotoCoreError) as error:
            raise _s3_error(error, f"S3 key being deleted : {source.url}") from error

    def _listed(self, bucket: str, prefix: str) -> Iterator[SourceObject]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield SourceObject(bucket, entry["Key"], entry["Size"])

    def _size(self, bucket: str, key: str) -> int | None:
        try:
            return int(self._client.head_object(Bucket=bucket, Key=key)["ContentLength"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise _s3_error(error, f"S3 key being read : s3://{bucket}/{key}") from error
        except BotoCoreError as error:
            raise _s3_error(error, f"S3 key being read : s3://{bucket}/{key}") from error


def _keys(access: S3Access, credentials: str) -> tuple[str | None, str | None, str | None]:
    role = credentials
    if credentials.startswith("aws_"):
        given = dict(part.partition("=")[::2] for part in credentials.split(";") if part)
        if given.keys() - {"aws_access_key_id", "aws_secret_access_key", "token", "aws_iam_role"}:
            raise redshift_error("Invalid credentials. Must be of the format: credentials 'aws_iam_role=…' or keys", 8001)
        if "aws_iam_role" not in given:
            return given.get("aws_access_key_id"), given.get("aws_secret_access_key"), given.get("token")
        role = given["aws_iam_role"]
    if not any(fnmatchcase(role, known) for known in access.iam_roles):
        user = f"arn:aws:redshift:{access.region}:000000000000:dbuser:redshift-standin"
        raise redshift_error(f"User {user} is not authorized to assume IAM Role {role}", 8001, f"IAM Role={role}")
    return access.access_key_id, access.secret_access_key, access.session_token


def _content_length(entry: dict[str, Any], manifest: str) -> int:
    if "meta" not in entry:
        raise redshift_error("File entry does not have 'meta' key.", 15003, f"Manifest file location = {manifest} url = {entry['url']}")
    length = entry["meta"].get("content_length")
    if not isinstance(length, int):
        raise redshift_error("File entry does not have 'content_length' key.", 15003, f"Manifest file location = {manifest}")
    return length


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise ValueError(f"{url!r} is no S3 address")
    return bucket, key


def _s3_error(error: ClientError | BotoCoreError, context: str, before: str = "") -> BackendError:
    if isinstance(error, BotoCoreError):
        return redshift_error(f"{before}S3CurlException: {error}", 9001, context)
    told, meta = error.response.get("Error", {}), error.response["ResponseMetadata"]
    return redshift_error(
        f"{before}S3ServiceException:{told.get('Message', '')},Status {meta['HTTPStatusCode']},Error {told.get('Code', '')},"
        f"Rid {meta.get('RequestId', '')},CanRetry 1",
        8001,
        context,
    )
