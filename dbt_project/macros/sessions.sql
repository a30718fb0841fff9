{#- dbt opens a session for each model; on Redshift none of its statements runs longer than `statement_timeout_ms`, 0 being no limit. -#}
{% macro limit_statements() -%}
    {{ return(adapter.dispatch("limit_statements", "splitmile")()) }}
{%- endmacro %}

{% macro default__limit_statements() -%}{%- endmacro %}

{% macro redshift__limit_statements() -%}
    set statement_timeout to {{ var("statement_timeout_ms") | int }}
{%- endmacro %}
