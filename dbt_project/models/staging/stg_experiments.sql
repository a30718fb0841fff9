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
        activation,
        segment_1,
        segment_2,
        segment_3,
        layer,
        layer_share,
        holdout_of,
        is_switchback,
        definition,
        revision
    from source
)

select * from final
