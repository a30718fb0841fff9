"""Where COPY reads from, and by whose leave: prefixes, manifests, roles and keys."""

from __future__ import annotations

import pyarrow as pa
import pytest

from redshift_standin_tests.copying.conftest import Bench

NUMBERS = "create table t (a bigint)"


def numbers(*values: int) -> pa.Table:
    return pa.table({"a": pa.array(values, pa.int64())})


def test_a_prefix_takes_every_object_below_it(bench: Bench) -> None:
    bench.query(NUMBERS)
    for key, value in (("p/1", 1), ("p/2", 2), ("p2", 3), ("q", 4)):
        bench.put(key, f"{value}\n")
    assert bench.copy("t", "p", "csv") == 3
    assert bench.query("select a from t order by a") == [("1",), ("2",), ("3",)]


def test_a_prefix_of_nothing(bench: Bench) -> None:
    bench.query(NUMBERS)
    fault = bench.copy_fault("t", "none/here", "csv")
    assert (fault["C"], fault["M"]) == ("XX000", "The specified S3 prefix 'none/here' does not exist")


def test_a_table_that_is_not_there(bench: Bench) -> None:
    bench.put("t", "1\n")
    assert bench.copy_fault("nowhere", "t", "csv")["M"] == "Cannot COPY into nonexistent table nowhere"
    bench.query(NUMBERS)
    assert bench.copy_fault("t (b)", "t", "csv")["C"] == "42703"


def test_a_manifest_takes_exactly_its_entries(bench: Bench) -> None:
    bench.query(NUMBERS)
    sizes = {key: bench.put_parquet(key, numbers(at)) for at, key in enumerate(("m/1", "m/10", "m/2"))}
    bench.put_manifest(*({"url": key, "mandatory": True, "meta": {"content_length": sizes[key]}} for key in ("m/1", "m/2")))
    assert bench.copy("t", "manifest", "parquet manifest") == 2
    assert bench.query("select a from t order by a") == [("0",), ("2",)]


def test_a_missing_mandatory_object_fails_and_an_optional_one_is_left_out(bench: Bench) -> None:
    bench.query(NUMBERS)
    bench.put("m/1", "1\n")
    bench.put_manifest({"url": "m/1", "mandatory": True}, {"url": "m/2", "mandatory": True})
    fault = bench.copy_fault("t", "manifest", "csv manifest")
    assert fault["M"] == "Mandatory url is not present in manifest file"
    assert f"url = s3://{bench.bucket}/m/2" in fault["D"]
    bench.put_manifest({"url": "m/1", "mandatory": True}, {"url": "m/2"})
    assert bench.copy("t", "manifest", "csv manifest") == 1
    bench.put_manifest({"url": "m/2"})
    assert bench.copy_fault("t", "manifest", "csv manifest")["M"] == "No file of the manifest exists"


@pytest.mark.parametrize(
    ("entry", "message", "detail"),
    [
        ({}, "File entry does not have 'meta' key.", ""),
        ({"meta": {"record_count": 1}}, "File entry does not have 'content_length' key.", ""),
        ({"meta": {"content_length": 1_000_000}}, "Spectrum Scan Error", "HTTP response error code: 416 Message: InvalidRange"),
        ({"meta": {"content_length": 20}}, "Spectrum Scan Error", "has an invalid version number"),
    ],
)
def test_parquet_in_a_manifest_needs_its_exact_length(bench: Bench, entry: dict[str, object], message: str, detail: str) -> None:
    bench.query(NUMBERS)
    bench.put_parquet("m/1", numbers(1))
    bench.put_manifest({"url": "m/1", "mandatory": True} | entry)
    fault = bench.copy_fault("t", "manifest", "parquet manifest")
    assert (fault["M"], detail in fault["D"]) == (message, True)


@pytest.mark.parametrize("body", ["not json", '{"files": []}', '{"entries": [{"url": "no-address"}]}', "[1]"])
def test_a_broken_manifest(bench: Bench, body: str) -> None:
    bench.query(NUMBERS)
    bench.put("manifest", body)
    assert bench.copy_fault("t", "manifest", "csv manifest")["M"].startswith("Problem reading manifest file - ")


def test_a_manifest_that_is_not_there(bench: Bench) -> None:
    bench.query(NUMBERS)
    fault = bench.copy_fault("t", "manifest", "csv manifest")["M"]
    assert fault.startswith("Problem reading manifest file - S3ServiceException:")
    assert "Status 404,Error NoSuchKey" in fault


def test_keys_are_used_and_wrong_ones_fail(bench: Bench) -> None:
    bench.query(NUMBERS)
    bench.put("t", "1\n")
    given = bench.access
    right = f"aws_access_key_id={given.access_key_id};aws_secret_access_key={given.secret_access_key}"
    assert bench.copy("t", "t", f"credentials '{right}' csv") == 1
    assert bench.copy("t", "t", f"access_key_id '{given.access_key_id}' secret_access_key '{given.secret_access_key}' csv") == 1
    fault = bench.copy_fault("t", "t", f"credentials '{right}x' csv")
    assert fault["M"].startswith("S3ServiceException:")
    assert "Status 403" in fault["M"]


def test_only_the_roles_that_the_stand_in_was_told_of(bench: Bench) -> None:
    bench.query(NUMBERS)
    bench.put("t", "1\n")
    for role in ("iam_role default", "credentials 'aws_iam_role=arn:aws:iam::123456789012:role/loader'"):
        assert bench.copy("t", "t", f"{role} csv") == 1
    for role in ("iam_role 'arn:aws:iam::123456789012:role/other'", "credentials 'aws_iam_role=default2'"):
        fault = bench.copy_fault("t", "t", f"{role} csv")
        assert "is not authorized to assume IAM Role" in fault["M"]
    assert bench.copy_fault("t", "t", "credentials 'aws_access_key=a' csv")["M"].startswith("Invalid credentials")
