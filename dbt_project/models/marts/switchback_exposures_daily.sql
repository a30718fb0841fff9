{#- Redshift: one row an experiment and day. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'business_date', 'first_date': 'refreeze_from', 'last_date': 'built_to'}},
        on_schema_change='fail',
        dist='auto',
        sort=['experiment_id', 'business_date'],
    )
}}
with

experiments as (
    select * from {{ ref('stg_experiments') }}
    where is_switchback
),

zones as (
    select * from {{ ref('int_switchback_zones') }}
),

windows as (
    select * from {{ ref('stg_switchback_windows') }}
),

exposures as (
    select * from {{ ref('stg_exposures') }}
    where
        {{ is_between_instants('exposed_at', 'refreeze_start', 'built_end') }}
        and business_date <= {{ date_of('built_to') }}
        and unit_type = 'zone'
),

placed as (
    select
        exposures.experiment_id,
        exposures.business_date,
        exposures.unit_id as zone_id,
        exposures.variant,
        {{ window_number('exposures.exposed_at', 'zones.first_at', 'zones.window_seconds') }} as window_number
    from exposures
    inner join experiments
        on
            exposures.experiment_id = experiments.experiment_id
            and exposures.business_date between experiments.start_date and experiments.end_date
    left join zones
        on
            exposures.experiment_id = zones.experiment_id
            and exposures.unit_id = zones.zone_id
),

-- Numbers before the first window and after the last one find none.
compared as (
    select
        placed.experiment_id,
        placed.business_date,
        case when windows.variant <> placed.variant then 1 else 0 end as is_violation,
        case when windows.variant is null then 1 else 0 end as is_outside
    from placed
    left join windows
        on
            placed.experiment_id = windows.experiment_id
            and placed.zone_id = windows.zone_id
            and placed.window_number = windows.window_number
),

final as (
    select
        experiment_id,
        business_date,
        cast(count(*) as bigint) as exposures,
        cast(sum(is_violation) as bigint) as violations,
        cast(sum(is_outside) as bigint) as outside
    from compared
    group by experiment_id, business_date
)

select * from final
