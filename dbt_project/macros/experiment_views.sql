{#- After the models: one view per experiment of the registry, `marts.experiment_ID`, for analysts; the views of experiments that are
    gone from it go. A view is made again only when its definition has changed, which its comment tells: with hundreds of experiments
    the statements would otherwise take longer than the models, and each would wait for whoever reads the view. -#}
{% macro publish_experiment_views() -%}
    {#- Named before the condition, so that dbt learns of them when it parses. -#}
    {%- set unit_metrics, units, totals = ref("experiment_unit_metrics"), ref("experiment_units"), ref("unit_totals") -%}
    {%- set experiments, experiment_metrics = ref("stg_experiments"), ref("stg_experiment_metrics") -%}
    {%- set windows, window_days = ref("stg_switchback_windows"), ref("switchback_window_days") -%}
    {%- if execute and flags.WHICH in ("build", "run") and load_relation(unit_metrics) and load_relation(window_days) -%}
        {%- set there = described_views(unit_metrics.schema) -%}
        {%- set wanted = {} -%}
        {%- set query -%}
            select experiments.experiment_id, experiments.is_switchback, experiment_metrics.metric
            from {{ experiments.render() }} as experiments
            inner join {{ experiment_metrics.render() }} as experiment_metrics
                on experiments.experiment_id = experiment_metrics.experiment_id
            order by experiments.experiment_id, experiment_metrics.metric
        {%- endset -%}
        {%- for experiment_id, is_switchback, metric in run_query(query).rows -%}
            {%- set experiment = wanted.setdefault("experiment_" ~ experiment_id, {"id": experiment_id, "is_switchback": is_switchback, "metrics": []}) -%}
            {%- do experiment.metrics.append(metric) -%}
        {%- endfor -%}
        {#- The comment tells them from the views among the models. -#}
        {%- for name, comment in there.items() if modules.re.match("One row per (unit|window) of ", comment or "") and name not in wanted -%}
            {%- do run_query("drop view if exists " ~ api.Relation.create(schema=unit_metrics.schema, identifier=name)) -%}
        {%- endfor -%}
        {%- for name, experiment in wanted.items() -%}
            {%- if experiment.is_switchback -%}
                {%- set definition = switchback_view_query(experiment.id, experiment.metrics, windows.render(), window_days.render()) -%}
            {%- else -%}
                {%- set definition = experiment_view_query(
                    experiment.id, experiment.metrics, experiments.render(), units.render(), totals.render(), unit_metrics.render()
                ) -%}
            {%- endif -%}
            {%- set comment = "One row per " ~ ("window" if experiment.is_switchback else "unit") ~ " of " ~ experiment.id ~ ", as of its newest date. Definition " ~ local_md5(definition) -%}
            {%- if there.get(name) != comment -%}
                {%- do replace_view(api.Relation.create(database=unit_metrics.database, schema=unit_metrics.schema, identifier=name, type="view"), definition, comment) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- One row per clean unit as of the newest date that the experiment has. A quantile is no sum over units: of it there are the unit's
    observations. -#}
{% macro experiment_view_query(experiment_id, metric_names, experiments, units, totals, unit_metrics) -%}
    {%- set experiment = dbt.string_literal(dbt.escape_single_quotes(experiment_id)) -%}
    {%- set metrics = registered_metrics() | selectattr("name", "in", metric_names) | list -%}
    select
        units.unit_id,
        units.variant,
        units.exposure_date,
        newest.as_of_date,
        {%- for metric in metrics %}
        {%- if metric.kind == "quantile" %}
        {%- set observed = metric.name ~ "_observed" %}
        max(coalesce(totals.{{ observed }}, 0) - units.base_{{ observed }}) as {{ adapter.quote(metric.name ~ "_observations") }}
        {%- else %}
        {%- set literal = dbt.string_literal(metric.name) %}
        max(case when unit_metrics.metric = {{ literal }} then unit_metrics.numerator end) as {{ adapter.quote(metric.name ~ "_numerator") }},
        max(case when unit_metrics.metric = {{ literal }} then unit_metrics.denominator end) as {{ adapter.quote(metric.name ~ "_denominator") }}
        {%- endif %}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ units }} as units
    inner join (
        select max(kept.business_date) as as_of_date
        from (select distinct business_date from {{ totals }}) as kept
        inner join {{ experiments }} as experiments
            on kept.business_date between experiments.start_date and experiments.end_date
        where experiments.experiment_id = {{ experiment }}
    ) as newest
        on
            units.exposure_date <= newest.as_of_date
            and (units.contamination_date is null or units.contamination_date > newest.as_of_date)
    left join {{ totals }} as totals
        on
            units.unit_type = totals.unit_type
            and units.unit_id = totals.unit_id
            and newest.as_of_date = totals.business_date
    left join {{ unit_metrics }} as unit_metrics
        on
            unit_metrics.experiment_id = {{ experiment }}
            and units.unit_id = unit_metrics.unit_id
            and newest.as_of_date = unit_metrics.as_of_date
    where
        units.experiment_id = {{ experiment }}
        and not units.is_excluded
    group by units.unit_id, units.variant, units.exposure_date, newest.as_of_date
{%- endmacro %}

{#- One row per zone and window that is over by the end of the newest date that the experiment has. -#}
{% macro switchback_view_query(experiment_id, metric_names, windows, window_days) -%}
    {%- set experiment = dbt.string_literal(dbt.escape_single_quotes(experiment_id)) -%}
    {%- set metrics = registered_metrics() | selectattr("name", "in", metric_names) | list -%}
    select
        windows.zone_id,
        windows.window_number,
        windows.variant,
        windows.starts_at,
        windows.counts_from,
        windows.ends_at,
        newest.as_of_date,
        coalesce(sums.burn_in_orders, 0) as burn_in_orders,
        {%- for metric in metrics %}
        {%- set numerator = "coalesce(sums." ~ metric.numerator ~ ", 0)" %}
        {{ "case when " ~ numerator ~ " > 0 then 1 else 0 end" if metric.kind == "proportion" else numerator }} as {{ adapter.quote(metric.name ~ "_numerator") }},
        {% if metric.denominator -%}
            coalesce(sums.{{ metric.denominator }}, 0)
        {%- elif metric.kind == "proportion" -%}
            1
        {%- else -%}
            cast({{ seconds_between("windows.counts_from", "windows.ends_at") }} as double precision)
            / {{ seconds_between("windows.starts_at", "windows.ends_at") }}
        {%- endif %} as {{ adapter.quote(metric.name ~ "_denominator") }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ windows }} as windows
    inner join (
        select max(business_date) as as_of_date from {{ window_days }}
        where experiment_id = {{ experiment }}
    ) as newest
        on {{ business_date(dbt.dateadd("second", -1, "windows.ends_at")) }} <= newest.as_of_date
    left join (
        select
            zone_id,
            window_number,
            {%- for measure in ["burn_in_orders"] + measures_of(metrics) %}
            cast(sum({{ measure }}) as bigint) as {{ measure }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from {{ window_days }}
        where experiment_id = {{ experiment }}
        group by zone_id, window_number
    ) as sums
        on
            windows.zone_id = sums.zone_id
            and windows.window_number = sums.window_number
    where windows.experiment_id = {{ experiment }}
{%- endmacro %}

{#- The views of a schema and their comments. -#}
{% macro described_views(schema) -%}
    {%- set views = {} -%}
    {%- for name, comment in run_query(adapter.dispatch("described_views_query", "splitmile")(schema)).rows -%}
        {%- do views.update({name: comment}) -%}
    {%- endfor -%}
    {{ return(views) }}
{%- endmacro %}

{% macro duckdb__described_views_query(schema) -%}
    select view_name, comment from duckdb_views() where database_name = current_database() and schema_name = '{{ schema }}'
{%- endmacro %}

{% macro redshift__described_views_query(schema) -%}
    select pg_class.relname, pg_description.description
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    left join pg_description on pg_class.oid = pg_description.objoid and pg_description.objsubid = 0
    where pg_namespace.nspname = '{{ schema }}' and pg_class.relkind = 'v'
{%- endmacro %}

{#- Dropped and created in one transaction: on Redshift `create or replace` cannot change the columns of a view. -#}
{% macro replace_view(relation, definition, comment) -%}
    {%- call statement("replace_view", auto_begin=True) %}
        drop view if exists {{ relation }};
        create view {{ relation }} as {{ definition }} {{ adapter.dispatch("late_binding", "splitmile")() }};
        comment on view {{ relation }} is {{ dbt.string_literal(dbt.escape_single_quotes(comment)) }};
        {{ grant_select(relation) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endmacro %}

{% macro default__late_binding() -%}{%- endmacro %}

{#- Bound to the tables themselves, the views would be dropped with them whenever dbt replaces one. -#}
{% macro redshift__late_binding() -%}with no schema binding{%- endmacro %}
