{#- What the role `analyst_role` may read: every table and view of the marts, the registry and the results. DuckDB knows no roles.

    dbt's own `grants` config is left alone: it covers models only, and for roles it needs a view that only superusers see in full. -#}
{% macro grant_select(relation) -%}
    {{ return(adapter.dispatch("grant_select", "splitmile")(relation)) }}
{%- endmacro %}

{% macro default__grant_select(relation) -%}{%- endmacro %}

{% macro redshift__grant_select(relation) -%}
    {%- if var("analyst_role") -%}
        grant select on {{ relation.render() }} to role {{ adapter.quote(var("analyst_role")) }}
    {%- endif -%}
{%- endmacro %}

{% macro grant_schemas() -%}
    {%- if execute and flags.WHICH in ("build", "run") -%}
        {{ return(adapter.dispatch("grant_schemas", "splitmile")()) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__grant_schemas() -%}{%- endmacro %}

{% macro redshift__grant_schemas() -%}
    {%- if var("analyst_role") -%}
        {%- set schemas = "marts, registry, results" -%}
        {%- set role = adapter.quote(var("analyst_role")) -%}
        grant usage on schema {{ schemas }} to role {{ role }};
        grant select on all tables in schema {{ schemas }} to role {{ role }}
    {%- endif -%}
{%- endmacro %}
