"""The tables that Splitmile itself writes; dbt makes all others."""

from __future__ import annotations

from splitmile.warehouse.interface import Warehouse

SCHEMAS = ("landing", "ops", "registry", "results")

# The object's key, its etag and its load are in `ops.load_ledger` (docs/decisions/0015-a-row-numbers-its-object.md).
_PLACE = "partition_date date not null, object_number integer not null, line_number bigint not null"

TABLES: dict[str, str] = {
    "landing.exposures": f"""
        exposure_id varchar(128) not null, experiment_id varchar(128) not null, variant varchar(128) not null,
        unit_type varchar(32) not null, unit_id varchar(128) not null, exposed_at timestamp not null, attributes varchar(4096),
        {_PLACE}""",
    "landing.deliveries": f"""
        delivery_id varchar(128) not null, courier_id varchar(128), store_id varchar(128) not null, customer_id varchar(128),
        zone_id varchar(128), ordered_at timestamp not null, assigned_at timestamp, picked_up_at timestamp, delivered_at timestamp,
        promised_at timestamp, cancelled_at timestamp, status varchar(32) not null, distance_m bigint, fee_krw bigint,
        {_PLACE}""",
    "ops.load_ledger": """
        load_id varchar(64) not null, feed varchar(32) not null, partition_date date not null, object_number integer not null,
        object_key varchar(1024) not null, etag varchar(128) not null, size_bytes bigint not null, row_count bigint not null,
        rejected_count bigint not null, loaded_at timestamp not null""",
    "ops.rejected_rows": """
        load_id varchar(64) not null, feed varchar(32) not null, partition_date date not null, object_key varchar(1024) not null,
        line_number bigint not null, reason varchar(1024) not null, row_text varchar(4096), rejected_at timestamp not null""",
    "ops.feed_warnings": """
        load_id varchar(64) not null, feed varchar(32) not null, partition_date date not null, message varchar(2048) not null,
        warned_at timestamp not null""",
    "ops.partition_changes": """
        load_id varchar(64) not null, feed varchar(32) not null, partition_date date not null, object_key varchar(1024) not null,
        etag varchar(128) not null, change varchar(8) not null, changed_at timestamp not null""",
    "ops.superseded_rows": f"""
        feed varchar(32) not null, event_id varchar(128) not null, event_at timestamp not null, {_PLACE}""",
    "ops.changed_dates": """
        feed varchar(32) not null, business_date date not null, load_id varchar(64) not null, changed_at timestamp not null,
        transformed_at timestamp""",
    "ops.emitted_dates": """
        business_date date not null, fingerprint varchar(64) not null, emitted_at timestamp not null""",
    "ops.quality_results": """
        gate varchar(32) not null, business_date date not null, check_name varchar(128) not null, severity varchar(8) not null,
        is_success boolean not null, observed varchar(1024), expected varchar(1024), message varchar(2048) not null,
        checked_at timestamp not null""",
    "ops.transform_runs": """
        run_id varchar(64) not null, first_date date not null, last_date date not null, built_to date not null,
        replay_from date not null, refreeze_from date not null, fingerprint varchar(64) not null, ran_at timestamp not null""",
    "ops.built_experiments": """
        experiment_id varchar(128) not null, definition varchar(64) not null, start_date date not null, end_date date not null""",
    "ops.model_costs": """
        run_id varchar(64) not null, business_date date not null, model varchar(256) not null, resource_type varchar(32) not null,
        status varchar(32) not null, seconds double precision not null, sql_seconds double precision not null,
        statements bigint not null, rows_written bigint, rows_read bigint, bytes_read bigint, peak_memory_bytes bigint,
        ran_at timestamp not null""",
    "ops.published_messages": """
        channel varchar(128) not null, business_date date not null, kind varchar(16) not null, message_ts varchar(64),
        published_at timestamp not null""",
    "registry.experiments": """
        experiment_id varchar(128) not null, title varchar(512) not null, owner varchar(256) not null, service varchar(256) not null,
        hypothesis varchar(4096) not null, unit_type varchar(32) not null, control_variant varchar(128) not null,
        start_date date not null, end_date date not null, alpha double precision not null, planned_units bigint not null,
        activation varchar(128), segment_1 varchar(64), segment_2 varchar(64), segment_3 varchar(64), layer varchar(128),
        layer_share double precision, holdout_of varchar(128), is_switchback boolean not null, definition varchar(64) not null,
        revision varchar(64) not null, synced_at timestamp not null""",
    "registry.variants": """
        experiment_id varchar(128) not null, variant varchar(128) not null, planned_share double precision not null,
        is_control boolean not null""",
    "registry.experiment_metrics": """
        experiment_id varchar(128) not null, metric varchar(128) not null, role varchar(16) not null, margin double precision,
        minimum_effect double precision, kind varchar(16) not null, metric_window varchar(16)""",
    "registry.listed_units": """
        experiment_id varchar(128) not null, unit_id varchar(128) not null, is_allowed boolean not null""",
    "registry.switchback_windows": """
        experiment_id varchar(128) not null, zone_id varchar(128) not null, window_number integer not null,
        starts_at timestamp not null, ends_at timestamp not null, counts_from timestamp not null, variant varchar(128) not null""",
    "registry.problems": """
        path varchar(1024) not null, line_number bigint not null, experiment_id varchar(128), message varchar(4096) not null,
        synced_at timestamp not null""",
    "results.experiment_results": """
        computation_id varchar(64) not null, computed_at timestamp not null, experiment_id varchar(128) not null,
        as_of_date date not null, metric varchar(128) not null, segment varchar(128) not null, treatment varchar(128) not null,
        control varchar(128) not null, role varchar(16) not null, n_control bigint not null, n_treatment bigint not null,
        control_value double precision, treatment_value double precision,
        absolute_estimate double precision, absolute_standard_error double precision, absolute_low double precision,
        absolute_high double precision, absolute_p_value double precision,
        relative_estimate double precision, relative_standard_error double precision, relative_low double precision,
        relative_high double precision, relative_p_value double precision,
        sequential_low double precision, sequential_high double precision, sequential_relative_low double precision,
        sequential_relative_high double precision, sequential_p_value double precision, p_value_adjusted double precision,
        degrees_of_freedom double precision, method varchar(32) not null, theta double precision, variance_removed double precision,
        unadjusted_relative_estimate double precision, unadjusted_relative_standard_error double precision,
        chance_to_beat_control double precision, expected_loss double precision,
        non_inferiority_p_value double precision, harm_p_value double precision, is_better boolean not null, is_worse boolean not null,
        decision varchar(32) not null""",
    "results.scorecards": """
        computation_id varchar(64) not null, computed_at timestamp not null, experiment_id varchar(128) not null,
        as_of_date date not null, content_hash varchar(64) not null, decision varchar(32) not null, scorecard varchar(65535) not null""",
    "results.restatements": """
        restatement_id varchar(64) not null, computation_id varchar(64) not null, restated_at timestamp not null,
        experiment_id varchar(128) not null, as_of_date date not null, metric varchar(128) not null, treatment varchar(128) not null,
        segment varchar(128) not null, what varchar(32) not null, value_before double precision, value_after double precision,
        cause varchar(16) not null, changed_from date, changed_to date, feeds varchar(64), objects varchar(4096),
        object_count bigint not null""",
}

REDSHIFT_KEYS: dict[str, str] = {
    # A load looks its ids up among all others, and the staging models join the superseded rows by id: rows of one id lie on one slice, so
    # nothing moves. A run replaces whole partitions, which lie together in blocks.
    "landing.exposures": "distkey (exposure_id) compound sortkey (partition_date)",
    "landing.deliveries": "distkey (delivery_id) compound sortkey (partition_date)",
    # Joined to the raw tables by id; a day's part is found by the instant.
    "ops.superseded_rows": "distkey (event_id) compound sortkey (event_at)",
    # Small, and joined to everything: a copy on each node.
    "registry.experiments": "diststyle all",
    "registry.variants": "diststyle all",
    "registry.experiment_metrics": "diststyle all",
    "registry.switchback_windows": "diststyle all compound sortkey (experiment_id, starts_at)",
    # Read by experiment and date, by pages and analysts.
    "results.experiment_results": "diststyle auto compound sortkey (as_of_date, experiment_id)",
    "results.scorecards": "diststyle auto compound sortkey (as_of_date, experiment_id)",
}
"""How Redshift spreads and sorts the rows; a table that is not named is left to it. docs/scaling.md has the reasons in full."""

VIEWS: dict[str, str] = {
    "results.latest_experiment_results": """
        select r.* from results.experiment_results r
        join (
            select experiment_id, as_of_date, computation_id,
                row_number() over (partition by experiment_id, as_of_date order by computed_at desc, computation_id desc) as recency
            from results.scorecards
        ) s on s.computation_id = r.computation_id and s.experiment_id = r.experiment_id and s.as_of_date = r.as_of_date
        where s.recency = 1""",
}


def create_tables(warehouse: Warehouse) -> None:
    """Create what is missing of the schemas, tables and views that Splitmile itself writes.

    One look tells what is there: on Redshift each statement costs a round trip, and concurrent sessions that create the same view conflict.
    """
    schemas = ", ".join(f"'{schema}'" for schema in SCHEMAS)
    rows = warehouse.fetch(f"select table_schema, table_name from information_schema.tables where table_schema in ({schemas})")
    there = {f"{row['table_schema']}.{row['table_name']}" for row in rows}
    if not {*TABLES, *VIEWS} - there:
        return
    is_redshift = warehouse.engine == "redshift"
    for schema in SCHEMAS:
        warehouse.execute(f"create schema if not exists {schema}")
    for name, columns in TABLES.items():
        warehouse.execute(f"create table if not exists {name} ({columns}) {REDSHIFT_KEYS.get(name, '') if is_redshift else ''}")
    for name, query in VIEWS.items():
        # Late binding: a table may be replaced below the view.
        warehouse.execute(f"create or replace view {name} as {query} {'with no schema binding' if is_redshift else ''}")
