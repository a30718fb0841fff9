{#- Redshift: small, and joined to any table by its date, so every node has a copy. -#}
{{ config(dist='all', sort='business_date') }}
with

-- Redshift has no generate_series: the days are counted from a cross join of digits.
digits as (
    {% for digit in range(10) %}
    select {{ digit }} as digit
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as day_number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

days as (
    select cast({{ dbt.dateadd('day', 'day_number', "cast('2013-01-01' as date)") }} as date) as business_date
    from numbers
),

final as (
    select
        business_date,
        cast(extract(dow from business_date) as integer) as weekday_number
    from days
)

select * from final
