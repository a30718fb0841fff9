{#- An incremental strategy: the rows of a range of dates give way to those that the model has made for it, also where it has made
    none. dbt's own delete+insert by key leaves the rows of a date that lost all its events, and its microbatch reads the whole feed
    once a date (docs/decisions/0009-dates-replaced-in-one-statement.md).

    A model says under config.meta.replaces which column holds the date, and either the variables of its first and last date or the
    one that lists the dates; and whether it forgets the experiments that are gone from the registry, whatever the date. All statements
    go to the engine as one, so whatever becomes of the connection in between, dbt cannot repeat the last without the first. -#}
{% macro get_incremental_replace_dates_sql(arguments) -%}
    {%- set replaces = config.get("meta").replaces -%}
    delete from {{ arguments.target_relation }}
    where
        {{ replaces.column }}
        {%- if replaces.dates %} in ({{ date_list(replaces.dates) }})
        {%- else %} between {{ date_of(replaces.first_date) }} and {{ date_of(replaces.last_date) }}
        {%- endif %}
        {%- if replaces.forgets_experiments %}{{ or_is_of_gone_experiment() }}{% endif %};

    {{ get_insert_into_sql(arguments.target_relation, made_rows(arguments.temp_relation), arguments.dest_columns) }}
{%- endmacro %}

{#- The same for experiment_units: all units assigned since `refreeze_start` give way, and those of the rows that were made. Experiments
    that are gone from the registry go with their units. -#}
{% macro get_incremental_replace_units_sql(arguments) -%}
    delete from {{ arguments.target_relation }}
    where
        assigned_at >= {{ instant_of("refreeze_start") }}
        {{- or_is_of_gone_experiment() }};

    delete from {{ arguments.target_relation }}
    where
        {{ is_since_running_start("assigned_at") }}
        and (experiment_id, unit_id) in (select made.experiment_id, made.unit_id from {{ arguments.temp_relation }} as made);

    {{ get_insert_into_sql(arguments.target_relation, arguments.temp_relation, arguments.dest_columns) }}
{%- endmacro %}

{% macro or_is_of_gone_experiment() -%}
    {%- if var("gone_experiments") %}
        or experiment_id in ('{{ var("gone_experiments") | join("', '") }}')
    {%- endif -%}
{%- endmacro %}
