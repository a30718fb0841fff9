with

source as (
    select * from {{ source('landing', 'exposures') }}
),

superseded_rows as (
    select * from {{ source('ops', 'superseded_rows') }}
    where feed = 'exposures'
),

-- The instant is part of the key, so that a condition on it leaves out the blocks of other days on both sides.
latest_versions as (
    select source.*
    from source
    left join superseded_rows
        on
            source.exposure_id = superseded_rows.event_id
            and source.exposed_at = superseded_rows.event_at
            and source.partition_date = superseded_rows.partition_date
            and source.object_number = superseded_rows.object_number
            and source.line_number = superseded_rows.line_number
    where superseded_rows.event_id is null
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
    from latest_versions
)

select * from final
