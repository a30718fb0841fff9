{#- The business date of a UTC instant: the local day that starts at the cut-over hour.
    Engines convert time zones by different functions. -#}
{% macro business_date(instant) -%}
    {{ return(adapter.dispatch("business_date", "splitmile")(instant)) }}
{%- endmacro %}

{% macro duckdb__business_date(instant) -%}
    cast(timezone('{{ var("timezone") }}', timezone('UTC', {{ instant }})) - interval {{ var("cutover_hour") }} hour as date)
{%- endmacro %}

{% macro redshift__business_date(instant) -%}
    cast(dateadd(hour, -{{ var("cutover_hour") }}, convert_timezone('UTC', '{{ var("timezone") }}', {{ instant }})) as date)
{%- endmacro %}
