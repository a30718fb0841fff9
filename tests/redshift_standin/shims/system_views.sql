-- Tables and columns as Redshift's system views show them, with the documented columns that clients read.
create view redshift_standin.relations as
select
    r.oid as relid, n.nspname as schema_name, r.relname as table_name, pg_get_userbyid(r.relowner) as owner,
    case when r.relkind = 'v' then 'VIEW' else 'TABLE' end as table_type,
    case
        when v.relid is not null then 'LATE BINDING VIEW' when r.relkind = 'v' then 'REGULAR VIEW' else 'REGULAR TABLE'
    end as table_subtype,
    array_to_string(r.relacl, '~') as table_acl, obj_description(r.oid, 'pg_class') as remarks,
    coalesce(t.attributes, '{}') as attributes, t.created_at
from pg_catalog.pg_class r
join pg_catalog.pg_namespace n on n.oid = r.relnamespace
left join redshift_standin.late_binding_views v on v.relid = r.oid
left join redshift_standin.table_attributes t on t.relid = r.oid
where r.relkind in ('r', 'v') and n.nspname not in ('pg_catalog', 'information_schema', 'redshift_standin')
    and n.nspname not like 'pg_toast%' and n.nspname not like 'pg_temp%';

create view redshift_standin.relation_columns as
select
    r.schema_name, r.table_name, r.table_type, a.attname as column_name, a.attnum::integer as ordinal_position,
    pg_get_expr(d.adbin, d.adrelid) as column_default, case when a.attnotnull then 'NO' else 'YES' end as is_nullable,
    format_type(a.atttypid, null) as data_type,
    case when a.atttypid in ('varchar'::regtype, 'bpchar'::regtype) and a.atttypmod > 4 then a.atttypmod - 4 end as character_maximum_length,
    case a.atttypid
        when 'smallint'::regtype then 16 when 'integer'::regtype then 32 when 'bigint'::regtype then 64
        when 'real'::regtype then 24 when 'double precision'::regtype then 53
        when 'numeric'::regtype then case when a.atttypmod > 4 then (a.atttypmod - 4) >> 16 end
    end as numeric_precision,
    case
        when a.atttypid in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) then 0
        when a.atttypid = 'numeric'::regtype and a.atttypmod > 4 then (a.atttypmod - 4) & 65535
    end as numeric_scale,
    col_description(r.relid, a.attnum) as remarks, r.attributes -> 'encode' ->> a.attname as encoding,
    coalesce(r.attributes ->> 'distkey' = a.attname, false) as distkey,
    coalesce(
        array_position(array(select jsonb_array_elements_text(r.attributes -> 'sortkey')), a.attname::text), 0
    )::integer as sortkey
from redshift_standin.relations r
join pg_catalog.pg_attribute a on a.attrelid = r.relid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum;

-- Empty tables are not listed, as on Redshift.
create view pg_catalog.svv_table_info as
select
    current_database()::text as "database", schema_name::text as "schema", relid as table_id, table_name::text as "table",
    case when attributes ? 'encode' then 'Y' else 'Y, AUTO(ENCODE)' end::text as encoded,
    case attributes ->> 'diststyle'
        when 'KEY' then 'KEY(' || (attributes ->> 'distkey') || ')' when 'EVEN' then 'EVEN' when 'ALL' then 'ALL' else 'AUTO(ALL)'
    end::text as diststyle,
    case
        when attributes ->> 'sortstyle' = 'INTERLEAVED' then 'INTERLEAVED'
        when attributes ? 'sortkey' then attributes -> 'sortkey' ->> 0
        else 'AUTO(SORTKEY)'
    end::text as sortkey1,
    coalesce((
        select max(c.character_maximum_length) from redshift_standin.relation_columns c
        where c.schema_name = relations.schema_name and c.table_name = relations.table_name
    ), 0) as max_varchar,
    attributes -> 'encode' ->> (attributes -> 'sortkey' ->> 0) as sortkey1_enc,
    coalesce(jsonb_array_length(attributes -> 'sortkey'), 0) as sortkey_num,
    ceil(pg_table_size(relid) / 1048576.0)::bigint as size, 0::numeric(10, 4) as pct_used, 0::bigint as empty,
    0::numeric(5, 2) as unsorted, 0::numeric(5, 2) as stats_off, counted.tbl_rows::numeric(38, 0) as tbl_rows,
    null::numeric(19, 2) as skew_sortkey1, null::numeric(19, 2) as skew_rows,
    counted.tbl_rows::numeric(38, 0) as estimated_visible_rows, null::text as risk_event,
    null::numeric(12, 2) as vacuum_sort_benefit, created_at as create_time
from redshift_standin.relations
cross join lateral (select redshift_standin.row_count(relid) as tbl_rows) counted
where table_type = 'TABLE' and counted.tbl_rows > 0;

create view pg_catalog.svv_redshift_columns as
select
    current_database()::varchar(128) as database_name, schema_name::varchar(128), table_name::varchar(128), column_name::varchar(128),
    ordinal_position, data_type::varchar(128), column_default::varchar(4000), is_nullable::varchar(3), encoding::varchar(128), distkey,
    sortkey, null::varchar(128) as column_acl, remarks::varchar(256)
from redshift_standin.relation_columns;

create view pg_catalog.svv_all_columns as
select
    current_database()::varchar(128) as database_name, schema_name::varchar(128), table_name::varchar(128), column_name::varchar(128),
    ordinal_position, column_default::varchar(4000), is_nullable::varchar(3), data_type::varchar(128), character_maximum_length,
    numeric_precision, numeric_scale, remarks::varchar(256)
from redshift_standin.relation_columns;

create view pg_catalog.svv_all_tables as
select
    current_database()::varchar(128) as database_name, schema_name::varchar(128), table_name::varchar(128), table_acl::varchar(128),
    table_type::varchar(128), remarks::varchar(128)
from redshift_standin.relations;

create view pg_catalog.svv_redshift_tables as
select
    current_database()::varchar(128) as database_name, schema_name::varchar(128), table_name::varchar(128), table_type::varchar(128),
    table_acl::varchar(128), remarks::varchar(128), owner::varchar(128) as table_owner
from redshift_standin.relations;

-- Spectrum's: there are no external schemas here.
create view pg_catalog.svv_external_schemas as
select
    null::oid as esoid, null::smallint as eskind, null::text as schemaname, null::integer as esowner, null::text as databasename,
    null::text as esoptions
where false;

create view pg_catalog.svv_external_tables as
select
    null::text as redshift_database_name, null::text as schemaname, null::text as tablename, null::text as tabletype,
    null::text as location
where false;

create view pg_catalog.svv_external_columns as
select
    null::text as redshift_database_name, null::text as schemaname, null::text as tablename, null::text as columnname,
    null::text as external_type, null::integer as columnnum, null::integer as part_key, null::text as is_nullable
where false;

-- One namespace of roles stands for Redshift's three: who can log in is a user, and a group carries a connection limit of 0.
create view redshift_standin.identities as
select
    oid, rolname as identity_name,
    case when rolcanlogin or rolsuper then 'user' when rolconnlimit = 0 then 'group' else 'role' end as identity_type
from pg_catalog.pg_roles
where rolname not like 'pg_%'
union all
select 0, 'public', 'public';

create view redshift_standin.relation_grants as
select
    r.relid, r.schema_name, r.table_name, r.table_type, a.privilege_type, i.oid as identity_id, i.identity_name, i.identity_type,
    a.is_grantable, pg_get_userbyid(a.grantor) as grantor_name
from redshift_standin.relations r
join pg_catalog.pg_class c on c.oid = r.relid
cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
join redshift_standin.identities i on i.oid = a.grantee
where a.privilege_type <> 'MAINTAIN';

create view pg_catalog.svv_relation_privileges as
select
    schema_name::text as namespace_name, table_name::text as relation_name, privilege_type::text, identity_id::integer,
    identity_name::text, identity_type::text, is_grantable as admin_option
from redshift_standin.relation_grants;

create view pg_catalog.svv_schema_privileges as
select
    n.nspname::text as namespace_name, a.privilege_type::text, i.oid::integer as identity_id, i.identity_name::text,
    i.identity_type::text, a.is_grantable as admin_option
from pg_catalog.pg_namespace n
cross join lateral aclexplode(n.nspacl) a
join redshift_standin.identities i on i.oid = a.grantee;
