-- VARCHAR(n) counts bytes. PostgreSQL coerces to a length by the function that pg_cast names for varchar to varchar, so this one
-- holds for every INSERT, UPDATE, cast and parameter. An explicit cast cuts silently, on both engines.
create function redshift_standin.fit_varchar(value varchar, bytes integer, is_explicit boolean) returns varchar
language plpgsql immutable parallel safe as $$
declare
    fitting varchar := pg_catalog.left(value, bytes);
begin
    while octet_length(fitting) > bytes loop
        fitting := pg_catalog.left(fitting, length(fitting) - ((octet_length(fitting) - bytes + 3) / 4));
    end loop;
    if is_explicit or rtrim(substr(value, length(fitting) + 1)) = '' then
        return fitting;
    end if;
    raise exception using errcode = 'string_data_right_truncation',
        message = format('value too long for type character varying(%s)', bytes);
end
$$;

create function redshift_standin.varchar_of_bytes(value varchar, typmod integer, is_explicit boolean) returns varchar
language sql immutable parallel safe as $$
    select case
        when value is null or typmod < 5 or octet_length(value) <= typmod - 4 then value
        else redshift_standin.fit_varchar(value, typmod - 4, is_explicit)
    end
$$;

update pg_catalog.pg_cast
set castfunc = 'redshift_standin.varchar_of_bytes(varchar, integer, boolean)'::regprocedure
where castsource = 'varchar'::regtype and casttarget = 'varchar'::regtype;

-- DECIMAL holds 38 digits. Sums and products that no DECIMAL can hold are errors; digits after the point are PostgreSQL's.
create function redshift_standin.decimal_in_range(value numeric) returns numeric
language plpgsql immutable strict parallel safe as $$
begin
    if abs(value) >= 1e38 then
        raise exception using errcode = 'numeric_value_out_of_range', message = 'Numeric data overflow (result precision)';
    end if;
    return value;
end
$$;

create function redshift_standin.decimal_product(numeric, numeric) returns numeric
language plpgsql immutable strict parallel safe as $$
begin
    return redshift_standin.decimal_in_range(numeric_mul($1, $2));
end
$$;

create function redshift_standin.decimal_sum(numeric, numeric) returns numeric
language plpgsql immutable strict parallel safe as $$
begin
    return redshift_standin.decimal_in_range(numeric_add($1, $2));
end
$$;

update pg_catalog.pg_operator set oprcode = 'redshift_standin.decimal_product(numeric, numeric)'::regprocedure
where oid = 'pg_catalog.*(numeric, numeric)'::regoperator;
update pg_catalog.pg_operator set oprcode = 'redshift_standin.decimal_sum(numeric, numeric)'::regprocedure
where oid = 'pg_catalog.+(numeric, numeric)'::regoperator;
