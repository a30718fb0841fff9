{#- Redshift: a few rows an experiment and day, joined to nothing, so how they are spread is left to it. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'as_of_date', 'first_date': 'as_of_from', 'last_date': 'as_of_date'}},
        on_schema_change='fail',
        full_refresh=false,
        dist='auto',
        sort=['as_of_date', 'experiment_id'],
        pre_hook="{{ join_as_written() }}",
        post_hook="{{ join_by_estimate() }}",
    )
}}
{%- set metrics = quantile_metrics(used_metrics()) %}
{#- Read by name where it is used: DuckDB would write a CTE that is used twice, all its rows, before it filters them. -#}
{%- set delivery_observations = ref('delivery_observations') %}
{%- set experiment_histograms = ref('experiment_histograms') %}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

as_of_dates as (
    select business_date as as_of_date from {{ ref('calendar') }}
    where business_date between {{ date_of('as_of_from') }} and {{ as_of_date() }}
),

experiments as (
    select * from {{ ref('stg_experiments') }}
    where start_date <= {{ as_of_date() }} and end_date >= {{ date_of('as_of_from') }}
),

variants as (
    select * from {{ ref('stg_variants') }}
),

experiment_metrics as (
    select * from {{ ref('stg_experiment_metrics') }}
),

experiment_units as (
    select * from {{ ref('experiment_units') }}
    where {{ is_since_running_start('assigned_at') }} and not is_excluded
),

unit_totals as (
    select * from {{ ref('unit_totals') }}
    where business_date between {{ date_of('as_of_from') }} and {{ as_of_date() }}
),

{{ quantile_arms(metrics) }}

arm_dates as (
    select
        arms.*,
        as_of_dates.as_of_date
    from arms
    inner join as_of_dates
        on as_of_dates.as_of_date between arms.start_date and arms.end_date
),

-- One row per unit and as-of date that it counts on; one without an observation is a unit too.
units as (
    {% for metric in metrics %}
    select
        arm_dates.arm,
        arm_dates.as_of_date,
        experiment_units.unit_type,
        experiment_units.unit_id,
        experiment_units.first_exposed_at,
        coalesce(unit_totals.{{ metric.name }}_observed, 0) - experiment_units.base_{{ metric.name }}_observed as observations,
        coalesce(unit_totals.{{ metric.name }}_near, 0) - experiment_units.base_{{ metric.name }}_near as near_observations
    from experiment_units
    inner join arm_dates
        on
            experiment_units.experiment_id = arm_dates.experiment_id
            and experiment_units.variant = arm_dates.variant
            and arm_dates.metric = '{{ metric.name }}'
            and experiment_units.exposure_date <= arm_dates.as_of_date
            and (experiment_units.contamination_date is null or experiment_units.contamination_date > arm_dates.as_of_date)
    left join unit_totals
        on
            experiment_units.unit_type = unit_totals.unit_type
            and experiment_units.unit_id = unit_totals.unit_id
            and arm_dates.as_of_date = unit_totals.business_date
    union all
    {% endfor %}
    select
        cast(null as integer) as arm,
        cast(null as date) as as_of_date,
        cast(null as varchar(32)) as unit_type,
        cast(null as varchar(128)) as unit_id,
        cast(null as timestamp) as first_exposed_at,
        cast(null as bigint) as observations,
        cast(null as bigint) as near_observations
    where 1 = 0
),

totals as (
    select
        units.arm,
        units.as_of_date,
        arms.near_value,
        max(arms.share) * cast(sum(units.observations) as bigint) as quantile_rank,
        count(*) as unit_count,
        sum(units.observations) as sum_observations,
        sum(units.near_observations) as sum_near,
        sum({{ product_of_counts('units.observations', 'units.observations') }}) as sum_observations_squared,
        sum({{ product_of_counts('units.near_observations', 'units.near_observations') }}) as sum_near_squared,
        sum({{ product_of_counts('units.near_observations', 'units.observations') }}) as sum_near_observations
    from units
    inner join arms
        on units.arm = arms.arm
    group by units.arm, units.as_of_date, arms.near_value
),

{% for stage in ('near', 'far') %}
{% if stage == 'near' -%}
-- Values around the one that is said to be near the quantile.
{%- else -%}
-- All values, for variants of which the quantile is none of those.
{%- endif %}
{{ stage }}_days as (
    select
        arms.arm,
        histograms.value,
        greatest(histograms.business_date, {{ date_of('as_of_from') }}) as seen_from,
        sum(histograms.observations) as observations
    from {{ experiment_histograms }} as histograms
    inner join arms
        on
            histograms.experiment_id = arms.experiment_id
            and histograms.variant = arms.variant
            and histograms.metric = arms.metric
            and histograms.business_date >= arms.start_date
    where
        histograms.business_date between {{ date_of('running_from') }} and {{ as_of_date() }}
        {%- if stage == 'near' %}
        and (
        {%- for metric in metrics %}
        (histograms.metric = '{{ metric.name }}' and histograms.value between {{ metric.low }} and {{ metric.high }})
        {{ 'or' if not loop.last }}
        {%- else %}
        1 = 0
        {%- endfor %}
        )
        {%- else %}
        and histograms.value is not null
        and arms.arm in (select far_totals.arm from far_totals)
        {%- endif %}
    group by arms.arm, histograms.value, greatest(histograms.business_date, {{ date_of('as_of_from') }})
),

{{ stage }}_values as (
    select
        totals.arm,
        totals.as_of_date,
        totals.quantile_rank,
        totals.near_value,
        totals.sum_near,
        days.value,
        sum(days.observations) as observations
    from {{ stage }}_days as days
    inner join {{ 'totals' if stage == 'near' else 'far_totals' }} as totals
        on
            days.arm = totals.arm
            and days.seen_from <= totals.as_of_date
    group by totals.arm, totals.as_of_date, totals.quantile_rank, totals.near_value, totals.sum_near, days.value
),

{{ stage }}_ranks as (
    select
        arm,
        as_of_date,
        quantile_rank,
        value,
        sum(observations) over (
            partition by arm, as_of_date
            order by value
            rows between unbounded preceding and current row
        ) as up_to_value,
        -- Observations below all of these values.
        sum_near - sum(case when value <= near_value then observations else 0 end) over (partition by arm, as_of_date) as below
    from {{ stage }}_values
),

-- The smallest value up to which there are as many observations as the rank says, as stats.quantile has it.
{{ stage }}_quantiles as (
    select
        arm,
        as_of_date,
        min(value) as quantile_value
    from {{ stage }}_ranks
    where below < quantile_rank and below + up_to_value >= quantile_rank
    group by arm, as_of_date
),
{%- if stage == 'near' %}

far_totals as (
    select totals.* from totals
    left join near_quantiles
        on
            totals.arm = near_quantiles.arm
            and totals.as_of_date = near_quantiles.as_of_date
    where near_quantiles.arm is null and totals.sum_observations > 0
),
{%- endif %}

{% endfor %}
{% for stage in ('near', 'far') %}
{{ stage }}_gaps as (
    select
        quantiles.arm,
        quantiles.as_of_date,
        arms.metric,
        arms.start_date,
        least(arms.near_value, quantiles.quantile_value) as above_value,
        greatest(arms.near_value, quantiles.quantile_value) as up_to_value,
        case when quantiles.quantile_value > arms.near_value then 1 else -1 end as direction
    from {{ stage }}_quantiles as quantiles
    inner join arms
        on quantiles.arm = arms.arm
),

-- No unit needs observations beyond these.
{{ stage }}_bounds as (
    select
        metric,
        min(start_date) as start_date,
        min(above_value) as above_value,
        max(up_to_value) as up_to_value
    from {{ stage }}_gaps
    group by metric
),

{{ stage }}_rows as (
    select
        observations.metric,
        observations.courier_id,
        observations.store_id,
        observations.customer_id,
        observations.zone_id,
        observations.business_date,
        observations.ordered_at,
        observations.value
    from {{ delivery_observations }} as observations
    inner join {{ stage }}_bounds as bounds
        on
            observations.metric = bounds.metric
            and observations.business_date >= bounds.start_date
            and observations.value > bounds.above_value
            and observations.value <= bounds.up_to_value
    where
        observations.business_date between {{ date_of('running_from') }} and {{ as_of_date() }}
        {%- if stage == 'near' %}
        and (
            {%- for metric in metrics %}
            (observations.metric = '{{ metric.name }}' and observations.value between {{ metric.low }} and {{ metric.high }})
            {{- ' or' if not loop.last }}
            {%- else %}
            1 = 0
            {%- endfor %}
        )
        {%- endif %}
),

-- Units with observations between that value and the quantile, and how many more or fewer they have up to the quantile.
{{ stage }}_steps as (
    {% for metric in metrics %}
    {%- for unit_type, unit_column in unit_columns().items() %}
    select
        units.arm,
        units.as_of_date,
        min(units.observations) as observations,
        min(units.near_observations) as near_observations,
        sum(gaps.direction) as step
    from units
    inner join {{ stage }}_rows as observations
        on
            units.unit_id = observations.{{ unit_column }}
            and units.first_exposed_at <= observations.ordered_at
            and units.as_of_date >= observations.business_date
    inner join {{ stage }}_gaps as gaps
        on
            units.arm = gaps.arm
            and units.as_of_date = gaps.as_of_date
            and observations.value > gaps.above_value
            and observations.value <= gaps.up_to_value
    where
        units.unit_type = '{{ unit_type }}'
        and gaps.metric = '{{ metric.name }}'
        and observations.metric = '{{ metric.name }}'
    group by units.arm, units.as_of_date, units.unit_id
    union all
    {% endfor %}
    {%- endfor %}
    select
        cast(null as integer) as arm,
        cast(null as date) as as_of_date,
        cast(null as bigint) as observations,
        cast(null as bigint) as near_observations,
        cast(null as bigint) as step
    where 1 = 0
),

{% endfor %}
steps as (
    select
        arm,
        as_of_date,
        sum(step) as sum_step,
        -- (near + step)² less near².
        sum({{ product_of_counts('step', '(2 * near_observations + step)') }}) as sum_squared,
        sum({{ product_of_counts('step', 'observations') }}) as sum_observations
    from (
        select * from near_steps
        union all
        select * from far_steps
    ) as all_steps
    group by arm, as_of_date
),

quantiles as (
    select * from near_quantiles
    union all
    select * from far_quantiles
),

final as (
    select
        cast(arms.experiment_id as varchar(128)) as experiment_id,
        cast(arms.variant as varchar(128)) as variant,
        cast(arms.metric as varchar(128)) as metric,
        totals.as_of_date,
        cast(quantiles.quantile_value as bigint) as quantile_value,
        cast(totals.sum_observations as bigint) as observations,
        cast(totals.unit_count as bigint) as units,
        cast(totals.sum_near + coalesce(steps.sum_step, 0) as decimal(38, 0)) as sum_at_most,
        cast(totals.sum_observations as decimal(38, 0)) as sum_observations,
        cast(totals.sum_near_squared + coalesce(steps.sum_squared, 0) as decimal(38, 0)) as sum_at_most_squared,
        cast(totals.sum_near_observations + coalesce(steps.sum_observations, 0) as decimal(38, 0)) as sum_at_most_observations,
        cast(totals.sum_observations_squared as decimal(38, 0)) as sum_observations_squared
    from totals
    inner join arms
        on totals.arm = arms.arm
    left join quantiles
        on
            totals.arm = quantiles.arm
            and totals.as_of_date = quantiles.as_of_date
    left join steps
        on
            totals.arm = steps.arm
            and totals.as_of_date = steps.as_of_date
)

select * from final
