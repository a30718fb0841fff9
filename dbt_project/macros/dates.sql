{% macro as_of_date() -%}{{ date_of("as_of_date") }}{%- endmacro %}

{#- The date of a variable. -#}
{% macro date_of(variable) -%}cast('{{ var(variable) }}' as date){%- endmacro %}

{#- The instant of a variable. -#}
{% macro instant_of(variable) -%}cast('{{ var(variable) }}' as timestamp){%- endmacro %}

{#- The dates of a variable that holds a list; never empty, since SQL has no empty list. -#}
{% macro date_list(variable) -%}
    {%- for each in var(variable) or ["1970-01-01"] -%}
        cast('{{ each }}' as date){{ ", " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Whether an instant column lies between the starts of two variables' business days; engines skip blocks by it, which they cannot
    by a business date that is computed. -#}
{% macro is_between_instants(column, first, end) -%}
    {{ column }} >= {{ instant_of(first) }} and {{ column }} < {{ instant_of(end) }}
{%- endmacro %}

{#- Whether a unit was assigned since the first of the experiments under way began. Engines skip the blocks of earlier ones by it: they
    cannot tell by the experiment itself, since those of a block's units are many. Where none has ended, no unit is asked. -#}
{% macro is_since_running_start(assigned_at) -%}
    {%- if var("has_ended_units") -%}
        {{ assigned_at }} >= {{ instant_of("running_start") }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
