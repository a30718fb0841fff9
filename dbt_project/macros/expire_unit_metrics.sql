{#- Once the moments stand, per-unit values older than the newest as-of date less `unit_metrics_keep_days` go, except those as of the
    newest date of their experiment: an experiment that is over keeps its last ones, for its view.
    The newest date is that of the whole table, so running an old date again leaves the table as it was. -#}
{% macro expire_unit_metrics() -%}
    {#- render(): under --empty a bare ref becomes a subquery, which cannot be deleted from. #}
    {%- set unit_metrics = ref('experiment_unit_metrics').render() %}
    delete from {{ unit_metrics }}
    where
        as_of_date <= (
            select {{ dbt.dateadd('day', -(var('unit_metrics_keep_days') | int), 'max(as_of_date)') }}
            from {{ unit_metrics }}
        )
        and (experiment_id, as_of_date) not in (
            select experiment_id, max(as_of_date)
            from {{ unit_metrics }}
            group by experiment_id
        )
{%- endmacro %}
