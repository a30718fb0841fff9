{#- What an incremental model makes for a range of dates is a view of the session: DuckDB writes the rows once, into the model's table.
    dbt's own way is a temporary table of which they are copied, as it stays for rows by which it is found what gives way. Its columns are
    those of the contract where all models have the definition that they were made by. -#}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language="sql", partitioned_by=none, sorted_by=none) -%}
    {%- if temporary and config.get("incremental_strategy") == "replace_dates" -%}
        {%- if config.get("contract").enforced and not var("is_defined") -%}
            {{ get_assert_columns_equivalent(compiled_code) }}
        {%- endif -%}
        create temporary view {{ relation.include(database=false, schema=false) }} as (
            {{ compiled_code }}
        )
    {%- else -%}
        {{ dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by) }}
    {%- endif -%}
{%- endmacro %}
