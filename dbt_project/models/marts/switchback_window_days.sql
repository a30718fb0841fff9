{#- Redshift: some hundred rows an experiment and day, joined to nothing; an experiment is read at a time, from its start on. -#}
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
{%- set measures = registered_measures() %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

zones as (
    select * from {{ ref('int_switchback_zones') }}
),

windows as (
    select * from {{ ref('stg_switchback_windows') }}
),

deliveries as (
    select * from {{ ref('int_deliveries_timed') }}
    where
        {{ is_between_instants('ordered_at', 'refreeze_start', 'built_end') }}
        and business_date <= {{ date_of('built_to') }}
),

-- A delivery belongs to the window of its order, whenever it ended.
placed as (
    select
        deliveries.*,
        zones.experiment_id,
        {{ window_number('deliveries.ordered_at', 'zones.first_at', 'zones.window_seconds') }} as window_number
    from deliveries
    inner join zones
        on
            deliveries.zone_id = zones.zone_id
            and deliveries.business_date between zones.start_date and zones.end_date
            and deliveries.ordered_at >= zones.first_at
            and deliveries.ordered_at < zones.last_at
),

counted as (
    select
        placed.*,
        windows.variant,
        case when placed.ordered_at < windows.counts_from then 1 else 0 end as is_burn_in
    from placed
    inner join windows
        on
            placed.experiment_id = windows.experiment_id
            and placed.zone_id = windows.zone_id
            and placed.window_number = windows.window_number
),

final as (
    select
        experiment_id,
        zone_id,
        window_number,
        variant,
        business_date,
        cast(sum(is_burn_in) as bigint) as burn_in_orders,
        {% for measure in measures %}
        cast(coalesce(sum(case when is_burn_in = 0 then cast({{ measure.expression }} as bigint) end), 0) as bigint) as {{ measure.name }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from counted
    group by experiment_id, zone_id, window_number, variant, business_date
)

select * from final
