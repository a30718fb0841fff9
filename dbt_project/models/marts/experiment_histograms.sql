{#- Redshift: joined to nothing, so how it is spread is left to it; an experiment is read from its start on. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'business_date', 'first_date': 'refreeze_from', 'last_date': 'built_to', 'forgets_experiments': true}},
        on_schema_change='fail',
        dist='auto',
        sort=['business_date', 'experiment_id'],
    )
}}
{%- set metrics = quantile_metrics(used_metrics()) %}
{#- Read by name where they are used: DuckDB would write a CTE that is used twice, all its rows, before it filters them. -#}
{%- set delivery_observations = ref('delivery_observations') %}
{%- set experiment_units = ref('experiment_units') %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

experiments as (
    select * from {{ ref('stg_experiments') }}
    where
        start_date <= {{ date_of('built_to') }}
        {%- if is_incremental() %}
        and end_date >= {{ date_of('refreeze_from') }}
        {%- endif %}
),

variants as (
    select * from {{ ref('stg_variants') }}
),

experiment_metrics as (
    select * from {{ ref('stg_experiment_metrics') }}
),

{{ quantile_arms(metrics) }}

-- The units of which observations count, from the exposure to the day before `counts_until`; and those of them that leave.
{% for metric in metrics %}
{%- for unit_type in unit_columns() %}
{%- for leaving in ('', 'leaving_') %}
{{ leaving }}{{ unit_type }}s_{{ metric.name }} as (
    select
        arms.arm,
        experiment_units.unit_id,
        experiment_units.first_exposed_at,
        experiment_units.contamination_date,
        least(experiment_units.contamination_date, arms.counts_until) as counts_until
    from {{ experiment_units }} as experiment_units
    inner join arms
        on
            experiment_units.experiment_id = arms.experiment_id
            and experiment_units.variant = arms.variant
            and arms.metric = '{{ metric.name }}'
    where
        experiment_units.unit_type = '{{ unit_type }}'
        and not experiment_units.is_excluded
        and experiment_units.exposure_date <= {{ date_of('built_to') }}
        {%- if is_incremental() %}
        and {{ is_since_running_start('experiment_units.assigned_at') }}
        {%- endif %}
        {%- if leaving %}
        and experiment_units.contamination_date <= {{ date_of('built_to') }}
        {%- if is_incremental() %}
        and experiment_units.contamination_date >= {{ date_of('refreeze_from') }}
        {%- endif %}
        {%- endif %}
),

{% endfor %}
{%- endfor %}
{%- endfor %}
changes as (
    {% for metric in metrics %}
    {%- for unit_type, unit_column in unit_columns().items() %}
    select
        units.arm,
        observations.business_date,
        observations.value,
        count(*) as observations
    from {{ unit_type }}s_{{ metric.name }} as units
    inner join {{ delivery_observations }} as observations
        on
            units.unit_id = observations.{{ unit_column }}
            and units.first_exposed_at <= observations.ordered_at
            and units.counts_until > observations.business_date
    where
        observations.metric = '{{ metric.name }}'
        and observations.business_date <= {{ date_of('built_to') }}
        {%- if is_incremental() %}
        and observations.business_date >= {{ date_of('refreeze_from') }}
        {%- endif %}
    group by units.arm, observations.business_date, observations.value
    union all
    -- What a unit had added up to leaves with it, on the day it is contaminated.
    select
        units.arm,
        units.contamination_date as business_date,
        observations.value,
        -count(*) as observations
    from leaving_{{ unit_type }}s_{{ metric.name }} as units
    inner join {{ delivery_observations }} as observations
        on
            units.unit_id = observations.{{ unit_column }}
            and units.first_exposed_at <= observations.ordered_at
            and units.contamination_date > observations.business_date
    where
        observations.metric = '{{ metric.name }}'
        and observations.business_date >= {{ date_of('running_from') }}
        and observations.business_date < {{ date_of('built_to') }}
    group by units.arm, units.contamination_date, observations.value
    union all
    {% endfor %}
    {%- endfor %}
    select
        cast(null as integer) as arm,
        cast(null as date) as business_date,
        cast(null as bigint) as value, -- noqa: RF04
        cast(null as bigint) as observations
    where 1 = 0
),

sums as (
    select
        arm,
        business_date,
        value,
        sum(observations) as observations
    from changes
    group by arm, business_date, value
),

final as (
    select
        cast(arms.experiment_id as varchar(128)) as experiment_id,
        cast(arms.variant as varchar(128)) as variant,
        cast(arms.metric as varchar(128)) as metric,
        sums.business_date,
        sums.value,
        cast(sums.observations as bigint) as observations
    from sums
    inner join arms
        on sums.arm = arms.arm
    where sums.observations <> 0
)

select * from final
