{{ config(materialized='view', bind=false) }}
{%- set measures = registered_measures() %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

experiments as (
    select * from {{ ref('stg_experiments') }}
),

units as (
    select * from {{ ref('experiment_units') }}
    where not is_excluded
),

unit_days as (
    select * from {{ ref('unit_days') }}
),

final as (
    select
        units.experiment_id,
        units.variant,
        units.unit_id,
        cast(unit_days.business_date - units.exposure_date as integer) as day_since_exposure,
        unit_days.business_date,
        {% for measure in measures %}
        unit_days.{{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from units
    inner join experiments
        on units.experiment_id = experiments.experiment_id
    -- The day of the exposure is left out, as it is not a whole one.
    inner join unit_days
        on
            units.unit_type = unit_days.unit_type
            and units.unit_id = unit_days.unit_id
            and units.exposure_date < unit_days.business_date
            and experiments.end_date >= unit_days.business_date
            and (units.contamination_date is null or units.contamination_date > unit_days.business_date)
)

select * from final
