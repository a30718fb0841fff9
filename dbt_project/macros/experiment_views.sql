{#- After the models: one view per experiment of the registry, `marts.experiment_ID`, for analysts; the views of experiments that are
    gone from it go. A view is made again only when its definition has changed, which its comment tells: with hundreds of experiments
    the statements would otherwise take longer than the models, and each would wait for whoever reads the view. -#}
{% macro publish_experiment_views() -%}
    {#- Named before the condition, so that dbt learns of them when it parses. -#}
    {%- set unit_metrics, units = ref("experiment_unit_metrics"), ref("experiment_units") -%}
    {%- set experiments, experiment_metrics = ref("stg_experiments"), ref("stg_experiment_metrics") -%}
    {%- if execute and flags.WHICH in ("build", "run") and load_relation(unit_metrics) and load_relation(units) -%}
        {%- set there = described_views(unit_metrics.schema) -%}
        {%- set wanted = {} -%}
        {%- set query -%}
            select experiments.experiment_id, experiment_metrics.metric
            from {{ experiments.render() }} as experiments
            inner join {{ experiment_metrics.render() }} as experiment_metrics
                on experiments.experiment_id = experiment_metrics.experiment_id
            order by experiments.experiment_id, experiment_metrics.metric
        {%- endset -%}
        {%- for experiment_id, metric in run_query(query).rows -%}
            {%- do wanted.setdefault("experiment_" ~ experiment_id, {"id": experiment_id, "metrics": []}).metrics.append(metric) -%}
        {%- endfor -%}
        {#- The comment tells them from the views among the models. -#}
        {%- for name, comment in there.items() if (comment or "").startswith("One row per unit of ") and name not in wanted -%}
            {%- do run_query("drop view if exists " ~ api.Relation.create(schema=unit_metrics.schema, identifier=name)) -%}
        {%- endfor -%}
        {%- for name, experiment in wanted.items() -%}
            {%- set definition = experiment_view_query(experiment.id, experiment.metrics, unit_metrics.render(), units.render()) -%}
            {%- set comment = "One row per unit of " ~ experiment.id ~ ", as of its newest date. Definition " ~ local_md5(definition) -%}
            {%- if there.get(name) != comment -%}
                {%- do replace_view(api.Relation.create(database=unit_metrics.database, schema=unit_metrics.schema, identifier=name, type="view"), definition, comment) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- One row per clean unit as of the newest date that the experiment has. -#}
{% macro experiment_view_query(experiment_id, metrics, unit_metrics, units) -%}
    {%- set experiment = dbt.string_literal(dbt.escape_single_quotes(experiment_id)) -%}
    select
        unit_metrics.unit_id,
        unit_metrics.variant,
        units.exposure_date,
        unit_metrics.as_of_date,
        {%- for metric in metrics %}
        {%- set literal = dbt.string_literal(dbt.escape_single_quotes(metric)) %}
        max(case when unit_metrics.metric = {{ literal }} then unit_metrics.numerator end) as {{ adapter.quote(metric ~ "_numerator") }},
        max(case when unit_metrics.metric = {{ literal }} then unit_metrics.denominator end) as {{ adapter.quote(metric ~ "_denominator") }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ unit_metrics }} as unit_metrics
    left join {{ units }} as units
        on
            unit_metrics.experiment_id = units.experiment_id
            and unit_metrics.unit_id = units.unit_id
    where
        unit_metrics.experiment_id = {{ experiment }}
        and unit_metrics.as_of_date = (
            select max(newest.as_of_date) from {{ unit_metrics }} as newest
            where newest.experiment_id = {{ experiment }}
        )
    group by unit_metrics.unit_id, unit_metrics.variant, units.exposure_date, unit_metrics.as_of_date
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
