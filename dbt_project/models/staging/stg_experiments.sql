with

source as (
    select * from {{ source('registry', 'experiments') }}
),

final as (
    select
        experiment_id,
        title,
        owner,
        service,
        hypothesis,
        unit_type,
        control_variant,
        start_date,
        end_date,
        alpha,
        planned_units,
        revision
    from source
)

select * from final
