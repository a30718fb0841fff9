with

deliveries as (
    select * from {{ ref('stg_deliveries') }}
),

final as (
    select
        delivery_id,
        courier_id,
        store_id,
        customer_id,
        zone_id,
        ordered_at,
        business_date,
        case when status = 'delivered' then 1 else 0 end as is_delivered,
        case when status = 'cancelled' then 1 else 0 end as is_cancelled,
        case when status = 'failed' then 1 else 0 end as is_failed,
        case when status = 'delivered' and promised_at is not null then 1 else 0 end as is_promised,
        case when status = 'delivered' and delivered_at > promised_at then 1 else 0 end as is_late,
        case when status = 'delivered' then {{ seconds_between('ordered_at', 'delivered_at') }} end as delivery_seconds,
        {{ seconds_between('ordered_at', 'assigned_at') }} as assignment_seconds,
        case when picked_up_at is not null then {{ seconds_between('assigned_at', 'picked_up_at') }} end as pickup_seconds,
        case when status = 'delivered' then distance_m end as distance_m,
        case when status = 'delivered' then fee_krw end as fee_krw
    from deliveries
)

select * from final
