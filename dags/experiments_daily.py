"""One run a business date, started by the asset `feeds`: gate, dbt, gate, analysis, digest."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, PartitionedAssetTimetable, TriggerRule, chain

from splitmile.orchestration.schedule import DATE_PARAMS, FEEDS, TAGS, TASK_DEFAULTS
from splitmile.orchestration.tasks import (
    analyze_experiment,
    build_marts,
    check_feeds,
    check_marts,
    list_experiments,
    publish,
    sync_registry,
)

DOC = """
### From the raw tables to the digest

One run a business date, started when **ingest_feeds** emits that date's partition of the asset `feeds`; dates may come in any order.

* **A date that comes again** is a restatement: it is computed again, the Slack message is updated, and the digest says what changed.
* **Run again at will**: every task gives the same rows for the same data.
* **A gate that blocks** (`check_feeds`, `check_marts`) ends the run with an alarm; nothing is published.
* **An experiment that cannot be analysed** fails its own `analyze_experiment`; the others are published, and the digest names it.
* **By hand**: trigger with `business_date`; with `first_date` as well, a whole range is made in one pass and its last date published.

More in docs/operations.md.
"""

with DAG(
    dag_id="experiments_daily",
    description="Gate, dbt, gate, analysis and digest of one business date",
    doc_md=DOC,
    schedule=PartitionedAssetTimetable(assets=FEEDS),
    catchup=False,
    max_active_runs=1,
    params=DATE_PARAMS,
    default_args=TASK_DEFAULTS,
    tags=[*TAGS, "experiments"],
):
    experiments = list_experiments()
    chain(sync_registry(), check_feeds(), build_marts(), check_marts(), experiments)
    analyzed = analyze_experiment.expand(experiment_id=experiments)
    analyzed >> publish(experiments)
    # The digest goes out without an experiment that failed; this end makes the run red all the same.
    analyzed >> EmptyOperator(task_id="all_analyzed", trigger_rule=TriggerRule.NONE_FAILED)
