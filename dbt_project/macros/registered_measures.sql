{#- The measures of the semantic model `deliveries`, as (name, SQL over one delivery) pairs in the order written.
    `graph` is only filled at execution time. -#}
{% macro registered_measures() -%}
    {%- set measures = [] -%}
    {%- if execute -%}
        {%- for model in graph.semantic_models.values() if model.name == "deliveries" -%}
            {%- for measure in model.measures -%}
                {%- set expression = measure.expr or measure.name -%}
                {%- if measure.agg == "count" -%}
                    {%- set expression = "case when " ~ expression ~ " is not null then 1 else 0 end" -%}
                {%- elif measure.agg != "sum" -%}
                    {{ exceptions.raise_compiler_error(
                        "measure " ~ measure.name ~ " is aggregated by " ~ measure.agg ~ "; experiments need sum or count"
                    ) }}
                {%- endif -%}
                {%- do measures.append({"name": measure.name, "expression": expression}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if not measures -%}
            {{ exceptions.raise_compiler_error("the metrics folder has no semantic model named deliveries with measures") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(measures) }}
{%- endmacro %}

{#- The metrics that experiments can use, as (name, kind, numerator, denominator, covariate_days): simple metrics are sums
    of a measure per unit, ratio metrics the quotient of two of those. Other types belong to dashboards and are passed over. -#}
{% macro registered_metrics() -%}
    {%- set metrics = [] -%}
    {%- if execute -%}
        {%- set measure_of = {} -%}
        {%- for metric in graph.metrics.values() if metric.type == "simple" -%}
            {%- do measure_of.update({metric.name: metric.type_params.measure.name}) -%}
        {%- endfor -%}
        {%- for metric in graph.metrics.values() | sort(attribute="name") -%}
            {%- if metric.type == "simple" -%}
                {%- do metrics.append({
                    "name": metric.name,
                    "kind": (metric.config.meta or {}).get("kind", "mean"),
                    "numerator": measure_of[metric.name],
                    "denominator": none,
                    "covariate_days": (metric.config.meta or {}).get("covariate_days", 0),
                }) -%}
            {%- elif metric.type == "ratio" -%}
                {%- do metrics.append({
                    "name": metric.name,
                    "kind": "ratio",
                    "numerator": measure_of[metric.type_params.numerator.name],
                    "denominator": measure_of[metric.type_params.denominator.name],
                    "covariate_days": (metric.config.meta or {}).get("covariate_days", 0),
                }) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(metrics) }}
{%- endmacro %}

{#- What the covariates of metrics need of the time before exposure: windows of days, each with its measures. -#}
{% macro covariate_windows(metrics) -%}
    {%- set windows = {} -%}
    {%- for metric in metrics if metric.covariate_days -%}
        {%- set measures = windows.setdefault(metric.covariate_days, []) -%}
        {%- for measure in (metric.numerator, metric.denominator) if measure and measure not in measures -%}
            {%- do measures.append(measure) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(windows) }}
{%- endmacro %}

{#- What can be randomised, and the column of a delivery that names it. -#}
{% macro unit_columns() -%}
    {{ return({"courier": "courier_id", "store": "store_id", "customer": "customer_id", "zone": "zone_id"}) }}
{%- endmacro %}
