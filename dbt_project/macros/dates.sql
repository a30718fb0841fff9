{% macro as_of_date() -%}cast('{{ var("as_of_date") }}' as date){%- endmacro %}

{#- Deletes the rows that an incremental model is about to write again. dbt's own delete+insert by key leaves the rows of a
    date that lost all its events. -#}
{% macro delete_dates(column, from, to) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ column }} between cast('{{ from }}' as date) and cast('{{ to }}' as date)
    {%- endif -%}
{%- endmacro %}
