-- What COPY leaves behind. Redshift's system tables are no part of a transaction: a COPY that was rolled back is in them, and a COPY
-- of an open transaction is seen by that transaction. So each row is written on a connection of its own, and a completed COPY's rows
-- a second time on the client's, whose snapshot may be older than the first.
create sequence redshift_standin.query_ids start 101;
grant usage on sequence redshift_standin.query_ids to public;

-- A COPY that began to load. The columns are those of SYS_LOAD_HISTORY, and the start of the session, since process ids come again.
create table redshift_standin.logged_loads (
    user_id integer not null,
    query_id bigint primary key,
    transaction_id bigint not null,
    session_id integer not null,
    session_started_at timestamptz not null,
    database_name text not null,
    status text not null,
    table_name text not null,
    start_time timestamp not null,
    end_time timestamp,
    duration bigint,
    data_source text not null,
    file_format text not null,
    loaded_rows bigint not null,
    loaded_bytes bigint not null,
    source_file_count integer not null,
    source_file_bytes bigint not null,
    file_count_scanned integer not null,
    file_bytes_scanned bigint not null,
    error_count bigint not null,
    copy_job_id bigint not null default 0
);

-- A row of a file that was not loaded.
create table redshift_standin.logged_load_errors (
    user_id integer not null,
    query_id bigint not null,
    transaction_id bigint not null,
    session_id integer not null,
    database_name text not null,
    table_id integer not null,
    start_time timestamp not null,
    file_name text not null,
    line_number bigint not null,
    column_name text not null,
    column_type text not null,
    column_length text not null,
    position integer not null,
    raw_line text not null,
    raw_field_value text not null,
    error_code integer not null,
    error_message text not null
);

create table redshift_standin.own_loads (like redshift_standin.logged_loads including all);
create table redshift_standin.own_load_errors (like redshift_standin.logged_load_errors including all);
grant insert on redshift_standin.own_loads, redshift_standin.own_load_errors to public;

create view redshift_standin.load_history as
select * from redshift_standin.logged_loads
union all
select * from redshift_standin.own_loads where query_id not in (select query_id from redshift_standin.logged_loads);

create view redshift_standin.load_errors as
select * from redshift_standin.logged_load_errors
union all
select * from redshift_standin.own_load_errors where query_id not in (select query_id from redshift_standin.logged_load_errors);

-- With its owner's rights, since pg_stat_activity shows a session's start to few others.
create function redshift_standin.session_started_at() returns timestamptz language sql stable security definer as $$
    select backend_start from pg_stat_activity where pid = pg_backend_pid()
$$;

create function pg_catalog.pg_last_copy_id() returns integer language sql stable security definer as $$
    select coalesce(max(query_id), -1)::integer
    from redshift_standin.load_history
    where session_id = pg_backend_pid() and session_started_at = redshift_standin.session_started_at()
$$;

create function pg_catalog.pg_last_copy_count() returns bigint language sql stable security definer as $$
    select coalesce((select loaded_rows from redshift_standin.load_history where query_id = pg_last_copy_id()), 0)
$$;
