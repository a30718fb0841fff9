{#- The text under a key of a JSON object; null where the object is null or has no such key. -#}
{% macro json_text(document, key) -%}
    {{ return(adapter.dispatch("json_text", "splitmile")(document, key)) }}
{%- endmacro %}

{% macro duckdb__json_text(document, key) -%}
    json_extract_string({{ document }}, '$.' || {{ key }})
{%- endmacro %}

{% macro redshift__json_text(document, key) -%}
    nullif(json_extract_path_text({{ document }}, {{ key }}, true), '')
{%- endmacro %}
