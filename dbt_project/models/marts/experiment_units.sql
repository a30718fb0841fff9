{#- Redshift: by unit, as unit_days is, so the two are joined where they lie; an experiment is read at a time. -#}
{{ config(dist='unit_id', sort='experiment_id') }}
with

exposures as (
    select * from {{ ref('stg_exposures') }}
),

experiments as (
    select * from {{ ref('stg_experiments') }}
),

variants as (
    select * from {{ ref('stg_variants') }}
),

valid_exposures as (
    select
        exposures.experiment_id,
        exposures.unit_type,
        exposures.unit_id,
        exposures.variant,
        exposures.exposed_at,
        exposures.business_date,
        row_number() over (
            partition by exposures.experiment_id, exposures.unit_id
            order by exposures.exposed_at, exposures.exposure_id
        ) as exposure_number
    from exposures
    inner join experiments
        on
            exposures.experiment_id = experiments.experiment_id
            and exposures.unit_type = experiments.unit_type
            and exposures.business_date between experiments.start_date and experiments.end_date
    inner join variants
        on
            exposures.experiment_id = variants.experiment_id
            and exposures.variant = variants.variant
),

first_exposures as (
    select * from valid_exposures
    where exposure_number = 1
),

contaminations as (
    select
        first_exposures.experiment_id,
        first_exposures.unit_id,
        min(valid_exposures.exposed_at) as contaminated_at,
        min(valid_exposures.business_date) as contamination_date
    from first_exposures
    inner join valid_exposures
        on
            first_exposures.experiment_id = valid_exposures.experiment_id
            and first_exposures.unit_id = valid_exposures.unit_id
            and first_exposures.variant <> valid_exposures.variant
    group by first_exposures.experiment_id, first_exposures.unit_id
),

final as (
    select
        first_exposures.experiment_id,
        first_exposures.unit_type,
        first_exposures.unit_id,
        first_exposures.variant,
        first_exposures.exposed_at as first_exposed_at,
        first_exposures.business_date as exposure_date,
        contaminations.contaminated_at,
        contaminations.contamination_date
    from first_exposures
    left join contaminations
        on
            first_exposures.experiment_id = contaminations.experiment_id
            and first_exposures.unit_id = contaminations.unit_id
)

select * from final
