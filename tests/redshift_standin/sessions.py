"""SET, RESET and SHOW: parameters of the session, and what Redshift shows of its catalog."""

from __future__ import annotations

import re

from redshift_standin.expressions import SCHEMA
from redshift_standin.source_text import SourceText, names
from redshift_standin.statements import Refused, Statement

# Redshift's parameters that PostgreSQL lacks, with their defaults; they are kept under the stand-in's own prefix.
_REDSHIFTS = {
    "query_group": "",
    "enable_result_cache_for_session": "on",
    "enable_case_sensitive_identifier": "off",
    "describe_field_name_in_uppercase": "off",
    "wlm_query_slot_count": "1",
}
# Those of which the stand-in carries out the default only.
_FIXED = frozenset({"enable_case_sensitive_identifier", "describe_field_name_in_uppercase"})
_SHARED = names("application_name client_encoding datestyle extra_float_digits search_path statement_timeout timezone")
_SHOWN_ONLY = frozenset({"transaction_isolation", "server_version", "standard_conforming_strings", "is_superuser"})
_OFF = frozenset({"off", "false", "f", "0", "no"})


def rewrite_set(text: SourceText) -> Statement:
    """SET, of a parameter that both engines know or that is Redshift's own.

    Raises:
        Refused: The parameter is not known, or the stand-in cannot do what it would change.
    """
    at = 2 if text.word(1).lower in ("session", "local") else 1
    name = text.word(at).lower
    if text.starts_with("set", "session", "authorization") or text.starts_with("set", "session", "characteristics"):
        return Statement(text.sql)
    if name in _SHARED:
        return Statement(text.sql)
    if name not in _REDSHIFTS:
        raise _unknown(name)
    value = text.word(at + 2)
    if name in _FIXED and value.text.lower() not in _OFF:
        raise Refused(
            f"{name} can only be off in the stand-in", hint="It folds quoted identifiers to small letters, as Redshift's default does."
        )
    text.replace(at, at, f"{SCHEMA}.{name}")
    return Statement(text.rendered(), tag="SET")


def rewrite_reset(text: SourceText) -> Statement:
    """RESET of one parameter.

    Raises:
        Refused: The parameter is not known.
    """
    name = text.word(1).lower
    if name in _REDSHIFTS:
        return Statement(f"set {SCHEMA}.{name} to '{_REDSHIFTS[name]}'", tag="RESET")
    if name not in _SHARED:
        raise _unknown(name)
    return Statement(text.sql)


def rewrite_show(text: SourceText) -> Statement:
    """SHOW of a parameter, or of schemas, tables, columns and grants.

    Raises:
        Refused: It is none of these.
    """
    name = text.word(1).lower
    if name in _REDSHIFTS:
        return Statement(
            f"select coalesce(nullif(current_setting('{SCHEMA}.{name}', true), ''), '{_REDSHIFTS[name]}') as {name}", tag="SHOW"
        )
    if name in _SHARED | _SHOWN_ONLY or text.starts_with("show", "transaction", "isolation", "level"):
        return Statement(text.sql)
    for pattern, template in _SHOWS:
        if match := pattern.fullmatch(text.sql.strip()):
            return Statement(template.format(**{key: _literal(value) for key, value in match.groupdict().items()}), tag="SHOW")
    raise Refused(
        f"this SHOW is not known to the stand-in: {text.sql.strip()}",
        hint="If Redshift documents it and the product needs it, teach redshift_standin.sessions.",
    )


_NAME = r'(?:"[^"]+"|\w+)'
_SHOWS = [
    (re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE), template)
    for pattern, template in (
        (rf"show schemas from database {_NAME}(?: like '(?P<pattern>[^']*)')?", f"select * from {SCHEMA}.show_schemas({{pattern}})"),
        (
            rf"show tables from schema (?:{_NAME}\.)?(?P<schema>{_NAME})(?: like '(?P<pattern>[^']*)')?",
            f"select * from {SCHEMA}.show_tables({{schema}}, {{pattern}})",
        ),
        (
            rf"show columns from table (?:{_NAME}\.)?(?P<schema>{_NAME})\.(?P<table>{_NAME})",
            f"select * from {SCHEMA}.show_columns({{schema}}, {{table}})",
        ),
        (
            rf"show grants on table (?:{_NAME}\.)?(?P<schema>{_NAME})\.(?P<table>{_NAME})",
            f"select * from {SCHEMA}.show_grants({{schema}}, {{table}})",
        ),
    )
]


def _literal(value: str | None) -> str:
    text = "%" if value is None else value.strip('"').lower()
    return "'" + text.replace("'", "''") + "'"


def _unknown(name: str) -> Refused:
    return Refused(
        f'unrecognized configuration parameter "{name}"',
        "42704",
        hint="If Redshift documents it and the product needs it, teach redshift_standin.sessions.",
    )
