with

source as (
    select * from {{ source('landing', 'exposures') }}
),

versions as (
    select
        *,
        row_number() over (
            partition by exposure_id
            order by partition_date desc, object_key desc, line_number desc
        ) as version_recency
    from source
),

final as (
    select
        exposure_id,
        experiment_id,
        variant,
        unit_type,
        unit_id,
        exposed_at,
        {{ business_date('exposed_at') }} as business_date,
        attributes,
        partition_date
    from versions
    where version_recency = 1
)

select * from final
