{#- In the order of the value within a date, so that both engines skip the blocks without a value near the quantile. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'business_date', 'dates': 'changed_dates'}},
        on_schema_change='fail',
        dist='auto',
        sort=['business_date', 'value'],
    )
}}
{%- set metrics = quantile_metrics(registered_metrics()) %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

deliveries as (
    select * from {{ ref('int_deliveries_timed') }}
    where
        business_date <= {{ date_of('built_to') }}
        {%- if is_incremental() %}
        and {{ is_between_instants('ordered_at', 'replay_start', 'built_end') }}
        and business_date in ({{ date_list('changed_dates') }})
        {%- endif %}
),

final as (
    {% for metric in metrics or [none] %}
    select
        cast({{ "'" ~ metric.name ~ "'" if metric else 'null' }} as varchar(128)) as metric,
        business_date,
        {% for column in ('courier_id', 'store_id', 'customer_id', 'zone_id') %}
        cast({{ column if column in unit_columns().values() else 'null' }} as varchar(128)) as {{ column }},
        {% endfor %}
        ordered_at,
        cast({{ metric.expression if metric else 'null' }} as bigint) as value -- noqa: RF04
    from deliveries
    {{ 'where 1 = 0' if not metric }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
order by business_date, value
