{#- The business date of a UTC instant: the local day that starts at the cut-over hour.
    Engines convert time zones by different functions. -#}
{% macro business_date(instant) -%}
    {{ return(adapter.dispatch("business_date", "splitmile")(instant)) }}
{%- endmacro %}

{#- Minutes are added where that is known to be right: the conversion takes some ten times longer. -#}
{% macro duckdb__business_date(instant) -%}
    {%- set converted -%}
        timezone('{{ var("timezone") }}', timezone('UTC', {{ instant }})) - interval {{ var("cutover_hour") }} hour
    {%- endset -%}
    {%- set offset = var("fixed_offset_minutes") -%}
    {%- if offset is none -%}
        cast({{ converted }} as date)
    {%- else -%}
        cast(case when {{ instant }} between timestamp '1995-01-01' and timestamp '2055-01-01'
            then {{ instant }} + interval ({{ offset - 60 * var("cutover_hour") }}) minute else {{ converted }} end as date)
    {%- endif -%}
{%- endmacro %}

{% macro redshift__business_date(instant) -%}
    cast(dateadd(hour, -{{ var("cutover_hour") }}, convert_timezone('UTC', '{{ var("timezone") }}', {{ instant }})) as date)
{%- endmacro %}
