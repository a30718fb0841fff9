{#- What an incremental model makes for a range of dates is written once on DuckDB, into the model's table, by the model's own query. dbt's
    way is a temporary table of which the rows are copied, as it stays on Redshift, and for rows by which it is found what gives way.
    Where a model may have other columns than its table, dbt compares them by a view of the session. -#}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language="sql", partitioned_by=none, sorted_by=none) -%}
    {%- if not temporary or config.get("incremental_strategy") != "replace_dates" -%}
        {{ dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by) }}
    {%- elif var("is_defined") -%}
        select 'nothing to compare'
    {%- else -%}
        {%- if config.get("contract").enforced -%}
            {{ get_assert_columns_equivalent(compiled_code) }}
        {%- endif -%}
        create temporary view {{ relation.include(database=false, schema=false) }} as (
            {{ compiled_code }}
        )
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__process_schema_changes(on_schema_change, source_relation, target_relation) -%}
    {%- if var("is_defined") and config.get("incremental_strategy") == "replace_dates" -%}
        {{ return({}) }}
    {%- endif -%}
    {{ return(dbt.default__process_schema_changes(on_schema_change, source_relation, target_relation)) }}
{%- endmacro %}

{#- What replaces the rows of some dates, as a relation. -#}
{% macro made_rows(temp_relation) -%}
    {{ return(adapter.dispatch("made_rows", "splitmile")(temp_relation)) }}
{%- endmacro %}

{% macro default__made_rows(temp_relation) -%}{{ return(temp_relation) }}{%- endmacro %}

{% macro duckdb__made_rows(temp_relation) -%}
    {{ return("(\n" ~ model.compiled_code ~ "\n) as made" if var("is_defined") else temp_relation) }}
{%- endmacro %}
