"""Loads that break on the way to Redshift: no lost row, no double row, and a message that says what to do."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import pytest

from ingest.feed_rows import DAY, as_csv, as_parquet, delivery, everything, put
from splitmile.errors import WarehouseError
from splitmile.ingest import FeedPartition, ObjectUnreadable, load_partition
from splitmile.object_store import ObjectStore
from splitmile.settings import Settings
from splitmile.warehouse import IncomingFile, LoadIncomplete, RedshiftAccess, StagedFile, Warehouse, open_warehouse
from splitmile.warehouse.redshift_stage import RedshiftStage

if TYPE_CHECKING:
    from redshift_standin.faults import Faults

pytestmark = pytest.mark.redshift


@pytest.fixture
def engine() -> str:
    return "redshift"


@pytest.fixture
def partition(store: ObjectStore, warehouse: Warehouse, settings: Settings) -> FeedPartition:
    """A partition that is loaded already, and has been delivered again with two objects."""
    found = put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(1)]))
    load_partition(store, warehouse, settings, found)
    put(store, settings, "deliveries", "a.csv", as_csv([delivery(0), delivery(2)]))
    return put(store, settings, "deliveries", "b.parquet", as_parquet([delivery(3)]))


@pytest.fixture
def is_as_before(store: ObjectStore, warehouse: Warehouse, settings: Settings, partition: FeedPartition) -> Iterator[None]:
    """After the fault nothing has changed; the next try loads each row once and leaves nothing on S3."""
    before = everything(warehouse)
    yield
    assert everything(warehouse) == before
    load_partition(store, warehouse, settings, partition)
    assert [row["delivery_id"] for row in everything(warehouse)["landing.deliveries"]] == ["d0", "d2", "d3"]
    assert [row["row_count"] for row in everything(warehouse)["ops.load_ledger"]] == [2, 1]
    assert list(store.list_objects(f"{settings.warehouse.redshift.staging_prefix}/")) == []


@pytest.mark.usefixtures("is_as_before")
def test_a_corrupt_parquet_among_good_ones(store: ObjectStore, warehouse: Warehouse, settings: Settings, partition: FeedPartition) -> None:
    put(store, settings, "deliveries", "c.parquet", as_parquet([delivery(4)])[:-40])
    with pytest.raises(ObjectUnreadable, match=r"c\.parquet cannot be read as parquet.*write it again"):
        load_partition(store, warehouse, settings, partition)
    store.delete(f"{settings.feeds.prefix}/deliveries/date={DAY}/c.parquet")


@pytest.mark.usefixtures("is_as_before")
def test_an_object_of_the_manifest_is_missing(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, partition: FeedPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_object = ObjectStore.put

    def lossy(self: ObjectStore, key: str, body: bytes) -> None:
        put_object(self, key, body)
        if key.endswith("manifest.json"):
            self.delete(key.replace("manifest.json", "00001.parquet"))

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put", lossy)
        with pytest.raises(WarehouseError, match=r"copy feed_stage .*00001\.parquet.*run the load again"):
            load_partition(store, warehouse, settings, partition)


@pytest.mark.usefixtures("is_as_before")
def test_copy_takes_fewer_rows_than_it_was_given(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, partition: FeedPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = RedshiftStage.add

    def forgetful(self: RedshiftStage, file: IncomingFile) -> StagedFile:
        staged = add(self, file)
        self._expected[file.object_number] += 1
        return staged

    with monkeypatch.context() as patch:
        patch.setattr(RedshiftStage, "add", forgetful)
        with pytest.raises(LoadIncomplete, match=r"took 3 of 5 rows \(sys_load_history: completed, 3 rows"):
            load_partition(store, warehouse, settings, partition)


@pytest.mark.usefixtures("is_as_before")
def test_a_role_that_may_not_read(store: ObjectStore, access: RedshiftAccess, settings: Settings, partition: FeedPartition) -> None:
    stranger = settings.warehouse.redshift.model_copy(update={"iam_role": "arn:aws:iam::999999999999:role/stranger"})
    other = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"redshift": stranger})})
    with open_warehouse(other, access) as warehouse, pytest.raises(WarehouseError, match=r"(?i)not authorized.*stranger"):
        load_partition(store, warehouse, other, partition)


@pytest.mark.usefixtures("is_as_before")
def test_the_connection_breaks_during_copy(
    store: ObjectStore, access: RedshiftAccess, settings: Settings, partition: FeedPartition, faults: Faults
) -> None:
    faults.drop_connection_in_next_copy()
    with open_warehouse(settings, access) as warehouse, pytest.raises(WarehouseError, match=r"copy feed_stage .*lost.*[Tt]ry again"):
        load_partition(store, warehouse, settings, partition)


@pytest.mark.usefixtures("is_as_before")
def test_the_task_is_killed_between_copy_and_commit(
    store: ObjectStore, access: RedshiftAccess, settings: Settings, partition: FeedPartition
) -> None:
    """In a process of its own, which stops where the rows are replaced and is killed there."""
    script = textwrap.dedent(
        """
        import pickle, sys, time
        settings, access, bucket, credentials, partition = pickle.load(sys.stdin.buffer)
        from splitmile.ingest import load_partition
        from splitmile.object_store import ObjectStore
        from splitmile.warehouse import open_warehouse
        from splitmile.warehouse.redshift import RedshiftWarehouse
        run = RedshiftWarehouse._run
        def stopping(self, sql, parameters):
            if sql == "commit":
                print("before the commit", flush=True)
                time.sleep(60)
            return run(self, sql, parameters)
        RedshiftWarehouse._run = stopping
        with open_warehouse(settings, access) as warehouse:
            load_partition(ObjectStore(bucket, credentials), warehouse, settings, partition)
        """
    )
    task = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert task.stdin is not None
    assert task.stdout is not None
    task.stdin.write(pickle.dumps((settings, access, store.bucket, store.credentials, partition)))
    task.stdin.close()
    assert task.stdout.readline() == b"before the commit\n"
    os.kill(task.pid, signal.SIGKILL)
    task.wait()
    task.stdout.close()
    assert len(list(store.list_objects(f"{settings.warehouse.redshift.staging_prefix}/"))) == 3


def test_a_serialisation_failure_is_tried_again(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, partition: FeedPartition, faults: Faults
) -> None:
    faults.fail_next_commit()
    report = load_partition(store, warehouse, settings, partition)
    assert report.row_count == 3
    assert [row["delivery_id"] for row in everything(warehouse)["landing.deliveries"]] == ["d0", "d2", "d3"]
    assert len(warehouse.fetch("select * from ops.changed_dates")) == 2


def test_copy_may_use_the_keys_of_the_connection(
    store: ObjectStore, access: RedshiftAccess, settings: Settings, partition: FeedPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = settings.warehouse.redshift.model_copy(update={"copy_authorization": "connection_keys"})
    other = settings.model_copy(update={"warehouse": settings.warehouse.model_copy(update={"redshift": keys})})
    if not store.credentials.secret_access_key:
        pytest.skip("the connection of these tests has no keys")
    with open_warehouse(other, access) as warehouse:
        with monkeypatch.context() as patch:
            patch.setattr(ObjectStore, "upload", lambda *_: None)
            with pytest.raises(WarehouseError, match=r"credentials '…' format as parquet manifest .*00000\.parquet") as refused:
                load_partition(store, warehouse, other, partition)
        assert store.credentials.secret_access_key not in str(refused.value)
        assert load_partition(store, warehouse, other, partition).row_count == 3


def test_a_load_holds_one_object_at_a_time(
    store: ObjectStore, warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        rows = [delivery(number * 20_000 + at) for at in range(20_000)]
        partition = put(store, settings, "deliveries", f"{number}.parquet", as_parquet(rows))
    add = RedshiftStage.add
    held: list[int] = []

    def watched(self: RedshiftStage, file: IncomingFile) -> StagedFile:
        staged = add(self, file)
        cached = "select sum(memory_usage_bytes + temporary_storage_bytes) as held from duckdb_memory() where tag <> 'EXTERNAL_FILE_CACHE'"
        held.append(int(self.fetch(cached)[0]["held"]))
        return staged

    monkeypatch.setattr(RedshiftStage, "add", watched)
    load_partition(store, warehouse, settings, partition)
    assert max(held) < held[0] + 4_000_000, held


def test_partitions_that_load_at_once_wait_for_each_other(store: ObjectStore, access: RedshiftAccess, settings: Settings) -> None:
    days = [date(2026, 3, day) for day in range(2, 8)]
    partitions = [put(store, settings, "deliveries", "a.csv", as_csv([delivery(day.day)]), day) for day in days]
    failures: list[BaseException] = []

    def load(partition: FeedPartition) -> None:
        try:
            with open_warehouse(settings, access) as session:
                load_partition(store, session, settings, partition)
        except BaseException as failure:
            failures.append(failure)

    with open_warehouse(settings, access) as session:
        threads = [threading.Thread(target=load, args=[partition]) for partition in partitions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(everything(session)["landing.deliveries"]) == len(everything(session)["ops.load_ledger"]) == len(days)
