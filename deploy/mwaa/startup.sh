#!/bin/sh
# Sourced by MWAA before each of Airflow's processes starts. Secrets are no business of this file: connections are in Secrets Manager.

# The DAG folder is the one that MWAA keeps up to date; deploy/mwaa/build.py puts the rest of the project beside the DAGs.
export SPLITMILE_PROJECT_DIR=/usr/local/airflow/dags
export SPLITMILE_CONFIG=/usr/local/airflow/dags/splitmile.toml
# A worker's own disk: nothing in it has to outlive the worker.
export SPLITMILE_STATE_DIR=/tmp/splitmile
export SPLITMILE_WAREHOUSE__ENGINE=redshift

# Nobody is told that this ran.
export GX_ANALYTICS_ENABLED=False
export DBT_SEND_ANONYMOUS_USAGE_STATS=False
export DO_NOT_TRACK=1
