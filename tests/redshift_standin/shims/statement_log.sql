-- Statements that have ended well, by their clients' own text; written when one of the views is asked for.
create table redshift_standin.executed_statements (
    query_id bigint primary key default nextval('redshift_standin.query_ids'),
    label text not null,
    sql text not null,
    started_at timestamp not null,
    ended_at timestamp not null,
    written_rows bigint
);

create view pg_catalog.sys_query_history as
select
    query_id, label::char(320) as query_label, current_database()::char(128) as database_name, 'success'::char(10) as status,
    started_at as start_time, ended_at as end_time, (extract(epoch from ended_at - started_at) * 1000000)::bigint as elapsed_time,
    left(sql, 4000)::char(4000) as query_text
from redshift_standin.executed_statements;

create view pg_catalog.sys_query_text as
select s.query_id, s.started_at as start_time, piece.sequence, substr(s.sql, 4000 * piece.sequence + 1, 4000)::char(4000) as text
from redshift_standin.executed_statements s
cross join lateral (select generate_series(0, (length(s.sql) - 1) / 4000) as sequence) piece;

-- The steps that write. Of those that read PostgreSQL does not tell; on Redshift each scan has a row, with its rows and blocks.
create view pg_catalog.sys_query_detail as
select
    query_id, 'insert'::text as step_name, 'step'::text as metrics_level, null::integer as table_id, written_rows as input_rows,
    written_rows as output_rows, null::bigint as blocks_read
from redshift_standin.executed_statements
where written_rows is not null;
