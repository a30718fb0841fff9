-- Functions of Redshift that PostgreSQL lacks, or has with another meaning.
create function pg_catalog.getdate() returns timestamp
language sql stable parallel safe as $$ select date_trunc('second', statement_timestamp()::timestamp) $$;

create function redshift_standin.sysdate() returns timestamp
language sql stable parallel safe as $$ select transaction_timestamp()::timestamp $$;

create function redshift_standin.version() returns varchar
language sql immutable parallel safe as $$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.0'::varchar
$$;

create function pg_catalog.len(text) returns integer
language sql immutable strict parallel safe as $$ select char_length($1) $$;

-- PostgreSQL truncates a DATE to TIMESTAMPTZ.
create function pg_catalog.date_trunc(text, date) returns timestamp
language sql immutable strict parallel safe as $$ select date_trunc($1, $2::timestamp) $$;

create function pg_catalog.last_day(timestamp) returns date
language sql immutable strict parallel safe as $$ select (date_trunc('month', $1) + interval '1 month' - interval '1 day')::date $$;

create function redshift_standin.interval_of(part text, amount bigint) returns interval
language sql immutable strict parallel safe as $$
    select case part
        when 'year' then make_interval(years => amount::integer)
        when 'quarter' then make_interval(months => (3 * amount)::integer)
        when 'month' then make_interval(months => amount::integer)
        when 'week' then make_interval(weeks => amount::integer)
        when 'day' then make_interval(days => amount::integer)
        when 'hour' then amount * interval '1 hour'
        when 'minute' then amount * interval '1 minute'
        when 'second' then amount * interval '1 second'
        when 'millisecond' then amount * interval '1 millisecond'
        when 'microsecond' then amount * interval '1 microsecond'
    end
$$;

-- A DATE goes in as a TIMESTAMP, and comes out as one.
create function redshift_standin.dateadd(part text, amount bigint, instant timestamp) returns timestamp
language sql immutable strict parallel safe as $$ select instant + redshift_standin.interval_of(part, amount) $$;

create function redshift_standin.dateadd(part text, amount bigint, instant date) returns timestamp
language sql immutable strict parallel safe as $$ select instant::timestamp + redshift_standin.interval_of(part, amount) $$;

create function redshift_standin.dateadd(part text, amount bigint, instant text) returns timestamp
language sql stable strict parallel safe as $$ select instant::timestamp + redshift_standin.interval_of(part, amount) $$;

create function redshift_standin.dateadd(part text, amount bigint, instant timestamptz) returns timestamptz
language sql stable strict parallel safe as $$ select instant + redshift_standin.interval_of(part, amount) $$;

-- Counts the boundaries between two instants, not the whole units.
create function redshift_standin.datediff(part text, earlier timestamp, later timestamp) returns bigint
language sql immutable strict parallel safe as $$
    select case part
        when 'year' then extract(year from later)::bigint - extract(year from earlier)::bigint
        when 'quarter' then
            4 * (extract(year from later)::bigint - extract(year from earlier)::bigint)
            + extract(quarter from later)::bigint - extract(quarter from earlier)::bigint
        when 'month' then
            12 * (extract(year from later)::bigint - extract(year from earlier)::bigint)
            + extract(month from later)::bigint - extract(month from earlier)::bigint
        when 'day' then (later::date - earlier::date)::bigint
        when 'hour' then
            (extract(epoch from date_trunc('hour', later))::bigint - extract(epoch from date_trunc('hour', earlier))::bigint) / 3600
        when 'minute' then
            (extract(epoch from date_trunc('minute', later))::bigint - extract(epoch from date_trunc('minute', earlier))::bigint) / 60
        when 'second' then
            extract(epoch from date_trunc('second', later))::bigint - extract(epoch from date_trunc('second', earlier))::bigint
        when 'millisecond' then
            floor(extract(epoch from later) * 1000)::bigint - floor(extract(epoch from earlier) * 1000)::bigint
        when 'microsecond' then
            (extract(epoch from later) * 1000000)::bigint - (extract(epoch from earlier) * 1000000)::bigint
    end
$$;

create function pg_catalog.convert_timezone(source text, target text, instant timestamp) returns timestamp
language sql immutable strict parallel safe as $$ select (instant at time zone source) at time zone target $$;

create function pg_catalog.convert_timezone(target text, instant timestamp) returns timestamp
language sql immutable strict parallel safe as $$ select (instant at time zone 'UTC') at time zone target $$;

create function pg_catalog.strtol(digits text, base integer) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    significant text := ltrim(lower(digits), '0');
begin
    if base <> 16 then
        raise exception using errcode = 'feature_not_supported', message = format('the stand-in knows STRTOL of base 16, not %s', base);
    elsif significant ~ '[^0-9a-f]' or digits = '' then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('The input %s is not valid to be converted to base 16', digits);
    elsif length(significant) > 16 or (length(significant) = 16 and significant > '7fffffffffffffff') then
        raise exception using errcode = 'numeric_value_out_of_range', message = format('The input %s is out of range', digits);
    end if;
    return ('x' || lpad(significant, 16, '0'))::bit(64)::bigint;
end
$$;

-- An empty text where nothing matches.
create function redshift_standin.regexp_substr(value text, pattern text) returns varchar
language sql immutable strict parallel safe as $$ select coalesce(pg_catalog.regexp_substr(value, pattern), '') $$;

create function pg_catalog.is_valid_json(text) returns boolean
language sql immutable strict parallel safe as $$
    select pg_input_is_valid($1, 'json') and coalesce(ltrim($1), '') like '{%'
$$;

-- NULL where the path is not there; the last argument tells whether invalid JSON is NULL too, rather than an error.
create function redshift_standin.json_path(document text, is_null_if_invalid boolean, variadic path text[]) returns varchar
language plpgsql immutable parallel safe as $$
begin
    if document is null or (is_null_if_invalid and not pg_input_is_valid(document, 'json')) then
        return null;
    elsif not pg_input_is_valid(document, 'json') then
        raise exception using errcode = 'invalid_parameter_value', message = format('JSON parsing error: invalid json object %s', document);
    end if;
    return document::json #>> path;
end
$$;
