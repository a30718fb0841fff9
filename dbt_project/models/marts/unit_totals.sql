{#- Redshift: by unit, as unit_days and experiment_units are; a date is read at a time. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'business_date', 'dates': 'totals_dates'}},
        on_schema_change='fail',
        dist='unit_id',
        sort='business_date',
    )
}}
{%- set measures = registered_measures() %}
{%- set dates = var('totals_dates') %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

-- What every unit has come to on the date to build upon, and each day after it. Both count for the first of the dates to make that
-- is not before them.
added as (
    {% if is_incremental() and dates %}
    select
        unit_type,
        unit_id,
        cast('{{ dates | first }}' as date) as business_date,
        first_date,
        {% for measure in measures %}
        {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ this }}
    where business_date = {{ date_of('totals_base') }}
    union all
    {% endif %}
    select
        unit_type,
        unit_id,
        {% if dates %}
        case
            {% for each in dates %}
            when business_date <= cast('{{ each }}' as date) then cast('{{ each }}' as date)
            {% endfor %}
        end as business_date,
        {% else %}
        business_date,
        {% endif %}
        business_date as first_date,
        {% for measure in measures %}
        {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('unit_days') }}
    where
        business_date > {{ date_of('totals_base') }}
        and business_date <= cast('{{ dates | last if dates else "1970-01-01" }}' as date)
),

sums as (
    select
        unit_type,
        unit_id,
        business_date,
        min(first_date) as first_date,
        {% for measure in measures %}
        cast(sum({{ measure.name }}) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from added
    group by unit_type, unit_id, business_date
),

{% if dates | length > 1 %}
-- Every unit on every date from its first one on, whether it did anything since the date before or not.
units as (
    select
        unit_type,
        unit_id,
        min(business_date) as business_date,
        min(first_date) as first_date
    from sums
    group by unit_type, unit_id
),

dates as (
    {% for each in dates %}
    select cast('{{ each }}' as date) as business_date
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        units.unit_type,
        units.unit_id,
        dates.business_date,
        units.first_date,
        {% for measure in measures %}
        cast(sum(coalesce(sums.{{ measure.name }}, 0)) over (
            partition by units.unit_type, units.unit_id
            order by dates.business_date
            rows between unbounded preceding and current row
        ) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from units
    inner join dates
        on units.business_date <= dates.business_date
    left join sums
        on
            units.unit_type = sums.unit_type
            and units.unit_id = sums.unit_id
            and dates.business_date = sums.business_date
)
{% else %}
final as (
    select * from sums
)
{% endif %}

select * from final
