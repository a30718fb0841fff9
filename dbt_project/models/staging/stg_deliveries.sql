with

source as (
    select * from {{ source('landing', 'deliveries') }}
),

versions as (
    select
        *,
        row_number() over (
            partition by delivery_id
            order by partition_date desc, object_key desc, line_number desc
        ) as version_recency
    from source
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
    from versions
    where version_recency = 1
)

select * from final
