-- SHOW … as set-returning functions, with the documented columns.
create function redshift_standin.show_schemas(pattern text) returns table (
    database_name text, schema_name text, schema_owner integer, schema_type text, schema_acl text, source_database text, schema_option text
)
language sql stable as $$
    select
        current_database()::text, n.nspname::text, n.nspowner::integer, 'local', array_to_string(n.nspacl, '~'), '', ''
    from pg_catalog.pg_namespace n
    where n.nspname like pattern and n.nspname not like 'pg%toast%' and n.nspname <> 'redshift_standin'
    order by n.nspname
$$;

create function redshift_standin.show_tables(named_schema text, pattern text) returns table (
    database_name text, schema_name text, table_name text, table_type text, table_acl text, remarks text, owner text,
    last_altered_time timestamp, last_modified_time timestamp, dist_style text, table_subtype text
)
language sql stable as $$
    select
        current_database()::text, r.schema_name::text, r.table_name::text, r.table_type, r.table_acl, r.remarks, r.owner::text, null::timestamp,
        null::timestamp, coalesce(r.attributes ->> 'diststyle', 'AUTO'), r.table_subtype
    from redshift_standin.relations r
    where r.schema_name = named_schema and r.table_name like pattern
    order by r.table_name
$$;

create function redshift_standin.show_columns(named_schema text, named_table text) returns table (
    database_name text, schema_name text, table_name text, column_name text, ordinal_position integer, column_default text,
    is_nullable text, data_type text, character_maximum_length integer, numeric_precision integer, numeric_scale integer, remarks text,
    sort_key_type text, sort_key integer, dist_key integer, encoding text
)
language sql stable as $$
    select
        current_database()::text, c.schema_name::text, c.table_name::text, c.column_name::text, c.ordinal_position, c.column_default,
        c.is_nullable, c.data_type, c.character_maximum_length, c.numeric_precision, c.numeric_scale, c.remarks,
        case when c.sortkey > 0 then 'COMPOUND' end, c.sortkey, c.distkey::integer, c.encoding
    from redshift_standin.relation_columns c
    where c.schema_name = named_schema and c.table_name = named_table
    order by c.ordinal_position
$$;

create function redshift_standin.show_grants(named_schema text, named_table text) returns table (
    database_name text, schema_name text, object_name text, object_type text, privilege_type text, identity_id integer,
    identity_name text, identity_type text, admin_option boolean, privilege_scope text, grantor_name text
)
language sql stable as $$
    select
        current_database()::text, g.schema_name::text, g.table_name::text, g.table_type, g.privilege_type, g.identity_id::integer,
        case when g.identity_type = 'group' then '/' else '' end || g.identity_name,
        case when g.identity_type = 'group' then 'role' else g.identity_type end, g.is_grantable, 'TABLE', g.grantor_name::text
    from redshift_standin.relation_grants g
    where g.schema_name = named_schema and g.table_name = named_table
    order by g.identity_name, g.privilege_type
$$;

grant select on all tables in schema redshift_standin to public;
grant select on
    pg_catalog.svv_table_info, pg_catalog.svv_redshift_columns, pg_catalog.svv_all_columns, pg_catalog.svv_all_tables,
    pg_catalog.svv_redshift_tables, pg_catalog.svv_external_schemas, pg_catalog.svv_external_tables, pg_catalog.svv_external_columns,
    pg_catalog.svv_relation_privileges, pg_catalog.svv_schema_privileges, pg_catalog.sys_load_history, pg_catalog.sys_load_error_detail,
    pg_catalog.stl_load_errors, pg_catalog.sys_query_history, pg_catalog.sys_query_text, pg_catalog.sys_query_detail
to public;
reset allow_system_table_mods;
