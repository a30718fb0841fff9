"""What an analyst's own DAG may do beside ours, with the same connections: the Amazon provider's hook and transfer operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_session import airflow_environment, prepared, redshift_connection
from splitmile.object_store import ObjectStore, StoreCredentials
from splitmile.settings import Settings
from splitmile.warehouse import RedshiftAccess

pytestmark = pytest.mark.redshift

TARGETS = "store_id,target_seconds\nstore-1,1500\nstore-2,1700\n"
CORRECTION = "store_id,target_seconds\nstore-2,1600\nstore-3,1800\n"


@pytest.fixture
def hook(settings: Settings, s3: StoreCredentials, redshift_access: RedshiftAccess, monkeypatch: pytest.MonkeyPatch) -> Any:
    prepared()
    for name, value in {**airflow_environment(settings, s3), **redshift_connection(redshift_access)}.items():
        monkeypatch.setenv(name, value)
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    made = RedshiftSQLHook(redshift_conn_id="redshift_default")
    made.run(["create schema planning", "create table planning.targets (store_id varchar(32), target_seconds bigint)"], autocommit=True)
    return made


def run(dag: Any, folder: Path) -> None:
    """Run a DAG that is in no folder of Airflow's."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(folder)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    assert dag.test().state == "success"


def test_load_replace_merge_and_unload(settings: Settings, store: ObjectStore, hook: Any, tmp_path: Path) -> None:
    from airflow.providers.amazon.aws.transfers.redshift_to_s3 import RedshiftToS3Operator
    from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
    from airflow.sdk import DAG, chain

    store.put("targets.csv", TARGETS.encode())
    store.put("correction.csv", CORRECTION.encode())
    target = {"schema": "planning", "table": "targets", "copy_options": ["csv", "ignoreheader 1"]}
    source = {"s3_bucket": store.bucket, "s3_key": "targets.csv"}
    with DAG("delivery_targets", schedule=None) as dag:
        chain(
            S3ToRedshiftOperator(task_id="append", **target, **source),
            S3ToRedshiftOperator(task_id="append_again", **target, **source),
            S3ToRedshiftOperator(task_id="replace", method="REPLACE", **target, **source),
            S3ToRedshiftOperator(
                task_id="merge", method="UPSERT", upsert_keys=["store_id"], **target, s3_bucket=store.bucket, s3_key="correction.csv"
            ),
            RedshiftToS3Operator(
                task_id="unload",
                select_query="select store_id, target_seconds from planning.targets where target_seconds > 1500",
                s3_bucket=store.bucket,
                s3_key="unloaded/targets_",
                unload_options=["csv", "header", "parallel off"],
                table_as_file_name=False,
            ),
        )
    run(dag, tmp_path)
    rows = hook.get_records("select store_id, target_seconds from planning.targets order by store_id")
    assert [tuple(row) for row in rows] == [("store-1", 1500), ("store-2", 1600), ("store-3", 1800)]
    (unloaded,) = store.list_objects("unloaded/")
    store.download(unloaded.key, tmp_path / "unloaded.csv")
    header, *lines = (tmp_path / "unloaded.csv").read_text().splitlines()
    assert (header, sorted(lines)) == ("store_id,target_seconds", ["store-2,1600", "store-3,1800"])
