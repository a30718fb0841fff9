{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_dates('business_date', var('replay_from'), var('as_of_date')) }}",
    )
}}
{%- set measures = registered_measures() %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

deliveries as (
    select * from {{ ref('int_deliveries_timed') }}
    {% if is_incremental() -%}
    where business_date between cast('{{ var("replay_from") }}' as date) and {{ as_of_date() }}
    {%- endif %}
),

final as (
    {% for unit_type, unit_column in unit_columns().items() %}
    select
        '{{ unit_type }}' as unit_type,
        {{ unit_column }} as unit_id,
        business_date,
        {% for measure in measures %}
        cast(coalesce(sum(cast({{ measure.expression }} as bigint)), 0) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from deliveries
    where {{ unit_column }} is not null
    group by {{ unit_column }}, business_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
