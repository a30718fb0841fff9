{#- CTEs with one row per experiment, unit and as-of date, for experiment_moments and experiment_unit_metrics, which must not differ:
    `units` has what each unit has come to since its exposure, one column a measure; `units_W` the same in the window W, of units
    whose window counts; `cap_METRIC` the percentile at which a metric is capped. `as_of_dates` must be there. A run wants the
    experiments under way, a view all of them. -#}
{% macro unit_value_ctes(metrics, only_running=false) -%}
    {%- set windows = metric_windows(metrics) -%}
    {%- set covariates = covariate_columns(metrics) -%}
experiments as (
    select * from {{ ref('stg_experiments') }}
),

experiment_metrics as (
    select * from {{ ref('stg_experiment_metrics') }}
),

experiment_dates as (
    select
        experiments.experiment_id,
        as_of_dates.as_of_date
    from experiments
    inner join as_of_dates
        on as_of_dates.as_of_date between experiments.start_date and experiments.end_date
),

-- A unit counts from its first exposure until it is seen in a second variant; one that never had a delivery has no running sums.
units as (
    select
        experiment_units.experiment_id,
        experiment_units.unit_id,
        experiment_units.variant,
        experiment_dates.as_of_date,
        experiment_units.segment_1,
        experiment_units.segment_2,
        experiment_units.segment_3,
        {%- for column in covariates %}
        experiment_units.{{ column }},
        {%- endfor %}
        {%- for measure in measures_of(metrics) %}
        {%- if windows.values() | selectattr("last_day", "none") | list %}
        coalesce(unit_totals.{{ measure }}, 0) as total_{{ measure }},
        {%- endif %}
        coalesce(unit_totals.{{ measure }}, 0) - experiment_units.base_{{ measure }} as {{ measure }},
        {%- endfor %}
        experiment_units.exposure_date
    from {{ ref('experiment_units') }} as experiment_units
    inner join experiment_dates
        on
            experiment_units.experiment_id = experiment_dates.experiment_id
            and experiment_units.exposure_date <= experiment_dates.as_of_date
            and (experiment_units.contamination_date is null or experiment_units.contamination_date > experiment_dates.as_of_date)
    left join {{ ref('unit_totals') }} as unit_totals
        on
            experiment_units.unit_type = unit_totals.unit_type
            and experiment_units.unit_id = unit_totals.unit_id
            and experiment_dates.as_of_date = unit_totals.business_date
            {%- if only_running %}
            and unit_totals.business_date between {{ date_of('as_of_from') }} and {{ as_of_date() }}
            {%- endif %}
    where
        not experiment_units.is_excluded
        {%- if only_running %}
        and {{ is_since_running_start('experiment_units.assigned_at') }}
        {%- endif %}
),
    {%- for name, window in windows.items() %}

units_{{ name }} as (
    select
        units.experiment_id,
        units.unit_id,
        units.variant,
        units.as_of_date,
        units.segment_1,
        units.segment_2,
        units.segment_3
        {%- for column in covariate_columns(window.metrics) %},
        units.{{ column }}
        {%- endfor %}
        {%- for measure in measures_of(window.metrics) %},
        {{ 'units.total_' ~ measure ~ ' - ' if window.last_day is none }}windows.{{ measure }} as {{ measure }}
        {%- endfor %}
    from units
    inner join {{ ref('experiment_unit_windows') }} as windows
        on
            units.experiment_id = windows.experiment_id
            and units.unit_id = windows.unit_id
            and units.as_of_date >= windows.counts_from
    where
        windows.metric_window = '{{ name }}'
        {%- if only_running %}
        and windows.counts_from >= {{ date_of("running_from") }}
        {%- endif %}
),
    {%- endfor %}
    {%- for metric in metrics if metric.cap and metric.cap.percentile %}

-- The value at the rank ⌈p·n⌉ of the units of all variants, as percentile_disc has it.
cap_{{ metric.name }} as (
    select
        experiment_id,
        as_of_date,
        min({{ metric.numerator }}) as cap
    from (
        select
            units.experiment_id,
            units.as_of_date,
            units.{{ metric.numerator }},
            row_number() over (partition by units.experiment_id, units.as_of_date order by units.{{ metric.numerator }}) as value_rank,
            count(*) over (partition by units.experiment_id, units.as_of_date) as unit_count
        from {{ units_of(metric) }} as units
        inner join experiment_metrics
            on
                units.experiment_id = experiment_metrics.experiment_id
                and experiment_metrics.metric = '{{ metric.name }}'
    ) as ranked
    where value_rank >= ceil(cast({{ metric.cap.percentile }} as decimal(9, 6)) * unit_count)
    group by experiment_id, as_of_date
),
    {%- endfor %}
{%- endmacro %}

{#- The relation above that has a metric's units. -#}
{% macro units_of(metric) -%}
    {%- if metric.window -%}
        units_{{ metric.window.first_day }}_{{ "on" if metric.window.last_day is none else metric.window.last_day }}
    {%- else -%}
        units
    {%- endif -%}
{%- endmacro %}

{#- The columns of experiment_units with the metrics' covariates. -#}
{% macro covariate_columns(metrics) -%}
    {%- set columns = [] -%}
    {%- for days, measures in covariate_windows(metrics).items() -%}
        {%- do columns.append("x" ~ days ~ "_present") -%}
        {%- for measure in measures -%}
            {%- do columns.append("x" ~ days ~ "_" ~ measure) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- A metric of one unit as SQL over `units` (or its window): numerator, denominator, covariate_numerator and covariate_denominator;
    none for a denominator that is 1 and for covariates that there are not. -#}
{% macro metric_terms(metric) -%}
    {%- set days, numerator = metric.covariate_days, metric.numerator -%}
    {%- set terms = {"numerator": "units." ~ numerator, "denominator": none, "covariate_numerator": none, "covariate_denominator": none} -%}
    {%- if days -%}
        {%- do terms.update({
            "covariate_numerator": "units.x" ~ days ~ "_" ~ numerator,
            "covariate_denominator": "units.x" ~ days ~ "_" ~ (metric.denominator or "present"),
        }) -%}
    {%- endif -%}
    {%- if metric.denominator -%}
        {%- do terms.update({"denominator": "units." ~ metric.denominator}) -%}
    {%- elif metric.kind == "proportion" -%}
        {%- for term in ("numerator", "covariate_numerator") if terms[term] -%}
            {%- do terms.update({term: "case when " ~ terms[term] ~ " > 0 then 1 else 0 end"}) -%}
        {%- endfor -%}
    {%- elif metric.cap -%}
        {%- set cap = "cap_" ~ metric.name ~ ".cap" if metric.cap.percentile else metric.cap.value -%}
        {%- do terms.update({"numerator": "least(" ~ terms.numerator ~ ", " ~ cap ~ ")"}) -%}
    {%- endif -%}
    {{ return(terms) }}
{%- endmacro %}

{#- The metrics that are added up per unit, by the relation that has their units; the others are made elsewhere. -#}
{% macro metrics_by_units(metrics) -%}
    {%- set by_units = {} -%}
    {%- for metric in metrics if metric.kind != "quantile" -%}
        {%- do by_units.setdefault(units_of(metric), []).append(metric) -%}
    {%- endfor -%}
    {{ return(by_units) }}
{%- endmacro %}

{#- The sums of a metric's moments by name, each as the SQL of one unit's part over `units`; "1" adds up to the number of units, and none
    is 0 for every unit. -#}
{% macro moment_parts(metric, factor) -%}
    {%- set terms = metric_terms(metric) -%}
    {%- set names = ["numerator", "denominator", "covariate_numerator", "covariate_denominator"] -%}
    {%- set parts = {} -%}
    {%- for name in names -%}
        {%- do parts.update({name: factor % terms[name] if terms[name] else ("1" if name == "denominator" else none)}) -%}
    {%- endfor -%}
    {%- set products = {} -%}
    {%- for first in names -%}
        {%- for second in names[loop.index0:] -%}
            {%- set left, right = parts[first], parts[second] -%}
            {%- if left is none or right is none -%}
                {%- set product = none -%}
            {%- elif left == "1" or (left == right and metric.kind == "proportion") -%}
                {%- set product = right -%}
            {%- elif right == "1" -%}
                {%- set product = left -%}
            {%- else -%}
                {%- set product = left ~ " * " ~ right -%}
            {%- endif -%}
            {%- if first == second -%}
                {%- set name = first ~ "_squared" -%}
            {%- elif first.startswith("covariate") -%}
                {%- set name = first ~ "_" ~ second.replace("covariate_", "") -%}
            {%- else -%}
                {%- set name = first ~ "_" ~ second -%}
            {%- endif -%}
            {%- do products.update({name: product}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do parts.update(products) -%}
    {{ return(parts) }}
{%- endmacro %}

{#- Whether products of two running sums may pass 64 bits, so that they have to be made in decimals, which takes three times as long.
    On Redshift also their sum stays in 64 bits, so there it is always so. -#}
{% macro needs_wide_products() -%}
    {{ return(adapter.dispatch("needs_wide_products", "splitmile")(ref("unit_totals"), ref("experiment_units"))) }}
{%- endmacro %}

{% macro default__needs_wide_products(unit_totals, experiment_units) -%}
    {{ return(true) }}
{%- endmacro %}

{% macro duckdb__needs_wide_products(unit_totals, experiment_units) -%}
    {#- The linter compiles without tables. -#}
    {%- if not execute or not load_relation(experiment_units) -%}{{ return(true) }}{%- endif -%}
    {%- set measures = measures_of(used_metrics()) -%}
    {%- set query -%}
        {%- for relation, prefix in ((unit_totals, ""), (experiment_units, "base_")) %}
        select greatest({% for measure in measures %}max(abs({{ prefix }}{{ measure }})){{ ", " if not loop.last }}{% endfor %})
        from {{ relation.render() }}
        where
        {%- if prefix %} {{ is_since_running_start("assigned_at") }}
        {%- else %} business_date between {{ date_of("as_of_from") }} and {{ as_of_date() }}
        {%- endif %}
        {{ "union all" if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {%- set limit = 1500000000 -%}
    {%- for row in run_query(query).rows if row[0] is not none and row[0] > limit -%}{{ return(true) }}{%- endfor -%}
    {{ return(false) }}
{%- endmacro %}
