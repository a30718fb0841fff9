with

source as (
    select * from {{ source('registry', 'experiment_metrics') }}
),

final as (
    select
        experiment_id,
        metric,
        role,
        margin,
        minimum_effect
    from source
)

select * from final
