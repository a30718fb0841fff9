"""Which functions a statement may call: those that mean the same on both engines, and those that the shims bring."""

from __future__ import annotations

from redshift_standin.source_text import names
from redshift_standin.statements import Refused

# Numbers and texts, then aggregates and window functions, then the session.
COMMON = names(
    """abs cbrt ceil ceiling exp floor greatest least ln mod power random round sign sqrt trunc
    ascii btrim char_length character_length chr initcap left length lower lpad ltrim md5 octet_length position quote_ident quote_literal
    regexp_count repeat replace reverse right rpad rtrim split_part strpos substr substring translate trim upper
    cast coalesce nullif to_char to_date to_number

    bool_and bool_or count max min stddev stddev_pop stddev_samp var_pop var_samp variance
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

    current_database current_schema current_schemas current_setting current_user has_database_privilege has_schema_privilege
    has_table_privilege pg_backend_pid pg_cancel_backend pg_terminate_backend set_config"""
)

# Found by their own names, because the shims put them into pg_catalog or into PostgreSQL's own functions of these names.
SHIMMED_IN_PLACE = names(
    """convert_timezone date_trunc getdate is_valid_json last_day len pg_get_late_binding_view_cols pg_last_copy_count pg_last_copy_id
    strtol"""
)

# Called under the stand-in's own schema, because PostgreSQL has a function of that name with another meaning.
QUALIFIED = names("avg regexp_substr sum sysdate version")

# Work on the leader node's catalog, so only where a query reads nothing else.
OF_CATALOG = names("any array_to_string col_description format_encoding format_type pg_get_expr pg_get_viewdef")

_REPLACEMENTS = {
    "array_agg": "LISTAGG",
    "string_agg": "LISTAGG",
    "generate_series": "a calendar or number table; on Redshift this function runs on the leader node only",
    "now": "GETDATE() or SYSDATE; on Redshift this function runs on the leader node only",
    "current_timestamp": "GETDATE() or SYSDATE; on Redshift this function runs on the leader node only",
    "localtimestamp": "GETDATE() or SYSDATE; on Redshift this function runs on the leader node only",
    "localtime": "GETDATE() or SYSDATE; on Redshift this function runs on the leader node only",
    "current_time": "GETDATE() or SYSDATE; on Redshift this function runs on the leader node only",
    "age": "DATEDIFF; on Redshift this function runs on the leader node only",
    "concat": "||; on Redshift CONCAT takes two arguments and keeps NULL, on PostgreSQL it does neither",
}
_UNSUPPORTED = names(
    """array_agg string_agg generate_series now current_timestamp localtimestamp localtime current_time age corr covar_pop covar_samp
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy json_agg jsonb_agg json_object_agg
    jsonb_object_agg to_json to_jsonb jsonb_build_object json_build_object jsonb_array_elements json_array_elements unnest mode every
    bit_length format concat_ws string_to_array array_length array_append setseed justify_days justify_hours isfinite nextval currval
    gen_random_uuid row"""
)


def refused_function(name: str) -> Refused:
    """The refusal of a function that is in none of the lists."""
    instead = _REPLACEMENTS.get(name)
    if name in _UNSUPPORTED:
        return Refused(f"function {name}() is not supported on Redshift tables", "42883", hint=f"Use {instead}." if instead else "")
    return Refused(
        f"function {name}() is not known to the stand-in",
        "42883",
        hint=f"Use {instead}."
        if instead
        else "If Redshift documents it and the product needs it, add a shim in redshift_standin/shims and its name to "
        "redshift_standin.function_names.",
    )
