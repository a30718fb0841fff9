{{ config(materialized='view', bind=false) }}
{%- set metrics = used_metrics() %}
-- depends_on: {{ ref('experiment_unit_windows') }}
-- The linter loses count of the indentation inside loops of Jinja.
-- noqa: disable=LT02
with

as_of_dates as (
    select distinct business_date as as_of_date from {{ ref('unit_totals') }}
),

{{ unit_value_ctes(metrics) }}

final as (
    {% for metric in metrics if metric.kind != 'quantile' %}
    {%- set terms = metric_terms(metric) %}
    select
        cast(units.experiment_id as varchar(128)) as experiment_id,
        cast(units.variant as varchar(128)) as variant,
        cast(units.unit_id as varchar(128)) as unit_id,
        cast('{{ metric.name }}' as varchar(128)) as metric,
        units.as_of_date
        {%- for name, term in terms.items() %},
        cast({{ term or (1 if name == 'denominator' else 0) }} as bigint) as {{ name }}
        {%- endfor %}
    from {{ units_of(metric) }} as units
    inner join experiment_metrics
        on
            units.experiment_id = experiment_metrics.experiment_id
            and experiment_metrics.metric = '{{ metric.name }}'
    {% if metric.cap and metric.cap.percentile %}
    left join cap_{{ metric.name }}
        on
            units.experiment_id = cap_{{ metric.name }}.experiment_id
            and units.as_of_date = cap_{{ metric.name }}.as_of_date
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
