{#- The number of the window that an instant lies in, of windows of one length that follow each other from `first_at` on. By this number
    events are joined to a schedule by equality: by the instants alone each event would be compared with every window of its zone. -#}
{% macro window_number(instant, first_at, window_seconds) -%}
    cast(floor(cast({{ seconds_between(first_at, instant) }} as double precision) / {{ window_seconds }}) as integer)
{%- endmacro %}
