-- PostgreSQL's catalogs with Redshift's columns. The rewriter puts these in the place of the catalogs that a client names.
-- Columns of late-binding views are known to pg_get_late_binding_view_cols() only, so clients that read both see each once.
create view redshift_standin.pg_class as
select
    c.*,
    case t.attributes ->> 'diststyle' when 'EVEN' then 0 when 'KEY' then 1 when 'ALL' then 8 else 9 end::smallint as reldiststyle
from pg_catalog.pg_class c
left join redshift_standin.table_attributes t on t.relid = c.oid;

create view redshift_standin.pg_attrdef as
select d.oid, d.adrelid, d.adnum, d.adbin, pg_get_expr(d.adbin, d.adrelid) as adsrc from pg_catalog.pg_attrdef d;

-- The numbers of encodings are the stand-in's own: clients read them through format_encoding() only.
create function redshift_standin.encodings() returns text[]
language sql immutable parallel safe as $$
    select array['none', 'raw', 'az64', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16', 'mostly32', 'runlength',
        'text255', 'text32k', 'zstd', 'auto']
$$;
create function pg_catalog.format_encoding(number integer) returns text
language sql immutable strict parallel safe as $$ select (redshift_standin.encodings())[number] $$;

create view redshift_standin.pg_attribute as
select
    a.attrelid, a.attname, a.atttypid, a.attlen, a.attnum, a.atttypmod, a.attnotnull, a.atthasdef, a.attisdropped,
    coalesce(t.attributes ->> 'distkey' = a.attname, false) as attisdistkey,
    coalesce(
        array_position(array(select jsonb_array_elements_text(t.attributes -> 'sortkey')), a.attname::text), 0
    )::integer as attsortkeyord,
    coalesce(array_position(redshift_standin.encodings(), t.attributes -> 'encode' ->> a.attname), 1)::smallint as attencodingtype
from pg_catalog.pg_attribute a
left join redshift_standin.table_attributes t on t.relid = a.attrelid
where a.attrelid not in (select v.relid from redshift_standin.late_binding_views v);

create view redshift_standin.columns as
select c.*
from information_schema.columns c
where not exists (
    select 1
    from redshift_standin.late_binding_views v
    join pg_catalog.pg_class r on r.oid = v.relid
    join pg_catalog.pg_namespace n on n.oid = r.relnamespace
    where n.nspname = c.table_schema and r.relname = c.table_name
);

-- Keys are declared and not enforced, so they stand here instead of in PostgreSQL's constraints.
create view redshift_standin.declared_keys as
select
    n.nspname as table_schema,
    r.relname as table_name,
    coalesce(k.value ->> 'name', r.relname || case k.value ->> 'type' when 'PRIMARY KEY' then '_pkey' else '_key' end) as constraint_name,
    k.value ->> 'type' as constraint_type,
    k.value -> 'columns' as columns
from redshift_standin.table_attributes t
join pg_catalog.pg_class r on r.oid = t.relid
join pg_catalog.pg_namespace n on n.oid = r.relnamespace
cross join lateral jsonb_array_elements(t.attributes -> 'constraints') k;

create view redshift_standin.table_constraints as
select
    current_database()::varchar(128) as constraint_catalog, table_schema::varchar(128) as constraint_schema,
    constraint_name::varchar(128), current_database()::varchar(128) as table_catalog, table_schema::varchar(128),
    table_name::varchar(128), constraint_type::varchar(16)
from redshift_standin.declared_keys;

create view redshift_standin.key_column_usage as
select
    current_database()::varchar(128) as constraint_catalog, k.table_schema::varchar(128) as constraint_schema,
    k.constraint_name::varchar(128), current_database()::varchar(128) as table_catalog, k.table_schema::varchar(128),
    k.table_name::varchar(128), c.value::varchar(128) as column_name, c.ordinality::integer as ordinal_position
from redshift_standin.declared_keys k
cross join lateral jsonb_array_elements_text(k.columns) with ordinality c;
