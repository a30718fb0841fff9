with

experiments as (
    select * from {{ ref('stg_experiments') }}
    where is_switchback
),

windows as (
    select * from {{ ref('stg_switchback_windows') }}
),

schedules as (
    select
        experiment_id,
        zone_id,
        min(starts_at) as first_at,
        max(ends_at) as last_at,
        count(*) as windows
    from windows
    group by experiment_id, zone_id
),

final as (
    select
        schedules.experiment_id,
        schedules.zone_id,
        experiments.start_date,
        experiments.end_date,
        schedules.first_at,
        schedules.last_at,
        -- Windows of a zone are of one length. A quotient of integers is a float on DuckDB, an integer on Redshift.
        cast({{ seconds_between('schedules.first_at', 'schedules.last_at') }} / schedules.windows as bigint) as window_seconds
    from schedules
    inner join experiments
        on schedules.experiment_id = experiments.experiment_id
)

select * from final
