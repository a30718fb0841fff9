{#- Redshift: by unit, so that its rows are made and counted where experiment_units and unit_days lie; as of one date and of one
    experiment is how everyone reads it. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'as_of_date', 'first_date': 'as_of_date'}},
        on_schema_change='fail',
        full_refresh=false,
        dist='unit_id',
        sort=['as_of_date', 'experiment_id'],
    )
}}
{%- set measures = registered_measures() %}
{%- set metrics = registered_metrics() %}
{%- set windows = covariate_windows(metrics) %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

experiments as (
    select * from {{ ref('stg_experiments') }}
    where {{ as_of_date() }} between start_date and end_date
),

experiment_metrics as (
    select * from {{ ref('stg_experiment_metrics') }}
),

unit_days as (
    select * from {{ ref('unit_days') }}
),

deliveries as (
    select * from {{ ref('int_deliveries_timed') }}
),

-- A unit counts from its first exposure until it is seen in a second variant.
units as (
    select
        experiment_units.experiment_id,
        experiment_units.unit_type,
        experiment_units.unit_id,
        experiment_units.variant,
        experiment_units.first_exposed_at,
        experiment_units.exposure_date
    from {{ ref('experiment_units') }} as experiment_units
    inner join experiments
        on experiment_units.experiment_id = experiments.experiment_id
    where
        experiment_units.exposure_date <= {{ as_of_date() }}
        and (experiment_units.contamination_date is null or experiment_units.contamination_date > {{ as_of_date() }})
),

-- The exposure day itself counts from the instant of exposure on, so it comes from its events.
exposure_day as (
    {% for unit_type, unit_column in unit_columns().items() %}
    select
        units.experiment_id,
        units.unit_id,
        {% for measure in measures %}
        cast(coalesce(sum(cast({{ measure.expression }} as bigint)), 0) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from units
    inner join deliveries
        on
            units.unit_id = deliveries.{{ unit_column }}
            and units.exposure_date = deliveries.business_date
            and units.first_exposed_at <= deliveries.ordered_at
    where units.unit_type = '{{ unit_type }}'
    group by units.experiment_id, units.unit_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

later_days as (
    select
        units.experiment_id,
        units.unit_id,
        {% for measure in measures %}
        cast(sum(unit_days.{{ measure.name }}) as bigint) as {{ measure.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from units
    inner join unit_days
        on
            units.unit_type = unit_days.unit_type
            and units.unit_id = unit_days.unit_id
            and units.exposure_date < unit_days.business_date
            and unit_days.business_date <= {{ as_of_date() }}
    group by units.experiment_id, units.unit_id
),

{% if windows %}
-- What a unit did before the day of its exposure cannot be an effect of it. A unit that did nothing in the window has no row or
-- is_present 0; it then takes the mean of the others in the statistics.
before_exposure as (
    select
        units.experiment_id,
        units.unit_id,
        {% for days, window_measures in windows.items() %}
        {%- set is_in_window %}
            unit_days.business_date >= cast({{ dbt.dateadd('day', -days, 'units.exposure_date') }} as date)
        {%- endset %}
        max(case when {{ is_in_window }} then 1 else 0 end) as is_present_{{ days }},
        {% for measure in window_measures %}
        cast(sum(case when {{ is_in_window }} then unit_days.{{ measure }} else 0 end) as bigint) as {{ measure }}_{{ days }}
        {{- ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from units
    inner join unit_days
        on
            units.unit_type = unit_days.unit_type
            and units.unit_id = unit_days.unit_id
            and units.exposure_date > unit_days.business_date
            and unit_days.business_date >= cast({{ dbt.dateadd('day', -(windows | max), 'units.exposure_date') }} as date)
    group by units.experiment_id, units.unit_id
),
{% endif %}

unit_measures as (
    select
        units.experiment_id,
        units.variant,
        units.unit_id,
        {% for measure in measures %}
        coalesce(exposure_day.{{ measure.name }}, 0)
        + coalesce(later_days.{{ measure.name }}, 0) as {{ measure.name }}{{ ',' if windows or not loop.last }}
        {% endfor %}
        {% for days, window_measures in windows.items() %}
        coalesce(before_exposure.is_present_{{ days }}, 0) as is_present_{{ days }},
        {% for measure in window_measures %}
        coalesce(before_exposure.{{ measure }}_{{ days }}, 0) as {{ measure }}_{{ days }}{{ ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from units
    left join exposure_day
        on
            units.experiment_id = exposure_day.experiment_id
            and units.unit_id = exposure_day.unit_id
    left join later_days
        on
            units.experiment_id = later_days.experiment_id
            and units.unit_id = later_days.unit_id
    {% if windows %}
    left join before_exposure
        on
            units.experiment_id = before_exposure.experiment_id
            and units.unit_id = before_exposure.unit_id
    {% endif %}
),

metric_values as (
    {% for metric in metrics %}
    select
        unit_measures.experiment_id,
        unit_measures.variant,
        unit_measures.unit_id,
        cast('{{ metric.name }}' as varchar(128)) as metric,
        {% if metric.kind == 'proportion' %}
        cast(case when unit_measures.{{ metric.numerator }} > 0 then 1 else 0 end as bigint) as numerator,
        {% else %}
        unit_measures.{{ metric.numerator }} as numerator,
        {% endif %}
        {% if metric.denominator %}
        unit_measures.{{ metric.denominator }} as denominator,
        {% else %}
        cast(1 as bigint) as denominator,
        {% endif %}
        {% set days = metric.covariate_days %}
        {% if not days %}
        cast(0 as bigint) as covariate_numerator,
        {% elif metric.kind == 'proportion' %}
        cast(case when unit_measures.{{ metric.numerator }}_{{ days }} > 0 then 1 else 0 end as bigint) as covariate_numerator,
        {% else %}
        unit_measures.{{ metric.numerator }}_{{ days }} as covariate_numerator,
        {% endif %}
        {% if not days %}
        cast(0 as bigint) as covariate_denominator
        {% elif metric.denominator %}
        unit_measures.{{ metric.denominator }}_{{ days }} as covariate_denominator
        {% else %}
        cast(unit_measures.is_present_{{ days }} as bigint) as covariate_denominator
        {% endif %}
    from unit_measures
    inner join experiment_metrics
        on
            unit_measures.experiment_id = experiment_metrics.experiment_id
            and experiment_metrics.metric = '{{ metric.name }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        experiment_id,
        variant,
        unit_id,
        metric,
        {{ as_of_date() }} as as_of_date,
        numerator,
        denominator,
        covariate_numerator,
        covariate_denominator
    from metric_values
)

select * from final
