{#- The quantile metrics among metrics, each with `low` and `high`: around the value that is said to be near the quantile, the values
    that are looked through first. A quantile beyond them is found all the same, at the cost of all values. -#}
{% macro quantile_metrics(metrics) -%}
    {%- set found = [] -%}
    {%- for metric in metrics if metric.quantile -%}
        {%- set reach = (metric.near | abs) // 20 -%}
        {%- do found.append(dict(metric, low=metric.near - reach, high=metric.near + reach)) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- The CTEs `quantile_metrics` and `arms`: one row per variant of an experiment with a quantile metric, with a number that takes the
    place of the three names where millions of rows are grouped; observations count to the day before `counts_until`. `experiments`,
    `variants` and `experiment_metrics` must be there. -#}
{% macro quantile_arms(metrics) -%}
quantile_metrics as (
    {%- for metric in metrics %}
    select
        cast('{{ metric.name }}' as varchar(128)) as metric,
        cast({{ metric.quantile }} as decimal(9, 6)) as share,
        cast({{ metric.near }} as bigint) as near_value
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        cast(null as varchar(128)) as metric,
        cast(null as decimal(9, 6)) as share,
        cast(null as bigint) as near_value
    where 1 = 0
    {%- endfor %}
),

arms as (
    select
        experiments.experiment_id,
        experiments.unit_type,
        experiments.start_date,
        experiments.end_date,
        cast({{ dbt.dateadd('day', 1, 'experiments.end_date') }} as date) as counts_until,
        variants.variant,
        quantile_metrics.metric,
        quantile_metrics.share,
        quantile_metrics.near_value,
        cast(
            row_number() over (order by experiments.experiment_id, variants.variant, quantile_metrics.metric) as integer
        ) as arm
    from experiments
    inner join variants
        on experiments.experiment_id = variants.experiment_id
    inner join experiment_metrics
        on experiments.experiment_id = experiment_metrics.experiment_id
    inner join quantile_metrics
        on experiment_metrics.metric = quantile_metrics.metric
),
{%- endmacro %}

{#- The product of two numbers of observations, to be added up. DuckDB adds in 128 bits, Redshift in as many as it is given. -#}
{% macro product_of_counts(left, right) -%}
    {{ return(adapter.dispatch("product_of_counts", "splitmile")(left, right)) }}
{%- endmacro %}

{% macro default__product_of_counts(left, right) -%}
    cast({{ left }} * {{ right }} as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__product_of_counts(left, right) -%}
    {{ left }} * {{ right }}
{%- endmacro %}
