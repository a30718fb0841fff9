{#- The additive measures of the semantic model `deliveries`, as (name, SQL over one delivery) pairs in the order written, and two more
    for each quantile metric: how many observations a unit has, and how many up to a value near the quantile.
    `graph` is only filled at execution time. -#}
{% macro registered_measures() -%}
    {%- set measures = [] -%}
    {%- if execute -%}
        {%- for model in graph.semantic_models.values() if model.name == "deliveries" -%}
            {%- for measure in model.measures -%}
                {%- set expression = measure.expr or measure.name -%}
                {%- if measure.agg == "count" -%}
                    {%- set expression = "case when " ~ expression ~ " is not null then 1 else 0 end" -%}
                {%- elif measure.agg not in ("sum", "percentile") -%}
                    {{ exceptions.raise_compiler_error(
                        "measure " ~ measure.name ~ " is aggregated by " ~ measure.agg ~ "; experiments need sum, count or percentile"
                    ) }}
                {%- endif -%}
                {%- if measure.agg != "percentile" -%}
                    {%- do measures.append({"name": measure.name, "expression": expression}) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if not measures -%}
            {{ exceptions.raise_compiler_error("the metrics folder has no semantic model named deliveries with measures") }}
        {%- endif -%}
        {%- for metric in registered_metrics() if metric.quantile -%}
            {%- set observed = "case when " ~ metric.expression ~ " is not null then 1 else 0 end" -%}
            {%- set is_near = "case when " ~ metric.expression ~ " <= " ~ metric.near ~ " then 1 else 0 end" -%}
            {%- do measures.append({"name": metric.name ~ "_observed", "expression": observed}) -%}
            {%- do measures.append({"name": metric.name ~ "_near", "expression": is_near}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(measures) }}
{%- endmacro %}

{#- The metrics that experiments can use, by name: simple metrics are sums of a measure per unit, or a quantile where the measure is a
    percentile; ratio metrics are the quotient of two sums. Other types belong to dashboards and are passed over.
    Each has name, kind, numerator, denominator, covariate_days, window (first_day, last_day), cap (value or percentile), and for
    quantiles quantile, expression (of one observation) and near. -#}
{% macro registered_metrics() -%}
    {%- set metrics = [] -%}
    {%- if execute -%}
        {%- set measures, measure_of = {}, {} -%}
        {%- for model in graph.semantic_models.values() -%}
            {%- for measure in model.measures -%}
                {%- do measures.update({measure.name: measure}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- for metric in graph.metrics.values() if metric.type == "simple" -%}
            {%- do measure_of.update({metric.name: metric.type_params.measure.name}) -%}
        {%- endfor -%}
        {%- for metric in graph.metrics.values() | sort(attribute="name") if metric.type in ("simple", "ratio") -%}
            {%- set meta = metric.config.meta or {} -%}
            {%- set window, cap = meta.get("window"), meta.get("cap") -%}
            {%- set described = {
                "name": metric.name,
                "kind": meta.get("kind", "mean" if metric.type == "simple" else "ratio"),
                "numerator": measure_of[metric.name if metric.type == "simple" else metric.type_params.numerator.name],
                "denominator": none if metric.type == "simple" else measure_of[metric.type_params.denominator.name],
                "covariate_days": meta.get("covariate_days", 0),
                "window": {"first_day": window.first_day, "last_day": window.get("last_day")} if window else none,
                "cap": {"value": cap.get("value"), "percentile": cap.get("percentile")} if cap else none,
            } -%}
            {%- set measure = measures[described.numerator] -%}
            {%- if measure.agg == "percentile" -%}
                {%- do described.update({
                    "kind": "quantile",
                    "quantile": measure.agg_params.percentile,
                    "expression": measure.expr or measure.name,
                    "near": meta.get("near", 0),
                }) -%}
            {%- endif -%}
            {%- do metrics.append(described) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(metrics) }}
{%- endmacro %}

{#- Those of them that an experiment of the registry uses, as `splitmile` says in `used_metrics`; all, where it does not, or where none of
    the used ones is added up per unit. -#}
{% macro used_metrics() -%}
    {%- set used = [] -%}
    {%- for metric in registered_metrics() if not var("used_metrics") or metric.name in var("used_metrics") -%}
        {%- do used.append(metric) -%}
    {%- endfor -%}
    {{ return(used if used | rejectattr("kind", "equalto", "quantile") | list else registered_metrics()) }}
{%- endmacro %}

{#- The measures that the metrics are made of; a quantile is made of others (experiment_quantiles). -#}
{% macro measures_of(metrics) -%}
    {%- set names = [] -%}
    {%- for metric in metrics if metric.kind != "quantile" -%}
        {%- for measure in (metric.numerator, metric.denominator) if measure and measure not in names -%}
            {%- do names.append(measure) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- The windows of days since exposure that the metrics have, as name: (first_day, last_day or none, metrics). -#}
{% macro metric_windows(metrics) -%}
    {%- set windows = {} -%}
    {%- for metric in metrics if metric.window -%}
        {%- set first, last = metric.window.first_day, metric.window.last_day -%}
        {%- set name = first ~ "_" ~ ("on" if last is none else last) -%}
        {%- do windows.setdefault(name, {"first_day": first, "last_day": last, "metrics": []}).metrics.append(metric) -%}
    {%- endfor -%}
    {{ return(windows) }}
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

{#- What experiments of the registry randomise, as `splitmile` says in `unit_types`, and the column of a delivery that names it. -#}
{% macro unit_columns() -%}
    {%- set columns = {"courier": "courier_id", "store": "store_id", "customer": "customer_id", "zone": "zone_id"} -%}
    {%- set used = {} -%}
    {%- for unit_type, column in columns.items() if not var("unit_types") or unit_type in var("unit_types") -%}
        {%- do used.update({unit_type: column}) -%}
    {%- endfor -%}
    {{ return(used) }}
{%- endmacro %}
