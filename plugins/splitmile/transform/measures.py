"""What a delivery contributes to each measure, as SQL; the same as dbt's macro `registered_measures` writes into the models."""

from __future__ import annotations

from splitmile.registry.metrics import SEMANTIC_MODEL
from splitmile.settings import Settings
from splitmile.transform.dbt import manifest_document


def read_expressions(settings: Settings) -> dict[str, str]:
    """SQL over one row of int_deliveries_timed by measure; of the measure of a quantile the SQL of one observation.

    Raises:
        TransformFailed: dbt cannot parse the project or the metrics folder.
    """
    models = manifest_document(settings)["semantic_models"].values()
    measures = [measure for model in models if model["name"] == SEMANTIC_MODEL for measure in model["measures"]]
    expressions = {}
    for measure in measures:
        expression = measure["expr"] or measure["name"]
        is_count = measure["agg"] == "count"
        expressions[measure["name"]] = f"case when {expression} is not null then 1 else 0 end" if is_count else expression
    return expressions
