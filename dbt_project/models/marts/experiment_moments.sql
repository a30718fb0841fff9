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
{%- set metrics = used_metrics() %}
{%- set by_units = metrics_by_units(metrics) %}
{%- set factor = 'cast(%s as decimal(19, 0))' if needs_wide_products() else '%s' %}
{#- Metrics share measures, so each product is added up once; where it is found, by relation and expression. -#}
{%- set sums = {} %}
{%- for relation, own_metrics in by_units.items() %}
{%- set own_sums = sums.setdefault(relation, {}) %}
{%- for metric in own_metrics %}
{%- for part in moment_parts(metric, factor).values() if part not in (none, '1') and part not in own_sums %}
{%- do own_sums.update({part: 'sum_' ~ (own_sums | length)}) %}
{%- endfor %}
{%- endfor %}
{%- endfor %}
-- depends_on: {{ ref('experiment_unit_windows') }}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

as_of_dates as (
    select business_date as as_of_date from {{ ref('calendar') }}
    where business_date between {{ date_of('as_of_from') }} and {{ as_of_date() }}
),

{{ unit_value_ctes(metrics, only_running=true) }}

places as (
    {% for place in range(4) %}
    select {{ place }} as place
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

{% for relation, own_metrics in by_units.items() %}
-- Units are added up once, by all their segments; the totals by one of them, or by none, are sums of those.
cells_{{ relation }} as (
    select
        units.experiment_id,
        units.variant,
        units.as_of_date,
        units.segment_1,
        units.segment_2,
        units.segment_3,
        {% for part, name in sums[relation].items() %}
        sum({{ part }}) as {{ name }},
        {% endfor %}
        count(*) as units
    from {{ relation }} as units
    {% for metric in own_metrics if metric.cap and metric.cap.percentile %}
    left join cap_{{ metric.name }}
        on
            units.experiment_id = cap_{{ metric.name }}.experiment_id
            and units.as_of_date = cap_{{ metric.name }}.as_of_date
    {% endfor %}
    group by units.experiment_id, units.variant, units.as_of_date, units.segment_1, units.segment_2, units.segment_3
),

placed_{{ relation }} as (
    select
        cells.*,
        case places.place
            when 1 then cells.segment_1
            when 2 then cells.segment_2
            when 3 then cells.segment_3
            else 'all'
        end as segment
    from cells_{{ relation }} as cells
    cross join places
),

rolled_{{ relation }} as (
    select
        experiment_id,
        variant,
        as_of_date,
        segment,
        {% for name in sums[relation].values() %}
        sum({{ name }}) as {{ name }},
        {% endfor %}
        sum(units) as units
    from placed_{{ relation }}
    where segment is not null
    group by experiment_id, variant, as_of_date, segment
),

{% endfor %}

by_metric as (
    {% for relation, own_metrics in by_units.items() %}
    {%- set outer_loop = loop %}
    {%- for metric in own_metrics %}
    select
        experiment_id,
        variant,
        cast('{{ metric.name }}' as varchar(128)) as metric,
        segment,
        as_of_date,
        units
        {%- for name, part in moment_parts(metric, factor).items() %},
        {{ 0 if part is none else ('units' if part == '1' else sums[relation][part]) }} as sum_{{ name }}
        {%- endfor %}
    from rolled_{{ relation }}
    {{ 'union all' if not (loop.last and outer_loop.last) }}
    {% endfor %}
    {%- endfor %}
),

final as (
    select
        cast(by_metric.experiment_id as varchar(128)) as experiment_id,
        cast(by_metric.variant as varchar(128)) as variant,
        by_metric.metric,
        cast(by_metric.segment as varchar(128)) as segment,
        by_metric.as_of_date,
        cast(by_metric.units as bigint) as units
        {%- for name in moment_parts(metrics[0], factor) %},
        cast(by_metric.sum_{{ name }} as decimal(38, 0)) as sum_{{ name }}
        {%- endfor %}
    from by_metric
    inner join experiment_metrics
        on
            by_metric.experiment_id = experiment_metrics.experiment_id
            and by_metric.metric = experiment_metrics.metric
)

select * from final
