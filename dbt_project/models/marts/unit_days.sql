{#- Redshift: by unit, as experiment_units is, so the two are joined where they lie; by date, since replay and joins read ranges of it. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'business_date', 'dates': 'changed_dates'}},
        on_schema_change='fail',
        dist='unit_id',
        sort='business_date',
    )
}}
{%- set measures = registered_measures() %}
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
    {% for unit_type, unit_column in unit_columns().items() %}
    select
        -- Of a bare literal each engine makes a type of its own.
        cast('{{ unit_type }}' as varchar(32)) as unit_type,
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
