{#- Redshift: a few rows an experiment and day, joined to nothing, so how they are spread is left to it. -#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_dates',
        meta={'replaces': {'column': 'as_of_date', 'first_date': 'as_of_date'}},
        on_schema_change='fail',
        full_refresh=false,
        dist='auto',
        sort=['as_of_date', 'experiment_id'],
        post_hook="{{ expire_unit_metrics() }}",
    )
}}
with

unit_metrics as (
    select
        experiment_id,
        variant,
        metric,
        as_of_date,
        -- Redshift multiplies two BIGINTs as BIGINT, and DuckDB two DECIMAL(18, 0) as DECIMAL(18, 0): from 19 digits on
        -- both engines multiply into 38.
        cast(numerator as decimal(19, 0)) as numerator,
        cast(denominator as decimal(19, 0)) as denominator,
        cast(covariate_numerator as decimal(19, 0)) as covariate_numerator,
        cast(covariate_denominator as decimal(19, 0)) as covariate_denominator
    from {{ ref('experiment_unit_metrics') }}
    where as_of_date = {{ as_of_date() }}
),

final as (
    select
        experiment_id,
        variant,
        metric,
        cast('all' as varchar(128)) as segment,
        as_of_date,
        cast(count(*) as bigint) as units,
        cast(sum(numerator) as decimal(38, 0)) as sum_numerator,
        cast(sum(denominator) as decimal(38, 0)) as sum_denominator,
        cast(sum(numerator * numerator) as decimal(38, 0)) as sum_numerator_squared,
        cast(sum(numerator * denominator) as decimal(38, 0)) as sum_numerator_denominator,
        cast(sum(denominator * denominator) as decimal(38, 0)) as sum_denominator_squared,
        cast(sum(covariate_numerator) as decimal(38, 0)) as sum_covariate_numerator,
        cast(sum(covariate_denominator) as decimal(38, 0)) as sum_covariate_denominator,
        cast(sum(covariate_numerator * covariate_numerator) as decimal(38, 0)) as sum_covariate_numerator_squared,
        cast(sum(covariate_numerator * covariate_denominator) as decimal(38, 0)) as sum_covariate_numerator_denominator,
        cast(sum(covariate_denominator * covariate_denominator) as decimal(38, 0)) as sum_covariate_denominator_squared,
        cast(sum(numerator * covariate_numerator) as decimal(38, 0)) as sum_numerator_covariate_numerator,
        cast(sum(numerator * covariate_denominator) as decimal(38, 0)) as sum_numerator_covariate_denominator,
        cast(sum(denominator * covariate_numerator) as decimal(38, 0)) as sum_denominator_covariate_numerator,
        cast(sum(denominator * covariate_denominator) as decimal(38, 0)) as sum_denominator_covariate_denominator
    from unit_metrics
    group by experiment_id, variant, metric, as_of_date
)

select * from final
