-- What COPY recorded, under Redshift's names. STL views pad their texts, as Redshift's do.
create view pg_catalog.sys_load_history as
select
    user_id, query_id, transaction_id, session_id, database_name, status, table_name, start_time, end_time, duration, data_source,
    file_format, loaded_rows, loaded_bytes, source_file_count, source_file_bytes, file_count_scanned, file_bytes_scanned, error_count,
    copy_job_id
from redshift_standin.load_history;

create view pg_catalog.sys_load_error_detail as
select
    user_id, query_id, transaction_id, session_id, database_name, table_id, start_time, file_name::char(256), line_number,
    column_name::char(127), column_type::char(10), column_length::char(10), position, error_code, error_message::char(512)
from redshift_standin.load_errors;

create view pg_catalog.stl_load_errors as
select
    user_id as userid, 0 as slice, table_id as tbl, start_time as starttime, session_id as session, query_id::integer as query,
    file_name::char(256) as filename, line_number, column_name::char(127) as colname, column_type::char(10) as "type",
    column_length::char(10) as col_length, position, raw_line::char(1024), raw_field_value::char(1024), error_code as err_code,
    error_message::char(100) as err_reason, 0 as is_partial, 0::bigint as start_offset, 0::bigint as copy_job_id
from redshift_standin.load_errors;
