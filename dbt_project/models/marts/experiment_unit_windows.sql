{#- Redshift: by unit, as experiment_units is. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'counts_from', 'first_date': 'refreeze_from', 'last_date': 'built_to', 'forgets_experiments': true}},
        on_schema_change='fail',
        dist='unit_id',
        sort='counts_from',
    )
}}
{%- set windows = metric_windows(registered_metrics()) %}
{%- set measures = [] %}
{%- for window in windows.values() %}
{%- for measure in measures_of(window.metrics) if measure not in measures %}{% do measures.append(measure) %}{% endfor %}
{%- endfor %}
-- depends_on: {{ ref('unit_totals') }}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

experiments as (
    select * from {{ ref('stg_experiments') }}
),

experiment_metrics as (
    select * from {{ ref('stg_experiment_metrics') }}
),

units as (
    select * from {{ ref('experiment_units') }}
    where {{ is_since_running_start('assigned_at') }} and exposure_date is not null
),

unit_days as (
    select * from {{ ref('unit_days') }}
    where business_date between {{ date_of('refreeze_from') }} and {{ date_of('built_to') }}
),

{% for name, window in windows.items() %}
{%- set closing = window.last_day if window.last_day is not none else window.first_day %}
-- Units of which the window ends, or without an end begins, in the days that are made again, and before the experiment is over.
{%- set counts_from = 'cast(' ~ dbt.dateadd('day', closing, 'units.exposure_date') ~ ' as date)' %}
units_{{ name }} as (
    select
        units.*,
        {{ counts_from }} as counts_from
    from units
    inner join (
        select distinct experiment_id from experiment_metrics
        where metric in ({% for metric in window.metrics %}'{{ metric.name }}'{{ ', ' if not loop.last }}{% endfor %})
    ) as users
        on units.experiment_id = users.experiment_id
    inner join experiments
        on
            units.experiment_id = experiments.experiment_id
            and {{ counts_from }} <= experiments.end_date
    where {{ counts_from }} between {{ date_of('refreeze_from') }} and {{ date_of('built_to') }}
),
{% endfor %}

final as (
    {% for name, window in windows.items() %}
    {%- set is_open = window.last_day is none %}
    {%- set first, last = window.first_day, window.last_day %}
    select
        units.experiment_id,
        units.unit_id,
        cast('{{ name }}' as varchar(16)) as metric_window,
        units.counts_from,
        {% for measure in measures %}
        cast(
            {%- if measure not in measures_of(window.metrics) %} 0
            {%- elif first == 0 %}
            max(coalesce(unit_totals.{{ measure }}, 0)) - max(units.base_{{ measure }}) - coalesce(sum(unit_days.{{ measure }}), 0)
            {%- elif is_open %}
            max(coalesce(unit_totals.{{ measure }}, 0)) - coalesce(sum(unit_days.{{ measure }}), 0)
            {%- else %}
            coalesce(sum(unit_days.{{ measure }}), 0)
            {%- endif %} as bigint
        ) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from units_{{ name }} as units
    left join {{ ref('unit_totals') }} as unit_totals
        on
            units.unit_type = unit_totals.unit_type
            and units.unit_id = unit_totals.unit_id
            and unit_totals.business_date = {{ date_of('built_to') }}
    {#- The days to take away from the running sums as of the last date, or to add up. #}
    left join {{ 'unit_days' if first == 0 or is_open else ref('unit_days') }} as unit_days
        on
            units.unit_type = unit_days.unit_type
            and units.unit_id = unit_days.unit_id
            {% if first == 0 %}
            and units.counts_from < unit_days.business_date
            {% elif is_open %}
            and units.counts_from <= unit_days.business_date
            {% else %}
            and unit_days.business_date between cast({{ dbt.dateadd('day', first, 'units.exposure_date') }} as date) and units.counts_from
            and unit_days.business_date
            >= cast({{ dbt.dateadd('day', first - last, date_of('refreeze_from')) }} as date)
            {% endif %}
    group by units.experiment_id, units.unit_id, units.counts_from
    {{ 'union all' if not loop.last }}
    {% else %}
    -- No metric has a window.
    select
        cast(null as varchar(128)) as experiment_id,
        cast(null as varchar(128)) as unit_id,
        cast(null as varchar(16)) as metric_window,
        cast(null as date) as counts_from
    where 1 = 0
    {% endfor %}
)

select * from final
