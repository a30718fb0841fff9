{#- An incremental strategy: the rows of a range of dates give way to those that the model has made for it, also where it has made
    none. dbt's own delete+insert by key leaves the rows of a date that lost all its events, and its microbatch reads the whole feed
    once a date (docs/decisions/0009-dates-replaced-in-one-statement.md).

    A model says under config.meta.replaces which column holds the date, and which variable the first date of the range; the last
    one is the as-of date. Both statements go to the engine as one, so whatever becomes of the connection in between, dbt cannot
    repeat the second without the first. -#}
{% macro get_incremental_replace_dates_sql(arguments) -%}
    {%- set replaces = config.get("meta").replaces -%}
    delete from {{ arguments.target_relation }}
    where {{ replaces.column }} between cast('{{ var(replaces.first_date) }}' as date) and {{ as_of_date() }};

    {{ get_insert_into_sql(arguments.target_relation, arguments.temp_relation, arguments.dest_columns) }}
{%- endmacro %}
