{#- DuckDB puts into memory whichever side of a join it takes to be the smaller one, and of rows that were filtered by several
    conditions it takes too few to be left. Between these two, which a model names as its pre-hook and its post-hook, it is the right
    side as written. -#}
{% macro join_as_written() -%}
    {{ return(adapter.dispatch("disable_optimizers", "splitmile")("build_side_probe_side")) }}
{%- endmacro %}

{% macro join_by_estimate() -%}
    {{ return(adapter.dispatch("disable_optimizers", "splitmile")("")) }}
{%- endmacro %}

{% macro default__disable_optimizers(names) -%}{%- endmacro %}

{% macro duckdb__disable_optimizers(names) -%}
    set disabled_optimizers = '{{ names }}'
{%- endmacro %}
