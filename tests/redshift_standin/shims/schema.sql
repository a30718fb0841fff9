-- The stand-in's own things live in one schema; what Redshift has in its system catalog goes into pg_catalog.
set allow_system_table_mods = on;
create schema redshift_standin;
grant usage on schema redshift_standin to public;
-- Redshift lets every user create in public; PostgreSQL stopped doing so.
grant create on schema public to public;

-- Redshift reads a backslash in a literal as an escape, as PostgreSQL 8.0 did, keeps time in UTC, and has no notices of it.
do $$
begin
    execute format('alter database %I set standard_conforming_strings = off', current_database());
    execute format('alter database %I set escape_string_warning = off', current_database());
    execute format('alter database %I set timezone = ''UTC''', current_database());
    execute format('alter database %I set datestyle = ''ISO, MDY''', current_database());
end
$$;

-- What Redshift keeps of a table and PostgreSQL has no place for: the attributes of its CREATE TABLE, by OID.
create table redshift_standin.table_attributes (
    relid oid primary key,
    attributes jsonb not null,
    created_at timestamp not null default localtimestamp
);
