{#- What is built tells in its comment by which definition: where all models are there by today's (`is_defined`), `splitmile` leaves out of
    a run what holds none of the feeds' rows, and the others need not compare their columns with those of their tables. -#}
{% macro tell_definition() -%}
    {%- if var("definition") and not var("is_defined") -%}
        comment on {{ "view" if model.config.materialized == "view" else "table" }} {{ this }} is 'Definition {{ var("definition") }}'
    {%- endif -%}
{%- endmacro %}
