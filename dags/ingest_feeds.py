"""Daily after the cut-over: load what changed on S3 and emit one partition of the asset `feeds` per complete business date."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule

from splitmile.orchestration.arrival import FeedsSensor
from splitmile.orchestration.schedule import INGEST_PARAMS, TAGS, TASK_DEFAULTS, after_cutover
from splitmile.orchestration.tasks import emit_dates, find_changed_partitions, load_partition, mark_emitted

DOC = """
### From S3 to the raw tables

Waits until both feeds have objects of the business date that has just ended, `feeds.wait_hours` at most and without a worker. Then it
looks at the objects of the last business dates (`feeds.lookback_dates`), compares them with the load ledger and loads each partition
that changed, as a whole, in one transaction. Every business date that is complete and new, or whose rows changed, becomes one
partition of the asset `feeds`, which starts **experiments_daily** for that date.

* **Run again at will**: what is loaded already is not loaded again.
* **A feed that does not come** fails nothing: what is there is loaded. A run by hand does not wait, unless `wait_hours` says so.
* **A late or corrected file** needs nothing: the next run sees it, as long as its date is within the look-back. For an older one,
  trigger this DAG with `business_date` set to that date, and `first_date` for a range.
* **A partition that is refused** fails its own `load_partition`; the rows loaded before stay, and the other dates go on.

More in docs/operations.md.
"""

with DAG(
    dag_id="ingest_feeds",
    description="S3 feeds to raw tables; emits one partition of the asset `feeds` per business date",
    doc_md=DOC,
    schedule=after_cutover(),
    catchup=False,
    # One may be waiting for its feeds while another is run by hand.
    max_active_runs=2,
    params=INGEST_PARAMS,
    default_args=TASK_DEFAULTS,
    tags=[*TAGS, "ingest"],
):
    changed = find_changed_partitions()
    FeedsSensor(task_id="wait_for_feeds", poke_interval=60) >> changed
    loaded = load_partition.expand(partition=changed)
    emitted = emit_dates()
    loaded >> emitted
    mark_emitted(emitted)
    # The tasks above go on past a refused partition; this end makes the run red all the same.
    loaded >> EmptyOperator(task_id="all_loaded", trigger_rule=TriggerRule.NONE_FAILED)
