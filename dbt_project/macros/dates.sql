{% macro as_of_date() -%}{{ date_of("as_of_date") }}{%- endmacro %}

{#- The date of a variable. -#}
{% macro date_of(variable) -%}cast('{{ var(variable) }}' as date){%- endmacro %}

{#- The dates of a variable that holds a list; never empty, since SQL has no empty list. -#}
{% macro date_list(variable) -%}
    {%- for each in var(variable) or ["1970-01-01"] -%}
        cast('{{ each }}' as date){{ ", " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Whether an instant column lies between the starts of two variables' business days; engines skip blocks by it, which they cannot
    by a business date that is computed. -#}
{% macro is_between_instants(column, first, end) -%}
    {{ column }} >= cast('{{ var(first) }}' as timestamp) and {{ column }} < cast('{{ var(end) }}' as timestamp)
{%- endmacro %}
