{#- Redshift: a few rows an experiment and day, joined to nothing, so how they are spread is left to it. -#}
{{ config(dist='auto', sort=['experiment_id', 'business_date']) }}
with

units as (
    select * from {{ ref('experiment_units') }}
),

events as (
    select
        experiment_id,
        variant,
        exposure_date as business_date,
        1 as exposed_unit,
        0 as contaminated_unit
    from units
    union all
    select
        experiment_id,
        variant,
        contamination_date as business_date,
        0 as exposed_unit,
        1 as contaminated_unit
    from units
    where contamination_date is not null
),

final as (
    select
        experiment_id,
        variant,
        business_date,
        cast(sum(exposed_unit) as bigint) as exposed_units,
        cast(sum(contaminated_unit) as bigint) as contaminated_units
    from events
    group by experiment_id, variant, business_date
)

select * from final
