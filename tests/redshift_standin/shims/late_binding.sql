-- A late-binding view is a view over a function that runs its query as text: nothing below it is bound, so tables come and go, and
-- reading the view while one is missing fails. It runs with the rights of the view's owner, by one function for each owner.
create function redshift_standin.late_binding_function(owner name) returns text
language plpgsql security definer as $$
declare
    function_name text := format('redshift_standin.%I', 'late_binding_of_' || owner);
begin
    if to_regprocedure(function_name || '(text)') is null then
        -- Several sessions may create their first view at once.
        perform pg_advisory_xact_lock(hashtext(function_name));
    end if;
    if to_regprocedure(function_name || '(text)') is null then
        execute format(
            'create function %s(query text) returns setof record language plpgsql stable security definer'
            ' as ''begin return query execute query; end''',
            function_name
        );
        execute format('alter function %s(text) owner to %I', function_name, owner);
    end if;
    return function_name;
end
$$;

select redshift_standin.late_binding_function(current_user);

create function redshift_standin.create_late_binding_view(view_name text, query text, is_replacement boolean) returns void
language plpgsql as $$
declare
    existing regclass := to_regclass(view_name);
    acl aclitem[];
    names text;
    casts text;
    definitions text;
    permission record;
begin
    execute 'create temporary view redshift_standin_probe as ' || query;
    select
        string_agg(quote_ident(attname), ', ' order by attnum),
        string_agg(format('%I::%s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum),
        string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum)
    into names, casts, definitions
    from pg_attribute where attrelid = 'pg_temp.redshift_standin_probe'::regclass and attnum > 0;
    drop view pg_temp.redshift_standin_probe;

    if is_replacement and existing is not null then
        select relacl into acl from pg_class where oid = existing;
        execute format('drop view %s', view_name);
    end if;
    execute format(
        'create view %s as select %s from %s(%L) as late_binding (%s)',
        view_name, names, redshift_standin.late_binding_function(current_user),
        format('select %s from (%s) as late_binding', casts, query), definitions
    );
    -- Replacing a view keeps its grants.
    for permission in
        select a.privilege_type, coalesce(quote_ident(r.rolname), 'public') as grantee
        from aclexplode(acl) a left join pg_roles r on r.oid = a.grantee
        where a.grantee <> (select relowner from pg_class where oid = view_name::regclass)
    loop
        execute format('grant %s on %s to %s', permission.privilege_type, view_name, permission.grantee);
    end loop;
end
$$;

create view redshift_standin.late_binding_views as
select c.oid as relid
from pg_catalog.pg_class c
where c.relkind = 'v' and exists (
    select 1
    from pg_catalog.pg_rewrite w
    join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_proc'::regclass
    join pg_catalog.pg_proc p on p.oid = d.refobjid
    where w.ev_class = c.oid and p.pronamespace = 'redshift_standin'::regnamespace and p.proname like 'late_binding_of_%'
);

create function pg_catalog.pg_get_late_binding_view_cols() returns setof record
language sql stable as $$
    select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)::varchar, a.attnum::integer
    from redshift_standin.late_binding_views v
    join pg_catalog.pg_class c on c.oid = v.relid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0
$$;
