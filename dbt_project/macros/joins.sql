{#- DuckDB joins in the order that it takes to be the cheapest, and puts into memory whichever side it takes to be the smaller one; of
    rows that were filtered by several conditions it takes too few to be left. Between these two, which a model names as its pre-hook
    and its post-hook, it joins in the order that is written and puts the right side into memory. -#}
{% macro join_as_written() -%}
    {{ return(adapter.dispatch("disable_optimizers", "splitmile")("join_order,build_side_probe_side")) }}
{%- endmacro %}

{% macro join_by_estimate() -%}
    {{ return(adapter.dispatch("disable_optimizers", "splitmile")("")) }}
{%- endmacro %}

{% macro default__disable_optimizers(names) -%}{%- endmacro %}

{% macro duckdb__disable_optimizers(names) -%}
    set disabled_optimizers = '{{ names }}'
{%- endmacro %}
