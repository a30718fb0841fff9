{#- Whole seconds from one instant to another. DuckDB's datediff and Redshift's both count second boundaries. -#}
{% macro seconds_between(earlier, later) -%}
    cast({{ dbt.datediff(earlier, later, "second") }} as bigint)
{%- endmacro %}
