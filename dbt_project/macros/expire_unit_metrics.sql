{#- Once the moments stand, per-unit values older than the newest as-of date less `unit_metrics_keep_days` go.
    The newest date is that of the whole table, so running an old date again leaves the table as it was. -#}
{% macro expire_unit_metrics() -%}
    {#- render(): under --empty a bare ref becomes a subquery, which cannot be deleted from. #}
    delete from {{ ref('experiment_unit_metrics').render() }}
    where as_of_date <= (
        select {{ dbt.dateadd('day', -(var('unit_metrics_keep_days') | int), 'max(as_of_date)') }}
        from {{ ref('experiment_unit_metrics') }}
    )
{%- endmacro %}
