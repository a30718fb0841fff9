-- Splitmile on Redshift, part 2 of 2: schemas and grants. Run it as an administrator, after roles.sql; it may be run again at will.
--
-- Splitmile uses one connection today, and its user owns the schemas and all that it makes in them, which is every right that it needs:
-- no statement of Splitmile's asks for CREATE on the database, for another schema, or for an administrator.
-- The roles are for everybody else: people, and tools beside Splitmile. None may make tables here: Splitmile grants the analysts all tables of
-- a schema at once, and Redshift refuses that where one of them is somebody else's.

create schema if not exists landing authorization splitmile;
create schema if not exists ops authorization splitmile;
create schema if not exists registry authorization splitmile;
create schema if not exists results authorization splitmile;
create schema if not exists staging authorization splitmile;
create schema if not exists intermediate authorization splitmile;
create schema if not exists marts authorization splitmile;

-- Default privileges come first: they hold for every table that Splitmile makes from now on, the grants below for those there are.
alter default privileges for user splitmile in schema landing, ops
    grant select, insert, update, delete on tables to role splitmile_loader;
grant usage on schema landing, ops to role splitmile_loader;
grant select, insert, update, delete on all tables in schema landing, ops to role splitmile_loader;

alter default privileges for user splitmile in schema landing grant select on tables to role splitmile_transformer;
alter default privileges for user splitmile in schema ops, registry, results, staging, intermediate, marts
    grant select, insert, update, delete on tables to role splitmile_transformer;
grant usage on schema landing, ops, registry, results, staging, intermediate, marts to role splitmile_transformer;
grant select on all tables in schema landing to role splitmile_transformer;
grant select, insert, update, delete on all tables in schema ops, registry, results, staging, intermediate, marts
    to role splitmile_transformer;

alter default privileges for user splitmile in schema marts, registry, results grant select on tables to role splitmile_analyst;
grant usage on schema marts, registry, results to role splitmile_analyst;
grant select on all tables in schema marts, registry, results to role splitmile_analyst;
