with

source as (
    select * from {{ source('registry', 'switchback_windows') }}
),

final as (
    select
        experiment_id,
        zone_id,
        window_number,
        starts_at,
        ends_at,
        counts_from,
        variant
    from source
)

select * from final
