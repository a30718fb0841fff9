{#- Redshift has no generate_series: the days are counted from a cross join of digits. -#}
with

digits as (
    {% for digit in range(10) -%}
    select {{ digit }} as digit
    {%- if not loop.last %} union all {% endif %}
    {% endfor %}
),

numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as day_number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

final as (
    select
        cast({{ dbt.dateadd('day', 'day_number', "cast('2013-01-01' as date)") }} as date) as business_date,
        cast(extract(dow from cast({{ dbt.dateadd('day', 'day_number', "cast('2013-01-01' as date)") }} as date)) as integer)
            as weekday_number
    from numbers
)

select * from final
