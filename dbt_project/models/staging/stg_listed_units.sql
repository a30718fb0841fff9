with

source as (
    select * from {{ source('registry', 'listed_units') }}
),

final as (
    select
        experiment_id,
        unit_id,
        is_allowed
    from source
)

select * from final
