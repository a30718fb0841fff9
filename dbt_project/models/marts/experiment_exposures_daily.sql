{#- Redshift: a few rows an experiment and day, joined to nothing, so how they are spread is left to it. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'business_date', 'first_date': 'refreeze_from', 'last_date': 'built_to', 'forgets_experiments': true}},
        on_schema_change='fail',
        dist='auto',
        sort=['experiment_id', 'business_date'],
    )
}}
with

units as (
    select * from {{ ref('experiment_units') }}
    -- While its activation is to come, a unit is not in the experiment.
    where exposure_date is not null {% if is_incremental() %} and {{ is_since_running_start('assigned_at') }} {% endif %}
),

events as (
    select
        experiment_id,
        variant,
        exposure_date as business_date,
        case when is_excluded then 0 else 1 end as exposed_unit,
        0 as contaminated_unit,
        case when is_excluded then 1 else 0 end as excluded_unit
    from units
    union all
    select
        experiment_id,
        variant,
        -- An activation may come after the contamination; the unit never counts then, and is contaminated from its first day on.
        case when contamination_date < exposure_date then exposure_date else contamination_date end as business_date,
        0 as exposed_unit,
        1 as contaminated_unit,
        0 as excluded_unit
    from units
    where contamination_date is not null and not is_excluded
),

final as (
    select
        experiment_id,
        variant,
        business_date,
        cast(sum(exposed_unit) as bigint) as exposed_units,
        cast(sum(contaminated_unit) as bigint) as contaminated_units,
        cast(sum(excluded_unit) as bigint) as excluded_units
    from events {% if is_incremental() %} where business_date >= {{ date_of('refreeze_from') }} {% endif %}
    group by experiment_id, variant, business_date
)

select * from final
