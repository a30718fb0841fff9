-- The rewriter appends what it took out of a CREATE TABLE as a comment of JSON; this trigger keeps it beside the new table.
create function redshift_standin.attributes_of_statement() returns jsonb
language sql stable as $$
    select coalesce(
        convert_from(decode(substring(current_query() from '/[*] redshift_standin ([0-9a-f]+) [*]/'), 'hex'), 'utf8')::jsonb, '{}'
    )
$$;

create function redshift_standin.remember_table() returns event_trigger
language plpgsql security definer as $$
declare
    created oid;
    column_name name;
    declared jsonb := redshift_standin.attributes_of_statement();
begin
    if declared ? 'like' then
        -- LIKE takes over the dist and sort keys, and none of the declared ones.
        declared := coalesce(
            (select t.attributes from redshift_standin.table_attributes t where t.relid = to_regclass(declared ->> 'like')), '{}'
        ) - 'constraints' || (declared - 'like');
    end if;
    for created in
        select distinct objid from pg_event_trigger_ddl_commands()
        where object_type = 'table' and schema_name <> 'redshift_standin'
    loop
        insert into redshift_standin.table_attributes (relid, attributes) values (created, declared);
        -- Redshift has no TEXT: what a query of CREATE TABLE AS computes is VARCHAR.
        for column_name in
            select a.attname from pg_attribute a
            where a.attrelid = created and a.attnum > 0 and not a.attisdropped and a.atttypid = 'text'::regtype
        loop
            execute format('alter table %s alter column %I type varchar(65535)', created::regclass, column_name);
        end loop;
    end loop;
end
$$;

create event trigger redshift_standin_tables on ddl_command_end
when tag in ('CREATE TABLE', 'CREATE TABLE AS')
execute function redshift_standin.remember_table();

create function redshift_standin.row_count(relid oid) returns bigint
language plpgsql stable security definer as $$
declare
    counted bigint;
begin
    execute format('select count(*) from %s', relid::regclass) into counted;
    return counted;
end
$$;
