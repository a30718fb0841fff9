{#- What stands at the end of every statement, as JSON: `invocation_id` is that of dbt.log, `business_date` the as-of date of the run.
    Statements of no model see only the variables of the command line. -#}
{% macro query_comment(node) -%}
    {%- set said = {
        "app": "splitmile",
        "dbt_version": dbt_version,
        "invocation_id": invocation_id,
        "business_date": var("as_of_date", none),
    } -%}
    {%- if node -%}
        {%- do said.update({"node": node.unique_id}) -%}
    {%- endif -%}
    {{ return(tojson(said)) }}
{%- endmacro %}
