"""S3, as Splitmile uses it: one bucket, one prefix, plain objects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError as URLLibError

from splitmile.errors import StoreUnavailable


class ObjectChanged(StoreUnavailable):
    """An object is no longer the one that was listed; listing again and trying again will do."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a listing shows it; the key is whole, the etag without quotes."""

    key: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoreCredentials:
    """How to reach S3; `None` leaves a value to the AWS SDK's own chain (instance role, environment, profile)."""

    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str | None = None


class ObjectStore:
    """A bucket. Every failure to reach it is a `StoreUnavailable` that names the address."""

    def __init__(self, bucket: str, credentials: StoreCredentials) -> None:
        """Make the client; nothing is sent yet."""
        self.bucket, self.credentials = bucket, credentials
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=credentials.endpoint_url,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            region_name=credentials.region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"} if credentials.endpoint_url else {},
                retries={"max_attempts": 5, "mode": "standard"},
                connect_timeout=5,
            ),
        )

    def url(self, key: str) -> str:
        """How an object is named to a person."""
        return f"s3://{self.bucket}/{key}"

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """All objects below a prefix, in the order of their keys."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield StoredObject(entry["Key"], entry["ETag"].strip('"'), entry["Size"])
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(f"listing {self.url(prefix)}", error) from error

    def download(self, key: str, target: Path, etag: str | None = None) -> None:
        """Write an object to a local file.

        Args:
            key: The whole key.
            target: The local file, replaced when it is there.
            etag: The version that is wanted; none takes whichever is there.

        Raises:
            ObjectChanged: The object was replaced or removed since it was listed with that etag.
        """
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        try:
            response = self._client.get_object(Bucket=self.bucket, Key=key, **condition)
            # Not every S3 honours the condition, so what came is compared as well.
            found = response["ETag"].strip('"')
            if etag and found != etag:
                response["Body"].close()
                raise self._changed(key, f"it has the etag {found}, {etag} was listed")
            with target.open("wb") as file, closing(response["Body"]) as body:
                shutil.copyfileobj(body, file, 1 << 20)
        except ClientError as error:
            if etag and error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412):
                raise self._changed(key, str(error)) from error
            raise self._unavailable(f"reading {self.url(key)}", error) from error
        except (BotoCoreError, URLLibError) as error:
            raise self._unavailable(f"reading {self.url(key)}", error) from error

    def upload(self, source: Path, key: str) -> None:
        """Write a local file to an object, replacing it."""
        try:
            self._client.upload_file(str(source), self.bucket, key)
        except (BotoCoreError, ClientError, boto3.exceptions.Boto3Error) as error:
            raise self._unavailable(f"writing {self.url(key)}", error) from error

    def put(self, key: str, body: bytes) -> None:
        """Write bytes to an object, replacing it."""
        try:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(f"writing {self.url(key)}", error) from error

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(f"deleting {self.url(key)}", error) from error

    def ensure_bucket(self) -> None:
        """Create the bucket where it does not exist yet."""
        try:
            self._client.head_bucket(Bucket=self.bucket)
        except ClientError:
            try:
                self._client.create_bucket(Bucket=self.bucket)
            except (BotoCoreError, ClientError) as error:
                raise self._unavailable(f"creating bucket {self.bucket}", error) from error
        except BotoCoreError as error:
            raise self._unavailable(f"finding bucket {self.bucket}", error) from error

    def _changed(self, key: str, how: str) -> ObjectChanged:
        return ObjectChanged(f"{self.url(key)} changed while it was read: {how}. Try again; the next listing shows what is there now.")

    def _unavailable(self, doing: str, error: Exception) -> StoreUnavailable:
        where = self.credentials.endpoint_url or "AWS S3"
        return StoreUnavailable(
            f"{doing} at {where} failed: {error}. Check the connection aws_default and that the server runs (`splitmile doctor`)."
        )
