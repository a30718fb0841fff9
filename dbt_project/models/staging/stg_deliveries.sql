with

source as (
    select * from {{ source('landing', 'deliveries') }}
),

superseded_rows as (
    select * from {{ source('ops', 'superseded_rows') }}
    where feed = 'deliveries'
),

-- The instant is part of the key, so that a condition on it leaves out the blocks of other days on both sides.
latest_versions as (
    select source.*
    from source
    left join superseded_rows
        on
            source.delivery_id = superseded_rows.event_id
            and source.ordered_at = superseded_rows.event_at
            and source.partition_date = superseded_rows.partition_date
            and source.object_number = superseded_rows.object_number
            and source.line_number = superseded_rows.line_number
    where superseded_rows.event_id is null
),

final as (
    select
        delivery_id,
        courier_id,
        store_id,
        customer_id,
        zone_id,
        ordered_at,
        {{ business_date('ordered_at') }} as business_date,
        assigned_at,
        picked_up_at,
        delivered_at,
        promised_at,
        cancelled_at,
        status,
        distance_m,
        fee_krw,
        partition_date
    from latest_versions
)

select * from final
