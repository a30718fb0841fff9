"""The text of COPY and UNLOAD: what the product and its libraries send is understood, everything else is refused by name."""

from __future__ import annotations

import doctest

import pytest

import redshift_standin.columns
import redshift_standin.copy_options
import redshift_standin.formats
from redshift_standin.copy_options import parse_copy, parse_unload
from redshift_standin.statements import CopyCommand, Refused, UnloadCommand

KEYS = "aws_access_key_id=AKIA;aws_secret_access_key=se/cret+"


@pytest.mark.parametrize("module", [redshift_standin.columns, redshift_standin.copy_options, redshift_standin.formats])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_what_splitmile_sends() -> None:
    sql = "copy feed_rows from 's3://lake/staging/1/manifest.json' iam_role 'arn:aws:iam::1:role/r' format as parquet manifest"
    assert parse_copy(sql) == CopyCommand(
        "feed_rows", "s3://lake/staging/1/manifest.json", "arn:aws:iam::1:role/r", "parquet", options={"MANIFEST": ""}
    )


def test_what_airflows_s3_to_redshift_sends() -> None:
    sql = f"""
                    COPY #orders (id, "name")
                    FROM 's3://lake/orders/'
                    credentials
                    '{KEYS};token=to=ken'
                    region 'eu-west-1'
                    CSV
\t\t\tIGNOREHEADER 1;
        """
    assert parse_copy(sql) == CopyCommand(
        "#orders", "s3://lake/orders/", f"{KEYS};token=to=ken", "csv", ("id", '"name"'), {"REGION": "eu-west-1", "IGNOREHEADER": "1"}
    )


def test_what_airflows_redshift_to_s3_sends() -> None:
    sql = f"UNLOAD ($$SELECT * FROM t WHERE a = 'x'$$)\nTO 's3://lake/out/t_'\ncredentials\n'{KEYS}'\nHEADER\n\t\t\tparallel off;"
    assert parse_unload(sql) == UnloadCommand(
        "SELECT * FROM t WHERE a = 'x'", "s3://lake/out/t_", KEYS, "text", {"HEADER": "", "PARALLEL": "OFF"}
    )


def test_comments_quotes_and_any_order_of_options() -> None:
    sql = r"""/* nightly */ copy Raw."Orders" -- two columns
        (a, b) from 's3://lake/it''s' maxerror as 10 null as '\N' delimiter '\t' gzip quote as '\'' with credentials as 'aws_iam_role=r'
        acceptinvchars statupdate off compupdate csv"""
    command = parse_copy(sql)
    assert (command.table, command.source, command.file_format) == ('Raw."Orders"', "s3://lake/it's", "csv")
    assert command.options == {
        "MAXERROR": "10",
        "NULL": r"\N",
        "DELIMITER": "\t",
        "GZIP": "",
        "QUOTE": "'",
        "ACCEPTINVCHARS": "",
        "STATUPDATE": "OFF",
        "COMPUPDATE": "ON",
    }


def test_a_query_of_unload_in_quotes() -> None:
    sql = r"unload ('select ''a'' from t where b = \'c\'') to 's3://lake/out' iam_role default parquet"
    assert parse_unload(sql).query == "select 'a' from t where b = 'c'"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("iam_role default csv fillrecord", "FILLRECORD"),
        ("iam_role default csv dateformat 'DD.MM.YYYY'", "DATEFORMAT 'DD.MM.YYYY'"),
        ("iam_role default csv timeformat 'epochmillisecs'", "TIMEFORMAT 'epochmillisecs'"),
        ("iam_role default json 's3://lake/paths'", "JSON 's3://lake/paths'"),
        ("iam_role default json 'auto' null as ''", "NULL argument is not supported for JSON"),
        ("iam_role default format orc", "ORC"),
        ("iam_role default csv gzip zstd", "GZIP and ZSTD"),
        ("iam_role default csv delimiter '||'", "DELIMITER must be a single ASCII character"),
        ("iam_role default csv ignoreheader 'one'", "IGNOREHEADER needs a whole number"),
        ("iam_role default csv gzip gzip", "GZIP a second time"),
        ("iam_role default quote '\"'", "QUOTE argument is not supported for TEXT"),
        ("iam_role default parquet maxerror 5", "MAXERROR argument is not supported for PARQUET based COPY"),
        ("iam_role default parquet region 'eu-west-1'", "REGION argument is not supported for PARQUET based COPY"),
        ("iam_role default parquet compupdate off", "COMPUPDATE argument is not supported for PARQUET based COPY"),
        ("access_key_id 'a' secret_access_key 'b' parquet", "ACCESS_KEY_ID argument is not supported for PARQUET based COPY"),
        ("csv", "exactly one authorization"),
        ("iam_role default credentials 'aws_iam_role=r' csv", "CREDENTIALS a second time"),
        ("iam_role default access_key_id 'a' secret_access_key 'b' csv", "exactly one authorization"),
        ("access_key_id 'a' csv", "ACCESS_KEY_ID and SECRET_ACCESS_KEY"),
        ("iam_role default csv = 1", 'syntax error at or near "="'),
    ],
)
def test_refused_options_of_copy(options: str, named: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_copy(f"copy t from 's3://lake/key' {options}")
    assert named in refused.value.message


@pytest.mark.parametrize("source", ["dynamodb://table", "emr://cluster/part", "s3://bucket", "local.csv"])
def test_only_s3_is_a_source(source: str) -> None:
    with pytest.raises(Refused, match="no S3 address"):
        parse_copy(f"copy t from '{source}' iam_role default")


@pytest.mark.parametrize(
    ("query", "options", "named"),
    [
        ("select 1", "allowoverwrite cleanpath", "ALLOWOVERWRITE and CLEANPATH"),
        ("select 1", "parquet header", "HEADER argument is not supported for PARQUET based UNLOAD"),
        ("select 1", "manifest verbose", "VERBOSE"),
        ("select 1", "maxfilesize 5 mb", "MAXFILESIZE"),
        ("select a from t limit 3", "csv", "Limit clause is not supported"),
    ],
)
def test_refused_options_of_unload(query: str, options: str, named: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_unload(f"unload ('{query}') to 's3://lake/out' iam_role default {options}")
    assert named in refused.value.message


def test_a_refusal_shows_no_secret() -> None:
    with pytest.raises(Refused) as refused:
        parse_copy("copy t from 's3://lake/key' credentials 'aws_access_key_id=a;aws_secret_access_key=hush;token=hush2' + csv")
    assert "hush" not in refused.value.message
