{#- A view, or a table that holds none of the feeds' rows, tells in its comment which definition it was made by: `splitmile` leaves out of a
    run what is there by today's. -#}
{% macro tell_definition() -%}
    {%- if var("definition") and model.config.materialized != "incremental" -%}
        comment on {{ model.config.materialized }} {{ this }} is 'Definition {{ var("definition") }}'
    {%- endif -%}
{%- endmacro %}
