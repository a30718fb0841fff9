with

source as (
    select * from {{ source('registry', 'variants') }}
),

final as (
    select
        experiment_id,
        variant,
        planned_share,
        is_control
    from source
)

select * from final
