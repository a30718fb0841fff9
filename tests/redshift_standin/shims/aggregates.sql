-- SUM and AVG by Redshift's types: a sum of BIGINT is BIGINT and overflows, an average of integers is BIGINT and loses its fraction.
create aggregate redshift_standin.sum(smallint) (sfunc = int2_sum, stype = bigint, combinefunc = int8pl, parallel = safe);
create aggregate redshift_standin.sum(integer) (sfunc = int4_sum, stype = bigint, combinefunc = int8pl, parallel = safe);
create aggregate redshift_standin.sum(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe);
create aggregate redshift_standin.sum(double precision) (
    sfunc = float8pl, stype = double precision, combinefunc = float8pl, parallel = safe
);
create aggregate redshift_standin.sum(numeric) (
    sfunc = numeric_add, stype = numeric, finalfunc = redshift_standin.decimal_in_range, combinefunc = numeric_add, parallel = safe
);

create function redshift_standin.accumulate(state bigint[], value bigint) returns bigint[]
language sql immutable strict parallel safe as $$ select array[state[1] + 1, state[2] + value] $$;

create function redshift_standin.whole_average(state bigint[]) returns bigint
language sql immutable parallel safe as $$ select case when state[1] > 0 then state[2] / state[1] end $$;

create aggregate redshift_standin.avg(smallint) (
    sfunc = int2_avg_accum, stype = bigint[], finalfunc = redshift_standin.whole_average, initcond = '{0,0}'
);
create aggregate redshift_standin.avg(integer) (
    sfunc = int4_avg_accum, stype = bigint[], finalfunc = redshift_standin.whole_average, initcond = '{0,0}'
);
create aggregate redshift_standin.avg(bigint) (
    sfunc = redshift_standin.accumulate, stype = bigint[], finalfunc = redshift_standin.whole_average, initcond = '{0,0}'
);
create aggregate redshift_standin.avg(numeric) (sfunc = numeric_avg_accum, stype = internal, finalfunc = numeric_avg);
create aggregate redshift_standin.avg(double precision) (
    sfunc = float8_accum, stype = double precision[], finalfunc = float8_avg, initcond = '{0,0,0}'
);

create aggregate redshift_standin.listagg(text, text) (
    sfunc = string_agg_transfn, stype = internal, finalfunc = string_agg_finalfn
);
