"""dbt's own rendering of the project's models, run statement by statement: a build takes tenths of a second instead of seconds.

Models, macros, variables and incremental strategies are those of the project, in dbt's own context. Left out is what a table does not
depend on: tests, contracts, grants, the views of experiments, and dbt's bookkeeping around each node.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from types import SimpleNamespace
from typing import Any

import pytest

from splitmile.settings import Settings
from splitmile.transform import dbt
from splitmile.warehouse import Warehouse, open_warehouse

_SCHEMAS = ("staging", "intermediate", "marts")


class DirectDbt:
    """Stands in for `splitmile.transform.dbt.parse` and `invoke`, for all settings that share a project and a metrics folder."""

    def __init__(self, settings: Settings) -> None:
        """Parse the project once."""
        self.manifest = dbt.parse(settings)
        models = {node.unique_id: node for node in self.manifest.nodes.values() if node.resource_type == "model"}
        order = TopologicalSorter({key: [each for each in node.depends_on.nodes if each in models] for key, node in models.items()})
        self._models = [models[key] for key in order.static_order()]
        self._templates: dict[str, Any] = {}
        with dbt._environment(dbt.project_environment(settings)):
            self._config = _runtime_config(settings)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Inside, `build_marts` runs dbt by this."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dbt, "parse", lambda *_: self.manifest)
            patch.setattr(dbt, "invoke", self.invoke)
            yield

    def invoke(self, settings: Settings, arguments: Sequence[str], variables: Mapping[str, Any], **_: Any) -> Any:
        """`dbt build` of every model; nothing is said of each."""
        assert arguments[0] == "build"
        self._config.cli_vars.clear()
        # As on every day on which no definition has changed: a model's own query writes its rows.
        self._config.cli_vars.update(variables, is_defined=True)
        with open_warehouse(settings) as warehouse:
            for schema in _SCHEMAS:
                warehouse.execute(f"create schema if not exists {schema}")
            rows = warehouse.fetch("select table_schema || '.' || table_name as name from information_schema.tables")
            there = {row["name"] for row in rows}
            # One transaction, since a commit of so few rows takes longer than the statement.
            with warehouse.transaction():
                for node in self._models:
                    self._build(warehouse, node, f"{node.schema}.{node.name}" in there, "--full-refresh" in arguments)
        return SimpleNamespace(results=[])

    def _build(self, warehouse: Warehouse, node: Any, is_there: bool, is_full_refresh: bool) -> None:
        from dbt.context.providers import generate_runtime_model_context

        replaces = node.config.full_refresh if node.config.full_refresh is not None else is_full_refresh
        is_incremental = node.config.materialized == "incremental" and is_there and not replaces
        context = generate_runtime_model_context(node, self._config, self.manifest)
        context["is_incremental"] = lambda: is_incremental
        # What a model asks for was built before it.
        context["load_relation"] = lambda relation: relation
        context["run_query"] = lambda sql: SimpleNamespace(rows=[tuple(row.values()) for row in warehouse.fetch(sql)])
        sql = self._rendered(node, context)
        if not is_incremental:
            kind = "view" if node.config.materialized == "view" else "table"
            warehouse.execute(f"create or replace {kind} {node.schema}.{node.name} as {sql}")
            return
        made = f"{node.name}__made"
        if node.config.incremental_strategy == "replace_units":
            warehouse.execute(f"create or replace temporary table {made} as {sql}")
        context["model"]["compiled_code"] = sql
        columns = [SimpleNamespace(name=row["column_name"]) for row in warehouse.fetch(f"describe {node.schema}.{node.name}")]
        strategy = context[f"get_incremental_{node.config.incremental_strategy}_sql"]
        replacement = {"target_relation": context["this"], "temp_relation": made, "dest_columns": columns}
        warehouse.execute(strategy({**replacement, "unique_key": None, "incremental_predicates": None}))

    def _rendered(self, node: Any, context: dict[str, Any]) -> str:
        from dbt.clients.jinja import get_template
        from dbt_common.clients.jinja import render_template

        if node.unique_id not in self._templates:
            self._templates[node.unique_id] = get_template(node.raw_code, context, node)
        return str(render_template(self._templates[node.unique_id], context, node))


def _runtime_config(settings: Settings) -> Any:
    from dbt.adapters.factory import get_adapter, register_adapter
    from dbt.config.runtime import RuntimeConfig
    from dbt.context.providers import generate_runtime_macro_context
    from dbt.flags import set_from_args
    from dbt.mp_context import get_mp_context

    project = str(settings.path(settings.dbt_project_dir))
    arguments = Namespace(
        project_dir=project,
        profiles_dir=project,
        target="duckdb",
        profile=None,
        vars=dbt.project_vars(settings),
        threads=1,
        which="build",
        full_refresh=False,
        target_path=str(settings.dbt_target_dir),
        log_path=str(settings.dbt_target_dir),
        version_check=False,
    )
    set_from_args(arguments, {})
    config = RuntimeConfig.from_args(arguments)
    register_adapter(config, get_mp_context())
    get_adapter(config).set_macro_context_generator(generate_runtime_macro_context)
    return config
