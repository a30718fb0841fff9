{#- dbt renders the `where` of a test when it parses the project, which is before a run's variables are known. So it names them between
    double underscores, and they are put in here, when the test runs: __built_to__ is the date of `built_to`. -#}
{% macro get_where_subquery(relation) -%}
    {%- set condition = namespace(sql=config.get("where") or "") -%}
    {%- if not condition.sql -%}{{ return(relation) }}{%- endif -%}
    {%- for name in ("as_of_from", "as_of_date", "built_to", "replay_from", "refreeze_from") -%}
        {%- set condition.sql = condition.sql | replace("__" ~ name ~ "__", date_of(name)) -%}
    {%- endfor -%}
    {%- for name in ("replay_start", "refreeze_start", "running_start", "built_end") -%}
        {%- set condition.sql = condition.sql | replace("__" ~ name ~ "__", instant_of(name)) -%}
    {%- endfor -%}
    {{ return("(select * from " ~ relation ~ " where " ~ condition.sql ~ ") dbt_subquery") }}
{%- endmacro %}
