-- Splitmile on Redshift, part 1 of 2: who there is. Run it once, as an administrator, in Splitmile's database.
--
-- Redshift has no CREATE ROLE IF NOT EXISTS: a second run ends at the first statement, and nothing is changed by it.
-- What may be run at will stands in setup.sql.

-- Writes landing and ops.
create role splitmile_loader;
-- Reads landing; writes every other schema.
create role splitmile_transformer;
-- Reads marts, registry and results, and nothing else.
create role splitmile_analyst;

-- Who Airflow logs in as, and who owns what Splitmile makes. With no password, this user logs in by IAM alone; for a log-in with one:
-- alter user splitmile password '…';
create user splitmile password disable;
