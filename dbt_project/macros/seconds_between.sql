{#- Whole seconds from one instant to another. dbt's datediff is dispatched by itself; DuckDB's and Redshift's both count second boundaries. -#}
{% macro seconds_between(earlier, later) -%}
    cast({{ dbt.datediff(earlier, later, "second") }} as bigint)
{%- endmacro %}
